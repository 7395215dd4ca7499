"""Where faces are known from."""

import csv
import json

import numpy as np
import pytest

from akm_jax.prepare.given_landmarks import BOX_COLUMNS, POINT_COLUMNS
from datasets_tfds.long import faces
from datasets_tfds.synthetic.long_videos import LongSpec, draw_frames, plan_video

BOX, POINTS = (3, 4, 40, 50), np.arange(136, dtype=np.float32).reshape(68, 2) / 4
COLUMNS = ("video", *BOX_COLUMNS, *POINT_COLUMNS)


def write_table(folder, rows, columns=COLUMNS):
    with (folder / faces.FACE_TABLE).open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def row(video="a", box=BOX, points=POINTS):
    return [video, *box, *np.ravel(points)]


def write_truth(folder, box=BOX, points=POINTS):
    truth = {"videos": [{"video": name, "box": box, "landmarks": np.asarray(points).tolist()} for name in "ab"]}
    (folder / faces.TRUTH).write_text(json.dumps(truth))


def test_the_table_goes_before_the_truth(tmp_path):
    assert faces.read_faces(tmp_path, {"a", "b"}) == {}
    write_truth(tmp_path)
    write_table(tmp_path, [row(box=(1, 2, 30, 31), points=POINTS + 1)])
    found = faces.read_faces(tmp_path, {"a", "b"})
    assert found["a"].box == (1, 2, 30, 31)
    assert found["b"].box == BOX
    np.testing.assert_array_equal(found["a"].landmarks, POINTS + 1)
    np.testing.assert_array_equal(found["b"].landmarks, POINTS)
    assert len(faces.face_files(tmp_path)) == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row("c")], r"landmarks\.csv: video 'c' is no video of the set"),
        ([row(), row()], "line 3: video 'a' has a row for frame 0 already"),
        ([row(), [*row(), 7]], r"video 'a' has rows for frames \[0, 7\]; expected one, for frame 0"),
        ([[*row(), 7]], r"video 'a' has rows for frames \[7\]"),
        ([row(box=("x", 2, 3, 4))], "line 2: box_x must be a number"),
        ([row(points=np.full((68, 2), np.nan))], "line 2: x0 must be a number"),
        ([row()[:-1]], "line 2: y67 must be a number"),
        ([], "has no rows"),
    ],
)
def test_bad_rows_are_named(tmp_path, rows, message):
    write_table(tmp_path, rows, (*COLUMNS, "frame"))
    with pytest.raises(ValueError, match=message):
        faces.read_faces(tmp_path, {"a", "b"})


def test_missing_columns_are_named(tmp_path):
    write_table(tmp_path, [], columns=("video", "x0"))
    with pytest.raises(
        ValueError, match=r"landmarks\.csv lacks the columns box_x, box_y, box_width, box_height and 135"
    ):
        faces.read_faces(tmp_path, {"a"})


@pytest.mark.parametrize("text", ["{}", '{"clips": []}', "no json", '{"videos": [{"video": "a", "box": [1]}]}'])
def test_a_truth_of_something_else_is_an_error(tmp_path, text):
    (tmp_path / faces.TRUTH).write_text(text)
    with pytest.raises(ValueError, match="not the truth about drawn videos"):
        faces.read_faces(tmp_path, {"a"})


def test_a_picture_without_a_face_is_refused_with_certainty_and_remedy():
    with pytest.raises(
        ValueError, match=r"no face is certain .*0\.5\) -> give its box and landmarks in landmarks\.csv"
    ):
        faces.MeshFinder()(np.zeros((64, 64, 3), np.uint8))


def test_the_mesh_finds_a_drawn_face_where_it_was_drawn():
    plan = plan_video(LongSpec(seed=0, subject=1, index=0))
    picture = next(draw_frames(plan))
    found = faces.MeshFinder()(np.repeat(picture[..., None], 3, axis=-1))
    eyes = slice(36, 48)
    apart = np.abs(found.landmarks[eyes] - plan.landmarks[eyes]).max()
    assert apart < 0.1 * plan.box[2]  # a tenth of the face
