"""Clips of a run's own set, recognised by their paths: the frames it saw, their rate, the apex."""

import json
from pathlib import Path

import numpy as np
import pytest

from akm_jax.data.own_clip import OwnClip
from akm_jax.data.pictures import Frame
from akm_jax.prepare import Box
from datasets_tfds.known_clips import KnownClip, common_rate, find_given_face, read_known_clips, time_clip

KNOWN = KnownClip("sub01/EP02_01f", 3, 46, 48, 47, 200.0)


def clip(path="data/sub01/EP02_01f", first=46, last=48, times=None):
    frames = [Frame(number, Path(path) / f"img{number}.jpg") for number in range(first, last + 1)]
    return OwnClip(Path(path), frames, lambda i: np.zeros((4, 4), np.uint8), times=times)


@pytest.fixture
def run(tmp_path):
    """Writes a run of one clip, with what its fold kept of it."""

    def write(clip_id, sets=None, **told):
        fold = tmp_path / "run" / "folds" / "seed0" / "s1"
        fold.mkdir(parents=True)
        (fold / "result.json").write_text("{}")
        frames = [{"name": name, "number": n} for name, n in (("first", 46), ("apex", 47), ("last", 48))]
        content = {clip_id: {"apex": 1, "num_frames": 3, "frames": frames, **told}}
        (fold / "thumbnails.json").write_text(json.dumps(content))
        (tmp_path / "run" / "run.json").write_text(json.dumps({"data": {"sets": sets} if sets else {}}))
        return tmp_path / "run"

    return write


def test_a_run_says_what_it_saw(run):
    assert read_known_clips(run("sub01/EP02_01f", fps=200.0)) == (KNOWN,)


def test_clips_of_several_sets_are_known_without_their_sets_names(run):
    (known,) = read_known_clips(run("casme2/sub01/EP02_01f", sets=["casme2", "smic"], fps=200.0))
    assert known == KNOWN


def test_an_older_run_did_not_keep_the_rate(run):
    (known,) = read_known_clips(run("sub01/EP02_01f"))
    assert known.fps is None
    assert time_clip(clip(), [known]).fps == 0


@pytest.mark.parametrize(
    ("path", "clip_id", "called"),
    [
        ("data/sub01/EP02_01f", "sub01/EP02_01f", True),
        ("data/sub02/EP02_01f", "sub01/EP02_01f", False),
        ("data/x_s1_ne_01", "s1_ne_01", False),
        ("data/s1_ne_01", "s1_ne_01", True),
        ("anna/joy/3.avi", "anna_joy_3", True),
        ("anna/joy/3.avi", "3", True),
        ("/data", "", False),
    ],
)
def test_a_clip_is_called_as_its_path_ends(path, clip_id, called):
    assert KnownClip(clip_id, 1, 0, 0, None, 0.0).is_called(clip(path)) == called


def test_a_clip_of_the_set_has_its_apex_and_rate():
    found = time_clip(clip(), [KNOWN], asks="apex")
    assert (found.apex, found.fps, found.is_told, found.notes, found.warnings) == (1, 200, False, (), ())
    unknown_there = KnownClip("sub01/EP02_01f", 3, 46, 48, None, 0.0)
    found = time_clip(clip(times=np.arange(3) / 25), [unknown_there, KNOWN], asks="apex")
    assert (found.apex, found.fps, found.warnings) == (-1, 0, ())  # as the set has them, whatever the video says


def test_what_the_user_says_counts_first():
    found = time_clip(clip(), [KNOWN], fps=30, apex=48, asks="apex")
    assert (found.apex, found.fps, found.is_told) == (2, 30, True)


def test_other_frames_of_a_clip_of_the_set_are_told():
    found = time_clip(clip(first=40, last=60), [KNOWN], asks="apex")
    assert found.apex == -1
    assert found.notes == (
        "the run has a clip called sub01/EP02_01f, of which it saw frames 46 to 48 (--onset=46 --offset=48)",
    )
    assert found.warnings == (
        "the training clips had an annotated apex, this one has none; --apex says which frame it is",
    )


def test_another_clip_has_the_rate_of_its_video_or_of_the_training_clips():
    found = time_clip(clip("mine", times=np.arange(3) / 25), [KNOWN], asks="rate")
    assert (found.fps, found.notes) == (25, ())
    found = time_clip(clip("mine"), [KNOWN], asks="rate")
    assert (found.fps, found.notes) == (
        200,
        ("200 frames/s are taken, those of the training clips; --fps says otherwise",),
    )
    assert time_clip(clip("mine"), [KNOWN]).notes == ()
    assert time_clip(clip("mine"), []).fps == 0
    assert common_rate([KNOWN, KnownClip("b", 1, 0, 0, None, 25.0)]) == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fps": 0.0}, "fps 0: expected frames per second, above 0"),
        ({"apex": 1}, r"--apex=1: .* as in the file names, 46 to 48 \(frame 1 counted from 0 is 47\)"),
    ],
)
def test_a_rate_and_an_apex_that_are_none_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        time_clip(clip(), [], **given)


BOXES = "clip,x,y,width,height\n"


def test_a_table_above_the_clip_counts_if_it_names_the_clip(tmp_path):
    one = clip(tmp_path / "data" / "sub01" / "EP02_01f")
    one.path.mkdir(parents=True)
    assert find_given_face(one, []) is None
    near, far = tmp_path / "data" / "faces.csv", tmp_path / "faces.csv"
    far.write_text(f"{BOXES}sub01/EP02_01f,1,2,30,40\n")
    foreign = (b"", b"person,emotion\nanna,joy\n", b"\xff\x00,\xfe", f"{BOXES}other,1,2,wide,40\n".encode())
    for content in foreign:
        near.write_bytes(content)
        assert find_given_face(one, []) == (Box(1, 2, 30, 40), far)
    near.write_text(f"{BOXES}sub01/EP02_01f,1,2,wide,40\n")
    with pytest.raises(ValueError, match="width must be a number, got 'wide'"):
        find_given_face(one, [])


def test_a_table_of_the_runs_data_must_be_a_good_one(tmp_path):
    (tmp_path / "faces.csv").write_text("person,emotion\nanna,joy\n")
    with pytest.raises(ValueError, match=r"faces\.csv must have the columns clip,"):
        find_given_face(clip("elsewhere/EP02_01f"), [tmp_path])
