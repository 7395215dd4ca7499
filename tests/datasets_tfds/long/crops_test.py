"""Face crops as files in memory, and boxes that fit."""

import cv2
import numpy as np
import pytest

from akm_jax.prepare.face import Box
from akm_jax.prepare.landmarks import cut_box
from datasets_tfds.long import crops
from datasets_tfds.long.faces import Face

POINTS = np.zeros((68, 2), np.float32)


@pytest.fixture
def picture():
    coarse = np.random.default_rng(0).integers(0, 255, (12, 16, 3)).astype(np.uint8)
    return cv2.resize(coarse, (160, 120), interpolation=cv2.INTER_CUBIC)


def test_jpeg_is_what_the_released_program_keeps(picture, tmp_path):
    """It writes the colour crop with OpenCV's defaults and reads it back as grey."""
    crop = cv2.resize(picture[10:110, 20:110], (128, 128))
    cv2.imwrite(str(tmp_path / "crop.jpg"), crop)
    expected = cv2.imread(str(tmp_path / "crop.jpg"), 0)
    data = crops.encode_crop(cut_box(picture, Box(20, 10, 90, 100)), "jpeg")
    np.testing.assert_array_equal(crops.decode_crop(data), expected)


def test_png_keeps_every_grey_level(picture):
    crop = cut_box(picture, Box(20, 10, 90, 100))
    np.testing.assert_array_equal(
        crops.decode_crop(crops.encode_crop(crop, "png")), cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    )


def test_pictures_are_read_as_opencv_reads_them(picture, tmp_path):
    path = tmp_path / "img1.jpg"
    cv2.imwrite(str(path), picture)
    np.testing.assert_array_equal(crops.read_picture(path), cv2.imread(str(path)))
    cv2.imwrite(str(path), picture[..., 0])
    np.testing.assert_array_equal(crops.read_picture(path), cv2.imread(str(path)))


def test_broken_pictures_are_named(picture, tmp_path):
    path = tmp_path / "img1.jpg"
    cv2.imwrite(str(path), picture)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"img1\.jpg: cannot be read"):
        crops.read_picture(path)


def test_a_box_is_cut_at_the_border(picture):
    assert crops.fit_face(Face(Box(-5, 90, 60, 60), POINTS), picture).box == (0, 90, 55, 30)
    assert crops.fit_face(Face(Box(5, 9, 60, 60), POINTS), picture).box == (5, 9, 60, 60)


@pytest.mark.parametrize("box", [Box(200, 10, 60, 60), Box(10, 10, 60, -3)])
def test_a_box_that_is_not_in_the_picture_is_refused(picture, box):
    with pytest.raises(ValueError, match="is not in the picture, which is 160 x 120"):
        crops.fit_face(Face(box, POINTS), picture)


def test_a_box_of_which_hardly_anything_is_left_is_refused(picture):
    with pytest.raises(ValueError, match=r"\(-50, 10, 60, 60\), 10 x 60 pixels are in the picture of 160 x 120"):
        crops.fit_face(Face(Box(-50, 10, 60, 60), POINTS), picture)


def test_other_bytes_are_no_crop(picture):
    for data in (b"nothing", cv2.imencode(".png", picture)[1].tobytes()):
        with pytest.raises(ValueError, match="expected 128 x 128"):
            crops.decode_crop(data)
