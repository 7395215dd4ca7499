"""Landmarks by dlib: how the released program uses it, with a dlib that is told what to answer."""

import sys
import types

import numpy as np
import pytest

from akm_jax.prepare import dlib_landmarks
from akm_jax.prepare.dlib_landmarks import DlibLandmarks, find_model, released_track
from akm_jax.prepare.face import Box
from akm_jax.prepare.landmarks import crop_frame


class Rectangle:
    def __init__(self, left, top, right, bottom):
        self.sides = (left, top, right, bottom)

    left, top = (lambda self: self.sides[0]), (lambda self: self.sides[1])
    width, height = (lambda self: self.sides[2] - self.sides[0] + 1), (lambda self: self.sides[3] - self.sides[1] + 1)


class FakeDlib:
    """Finds a face wherever a picture is white, in order of the columns; landmarks count from the box's corner."""

    rectangle = Rectangle

    def __init__(self):
        self.seen = []

    def get_frontal_face_detector(self):
        return types.SimpleNamespace(run=self._run)

    def _run(self, image, upsample, threshold):
        self.seen.append((image.shape, upsample, threshold))
        white = (image if image.ndim == 2 else image.min(axis=2)) > 200
        columns = np.flatnonzero(white.any(axis=0))
        groups = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1) if len(columns) else []
        boxes = []
        for group in groups:
            rows = np.flatnonzero(white[:, group[0]])
            boxes.append(Rectangle(int(group[0]), int(rows[0]), int(group[-1]), int(rows[-1])))
        return boxes, [1.0 - i for i in range(len(boxes))], [0] * len(boxes)

    def shape_predictor(self, path):
        def predict(image, box):
            points = [types.SimpleNamespace(x=box.left() + i % 7, y=box.top() + i // 7) for i in range(68)]
            return types.SimpleNamespace(parts=lambda: points)

        return predict


@pytest.fixture
def dlib(monkeypatch, tmp_path):
    fake, model = FakeDlib(), tmp_path / "model.dat"
    model.touch()
    monkeypatch.setitem(sys.modules, "dlib", fake)
    for cached in (dlib_landmarks._detector, dlib_landmarks._predictor):
        cached.cache_clear()
    yield fake, DlibLandmarks(model)
    for cached in (dlib_landmarks._detector, dlib_landmarks._predictor):
        cached.cache_clear()


def frame_with(*boxes):
    frame = np.zeros((100, 150, 3), np.uint8)
    for x, y, side in boxes:
        frame[y : y + side, x : x + side] = 255
    return frame


def test_all_faces_with_certainties(dlib):
    fake, source = dlib
    faces = source(frame_with((10, 20, 30), (80, 40, 20)))
    assert [face.box for face in faces] == [Box(10, 20, 30, 30), Box(80, 40, 20, 20)]
    assert [round(face.certainty, 4) for face in faces] == [0.7311, 0.5]
    np.testing.assert_array_equal(faces[1].points[8], (81, 41))
    assert fake.seen == [((100, 150, 3), 1, 0.0)]


def test_the_released_program_takes_the_last_box_and_landmarks_on_the_crop(dlib):
    """The crop of the last face is all white: its face is the whole crop, its landmarks whole pixels there."""
    _, source = dlib
    frames = [frame_with((10, 20, 30), (80, 40, 21)), frame_with((10, 20, 30))]
    found = released_track(frames, source, video="v")
    ((start, stop, box, _, _),) = found.spans
    assert (start, stop, box) == (0, 2, Box(80, 40, 21, 21))
    np.testing.assert_array_equal(found.spans[0].landmarks, [(i % 7, i // 7) for i in range(68)])
    assert found.notes == ("v, frame 0: 2 faces; the last is taken",)


def test_the_released_program_waits_for_a_crop_with_a_face(dlib):
    """The first crop is too dark for the detector after it was made; the landmarks come from the second."""
    fake, source = dlib
    answers = iter([[Rectangle(10, 20, 59, 69)], [], [Rectangle(5, 6, 100, 101)]])
    fake._run = lambda image, upsample, threshold: ((boxes := next(answers)), [0.3] * len(boxes), [0] * len(boxes))
    dlib_landmarks._detector.cache_clear()
    found = released_track([frame_with()] * 3, source, video="v")
    np.testing.assert_array_equal(found.spans[0].landmarks[0], (5, 6))
    assert next(answers, None) is None


def test_faces_that_are_nowhere_are_errors(dlib):
    _, source = dlib
    with pytest.raises(ValueError, match="v: dlib finds no face on frame 0"):
        released_track([frame_with()], source, video="v")
    with pytest.raises(ValueError, match="v: expected at least 1 frame"):
        released_track([], source, video="v")
    source_once = dlib_landmarks.DlibLandmarks(source.model)
    answers = iter([[Rectangle(10, 20, 59, 69)], []])
    dlib[0]._run = lambda *_: ((boxes := next(answers)), [0.3] * len(boxes), [0] * len(boxes))
    dlib_landmarks._detector.cache_clear()
    with pytest.raises(ValueError, match=r"no face on any crop of \(10, 20, 50, 50\)"):
        released_track([frame_with()], source_once, video="v")


def test_what_is_missing_is_named_with_what_to_type(monkeypatch, tmp_path):
    dlib_landmarks._detector.cache_clear()
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(ModuleNotFoundError, match="pip install dlib-bin"):
        DlibLandmarks()(frame_with())
    with pytest.raises(
        FileNotFoundError, match=r"no shape_predictor.* at .*here\.dat; get it by `apt install libdlib-data`"
    ):
        find_model(tmp_path / "here.dat")


def test_the_model_is_found_in_the_package(monkeypatch, tmp_path):
    monkeypatch.setattr(dlib_landmarks, "DEBIAN", tmp_path / "none")
    spec = types.SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(dlib_landmarks.importlib.util, "find_spec", lambda name: spec)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / dlib_landmarks.MODEL).touch()
    assert find_model() == tmp_path / "models" / dlib_landmarks.MODEL


def test_a_photograph_with_the_real_dlib(astronaut):
    """Where dlib and its model are installed."""
    pytest.importorskip("dlib")
    try:
        find_model()
    except FileNotFoundError as e:
        pytest.skip(str(e))
    dlib_landmarks._detector.cache_clear()
    frame = astronaut[:300]  # without the patch on the suit that dlib takes for a face
    found = released_track([frame], DlibLandmarks(), video="v").spans[0]
    assert found.box == Box(175, 76, 91, 91)
    assert (found.landmarks == np.round(found.landmarks)).all()
    assert crop_frame(frame, found.box, through_jpeg=True).shape == (128, 128)
    assert np.abs(found.landmarks[36] - (28, 35)).max() < 4
