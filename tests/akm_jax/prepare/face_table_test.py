"""CSV files of eyes and boxes: what is read, and every way a file can be wrong."""

import numpy as np
import pytest

from akm_jax.prepare.face import AlignConfig, Box, Eyes, align_clip
from akm_jax.prepare.face_table import read_face_table

CLIPS = {"sub01/EP02_01f", "sub01/EP03_02", "sub02/EP01_11f"}
EYES = "clip,left_eye_x,left_eye_y,right_eye_x,right_eye_y\n"
BOXES = "clip,x,y,width,height\n"


@pytest.fixture
def write(tmp_path):
    def write_file(text, encoding="utf-8"):
        path = tmp_path / "faces.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write_file


def test_eyes_and_boxes_are_read(write):
    table = read_face_table(write(EYES + "sub01/EP02_01f,251.5,198,334,201.5\n"), CLIPS)
    assert table == {"sub01/EP02_01f": Eyes((251.5, 198.0), (334.0, 201.5))}
    table = read_face_table(write(BOXES + "sub01/EP03_02, 190, 120, 280, 340\nsub02/EP01_11f,1,2,3,4\n"), CLIPS)
    assert table == {"sub01/EP03_02": Box(190, 120, 280, 340), "sub02/EP01_11f": Box(1, 2, 3, 4)}


def test_columns_may_come_in_any_order_from_a_spreadsheet(write):
    text = "height, width,note,x,y,clip\r\n40,30,who,1,2,sub01/EP02_01f\r\n"
    assert read_face_table(write(text, "utf-8-sig"), CLIPS) == {"sub01/EP02_01f": Box(1, 2, 30, 40)}


def test_table_overrides_detection(write):
    table = read_face_table(write(BOXES + "sub01/EP02_01f,4,6,16,16\n"), CLIPS)
    frames = np.random.default_rng(0).integers(0, 256, (3, 40, 40), np.uint8)

    def never(image):
        raise AssertionError("the detector was asked")

    aligned = align_clip(frames, never, config=AlignConfig(16, 16), face=table["sub01/EP02_01f"])
    np.testing.assert_array_equal(aligned, frames[:, 6:22, 4:20])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            EYES + "sub01/EP99,1,2,30,4\n",
            r"line 2: no clip 'sub01/EP99' in the data set, which has clips such as 'sub01/EP0",
        ),
        (BOXES + "sub03/EP01,1,2,30,4\n", "no clip 'sub03/EP01'"),
        (BOXES + "sub01/EP03_02,1,2,30,4\nsub01/EP03_02,1,2,30,4\n", "line 3: clip 'sub01/EP03_02' has a row already"),
        (BOXES + "sub01/EP03_02,1,two,30,4\n", "line 2: y must be a number, got 'two'"),
        (BOXES + "sub01/EP03_02,1,2,30\n", "line 2: height must be a number, got ''"),
        (BOXES + "sub01/EP03_02,1,nan,30,4\n", "y must be a number, got 'nan'"),
        (BOXES + "sub01/EP03_02,1,2,0,4\n", "width and a height above 0, got 0 x 4"),
        (EYES + "sub01/EP03_02,50,2,30,4\n", "the right eye must lie to the right of the left one"),
        (
            "clip,x,y,w,h\n",
            r"must have the columns clip,left_eye_x,.* or clip,x,y,width,height in its first line, got clip,x,y",
        ),
        ("", "in its first line, got none"),
        (BOXES + "sub09/A,1,2,3,4\nsub09/B,1,2,3,4\n", "2 bad rows:\n  line 2: .*\n  line 3: no clip 'sub09/B'"),
    ],
)
def test_bad_tables_are_refused(write, text, message):
    with pytest.raises(ValueError, match=message):
        read_face_table(write(text), CLIPS)


def test_a_spreadsheet_that_is_not_csv_is_refused(write):
    with pytest.raises(ValueError, match=r"faces\.csv is not a CSV file in UTF-8"):
        read_face_table(write("clip,é", "utf-16"), CLIPS)


def test_missing_table_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no face table at .*faces\.csv; expected a CSV file with the columns clip,"
    ):
        read_face_table(tmp_path / "faces.csv", CLIPS)
