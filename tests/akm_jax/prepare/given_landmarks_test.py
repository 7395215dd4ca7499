"""CSV files of landmarks: what is read, and every way a file can be wrong."""

import csv

import numpy as np
import pytest

from akm_jax.prepare.face import Box
from akm_jax.prepare.given_landmarks import BOX_COLUMNS, POINT_COLUMNS, GivenLandmarks, LandmarkTable

POINTS = np.arange(136).reshape(68, 2) / 2


def row(video="v1", frame="", box=(1, 2, 30, 40), points=POINTS, **other):
    cells = {"video": video, "frame": frame, **dict(zip(BOX_COLUMNS, box, strict=True))}
    return cells | dict(zip(POINT_COLUMNS, np.ravel(points).tolist(), strict=True)) | other


@pytest.fixture
def table(tmp_path):
    def read(*rows, without=()):
        path = tmp_path / "landmarks.csv"
        names = [name for name in row() if name not in without]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        return LandmarkTable.read(path)

    return read


def test_one_row_a_video_counts_for_all_its_frames(table):
    for found in (table(row()), table(row(), without=("frame",)), table(row(frame=0))):
        ((start, stop, box, points),) = found.video("v1").spans(100, "v1")
        assert (start, stop, box) == (0, 100, Box(1, 2, 30, 40))
        np.testing.assert_array_equal(points, POINTS)


def test_rows_count_from_their_frames_on_in_any_order(table):
    found = table(row(frame=50, box=(5, 6, 7, 8)), row("v2"), row(frame=0)).video("v1")
    assert [(start, stop, box.x) for start, stop, box, _ in found.spans(80, "v1")] == [(0, 50, 1), (50, 80, 5)]


def test_a_table_that_does_not_cover_a_video_is_an_error_with_its_name(table):
    found = table(row("s15_0101"), row("late", frame=10), row("short", frame=0), row("short", frame=90))
    with pytest.raises(
        ValueError, match=r"landmarks\.csv does not cover video 's9'; it has rows of videos such as 'late'"
    ):
        found.video("s9")
    with pytest.raises(ValueError, match=r"does not cover video 'late', .* 0 to 99: its rows are for frames 10 to 10"):
        found.video("late").spans(100, "late")
    with pytest.raises(ValueError, match=r"does not cover video 'short', which has frames 0 to 79"):
        found.video("short").spans(80, "short")


def test_what_is_told_of_the_first_frame_alone(table):
    found = table(row(), row("v2", frame=3), row("v3"), row("v3", frame=9))
    box, points = found.first_frame("v1")
    assert box == Box(1, 2, 30, 40)
    np.testing.assert_array_equal(points, POINTS)
    for video, starts in (("v2", r"\[3\]"), ("v3", r"\[0, 9\]")):
        with pytest.raises(ValueError, match=rf"'{video}' has rows for frames {starts}; expected one, for frame 0"):
            found.first_frame(video)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(x3="left")], "1 bad rows:\n  line 2: x3 must be a number, got 'left'"),
        ([row(y67="")], "y67 must be a number, got ''"),
        ([row(box_width=0)], "width and a height above 0, got 0 x 40"),
        ([row(frame="-1")], "frame must be a whole number from 0 on, got '-1'"),
        ([row(frame="1.5")], "frame must be a whole number from 0 on, got '1.5'"),
        ([row(frame=3), row("v2"), row(frame=3)], "line 4: video 'v1' has a row for frame 3 already"),
        ([row(x0="nan"), row("v2", x1="inf")], "2 bad rows:\n  line 2: x0 .*\n  line 3: x1 must be"),
        ([], "has no rows"),
    ],
)
def test_bad_rows_are_refused_together(table, rows, message):
    with pytest.raises(ValueError, match=message):
        table(*rows)


def test_missing_columns_are_named(table):
    with pytest.raises(ValueError, match=r"lacks the columns box_x, x67; .* must have video,frame,box_x"):
        table(row(), without=("box_x", "x67"))
    with pytest.raises(ValueError, match=r"lacks the columns x0, y0, x1, y1 and 132 more"):
        table(row(), without=POINT_COLUMNS)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no landmark table at .*none\.csv; expected a CSV file with"):
        LandmarkTable.read(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "expected rows from different frames in order, got frames \\[\\]"),
        (((3, Box(0, 0, 1, 1), POINTS), (1, Box(0, 0, 1, 1), POINTS)), r"got frames \[3, 1\]"),
        (((0, Box(0, 0, 1, 1), POINTS[:5]),), r"finite points of shape \(68, 2\), got \(5, 2\)"),
        (((0, Box(0, 0, 1, 1), POINTS * np.nan),), "finite points"),
    ],
)
def test_given_landmarks_are_checked(rows, message):
    with pytest.raises(ValueError, match=message):
        GivenLandmarks(rows)
