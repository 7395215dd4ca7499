"""From cells to intervals."""

import pytest

from akm_jax.data.long_videos import Interval
from datasets_tfds.disk_check import DiskCheck
from datasets_tfds.long.intervals import IntervalReader, Rules, WrittenInterval

RULES = Rules()


def read(onset, apex, offset, *, rules=RULES, first=1, num_frames=100, kind="macro-expression", emotion=""):
    check = DiskCheck("test", None)
    check.relative = str
    reader = IntervalReader(check, rules)
    row = WrittenInterval("table row 7", "a_1", "a", onset, apex, offset, kind, emotion)
    found = reader.read(row, first, num_frames)
    reader.finish()
    return found, check


@pytest.mark.parametrize(
    ("cells", "expected", "note"),
    [
        ((5, 9, 20), (4, 8, 19), None),
        ((5.0, "9", " 20 "), (4, 8, 19), None),
        ((5, 9, 0), (4, 8, 8), "offset 0"),
        ((5, 0, 20), (4, 11, 19), "apex 0"),
        ((0, 9, 20), (-1, 8, 19), "onset 0"),
        ((0, 0, 20), (-1, -1, 19), "onset 0"),
        ((5, -1, 20), (4, -1, 19), None),
        ((5, "/", 20), (4, -1, 19), None),
        ((5, 25, 20), (4, -1, 19), "apex outside"),
        ((5, 3, 20), (4, -1, 19), "apex outside"),
        ((566.4000000000001 - 561, 9, 20.5), (4, 8, 20), "not whole"),
    ],
)
def test_numbers(cells, expected, note):
    found, check = read(*cells)
    assert found == Interval(*expected, "macro")
    assert (note is None and not check.notes) or any(note in line and "table row 7" in line for line in check.notes)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ((5, 0, 0), "neither offset nor apex is given"),
        ((21, 9, 20), "onset 21 comes after offset 20"),
        ((21, 9, 0), "onset 21 comes after offset 9"),
        ((101, 105, 110), "101..110 lies outside the video, which has frames 1..100"),
        ((90, 95, 101), "90..101 lies outside"),
        ((5, "high", 20), "apex is 'high'; expected the number of a frame"),
        ((float("inf"), 9, 20), "onset is 'inf'"),
        ((-4, 9, 20), "onset is '-4'"),
        ((5, 9, ""), "onset or offset is not given"),
    ],
)
def test_what_cant_be_right(cells, message):
    found, check = read(*cells)
    assert found is None
    assert len(check.problems) == 1
    assert message in check.problems[0]
    assert check.left_out == {"a"}


def test_an_offset_past_the_end_is_clamped_where_that_is_known():
    found, check = read(90, 95, 107, rules=Rules(clamps_offsets=True))
    assert found == Interval(89, 94, 99, "macro")
    assert "offset past the last frame" in check.notes[0]
    assert read(101, 105, 110, rules=Rules(clamps_offsets=True))[0] is None


def test_frames_may_be_numbered_from_elsewhere():
    assert read(46, 50, 86, first=46)[0] == Interval(0, 4, 40, "macro")
    assert read(45, 50, 86, first=46)[0] is None


def test_zero_is_a_frame_where_frames_count_from_zero():
    rules = Rules(zero_is_unknown=False)
    assert read(0, 0, 7, first=0, rules=rules)[0] == Interval(0, 0, 7, "macro")
    assert read(0, 0, 7, first=1, rules=rules)[0] is None
    assert read("", 0, 7, first=0, rules=rules)[0] is None


def test_types_and_emotions():
    found, check = read(5, 9, 20, kind="Micro - 1/2", emotion="Happyiness")
    assert (found.type, found.emotion) == ("micro", "happiness")
    assert "'Happyiness' read as 'happiness'" in check.notes[0]
    assert read(5, 9, 20, kind="")[0] is None
