"""Boxes and crops: exact, and landmarks go with them."""

import cv2
import numpy as np
import pytest

from akm_jax.prepare.face import Box
from akm_jax.prepare.landmarks import crop_frame, crop_points, fit_box, uncrop_points

FRAME = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(10.4, 20.6, 30.2, 29.7), Box(10, 21, 30, 30)),
        (Box(-5, 4, 20, 20), Box(0, 4, 15, 20)),
        (Box(70, 50, 20, 20), Box(70, 50, 10, 10)),
    ],
)
def test_boxes_are_whole_and_cut_off_at_the_border(box, expected):
    assert fit_box(box, FRAME) == expected


def test_a_box_outside_is_refused():
    with pytest.raises(ValueError, match=r"x 90, y 5, 20 x 20 is not in the picture, which is 80 x 60"):
        fit_box(Box(90, 5, 20, 20), FRAME)


def test_the_crop_is_exactly_the_box_bilinear_and_grey():
    crop = crop_frame(FRAME, Box(3, 7, 50, 40))
    expected = cv2.cvtColor(
        cv2.resize(FRAME[7:47, 3:53], (128, 128), interpolation=cv2.INTER_LINEAR), cv2.COLOR_BGR2GRAY
    )
    np.testing.assert_array_equal(crop, expected)
    same = np.random.default_rng(1).integers(0, 256, (128, 128), np.uint8)
    np.testing.assert_array_equal(crop_frame(same, Box(0, 0, 128, 128)), same)


def test_the_crop_through_jpeg_is_that_of_a_file(tmp_path):
    box = Box(3, 7, 50, 40)
    cv2.imwrite(str(tmp_path / "crop.jpg"), cv2.resize(FRAME[7:47, 3:53], (128, 128)))
    expected = cv2.imread(str(tmp_path / "crop.jpg"), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(crop_frame(FRAME, box, through_jpeg=True), expected)


@pytest.mark.parametrize("box", [Box(3.5, 7, 50, 40), Box(-1, 0, 20, 20), Box(50, 0, 40, 40)])
def test_a_box_that_is_not_whole_pixels_in_the_picture_is_refused(box):
    with pytest.raises(ValueError, match="must be whole pixels in a picture of 80 x 60"):
        crop_frame(FRAME, box)


def test_points_land_where_the_crop_shows_them():
    """A bright square's middle is found again in the crop."""
    frame = np.zeros((200, 300), np.uint8)
    frame[90:99, 150:157] = 255
    box = Box(100, 60, 120, 80)
    x, y = crop_points(np.array([[153.0, 94.0]]), box)[0]
    crop = crop_frame(frame, box).astype(float)
    rows, columns = np.mgrid[:128, :128]
    assert x == pytest.approx((crop * columns).sum() / crop.sum(), abs=0.05)
    assert y == pytest.approx((crop * rows).sum() / crop.sum(), abs=0.05)


def test_points_of_a_crop_come_back_exactly():
    whole = np.random.default_rng(2).integers(0, 128, (68, 2))
    box = Box(17, 23, 91, 90)
    np.testing.assert_array_equal(crop_points(uncrop_points(whole, box), box), whole)


def test_points_are_rounded_to_a_thousandth_or_not():
    points, box = np.array([[10.0, 20.0]]), Box(0, 0, 90, 60)
    exact = np.array([[10.5 * 128 / 90 - 0.5, 20.5 * 128 / 60 - 0.5]])
    np.testing.assert_array_equal(crop_points(points, box), np.float32([[14.433, 43.233]]))
    np.testing.assert_array_equal(crop_points(points, box, decimals=None), exact.astype(np.float32))
