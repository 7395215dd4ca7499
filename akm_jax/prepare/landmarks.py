"""68 landmarks on faces: what finds them, and how face and landmarks become a crop of 128 x 128.

Landmarks are in the order of dlib's 68 points: 0-16 jaw, 17-21 and 22-26 brows, 27-35 nose, 36-41 and 42-47 eyes, 48-59
outer and 60-67 inner lips, each from the left of the picture on. Coordinates are pixels of the frame, (0, 0) the centre
of the first pixel; boxes have whole numbers and lie in the picture.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from akm_jax.data.long_videos import CROP_SIZE
from akm_jax.prepare.face import Box, to_grey


class LandmarkedFace(NamedTuple):
    """A face in a frame: its box for cropping, its landmarks, and how sure its source is of it, 0..1."""

    box: Box
    points: Float[np.ndarray, "68 2"]
    certainty: float


class LandmarkSource(Protocol):
    """Finds faces and their landmarks in single frames."""

    @property
    def name(self) -> str:
        """What it is called in messages and records."""

    def __call__(self, frame: UInt8[np.ndarray, "H W *c"]) -> Sequence[LandmarkedFace]:
        """All that may be faces in a grey or BGR frame; 0.5 of certainty and above are to be relied on."""


def fit_box(box: Box, frame: UInt8[np.ndarray, "H W *c"]) -> Box:
    """The box in whole pixels, cut off where the picture ends.

    Raises:
        ValueError: nothing of it is in the picture.
    """
    height, width = frame.shape[:2]
    x, y, box_width, box_height = (round(v) for v in box)
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + box_width, width), min(y + box_height, height)
    if left >= right or top >= bottom:
        raise ValueError(f"a face box {_describe(box)} is not in the picture, which is {width} x {height}")
    return Box(left, top, right - left, bottom - top)


def cut_box(frame: UInt8[np.ndarray, "H W *c"], box: Box) -> UInt8[np.ndarray, "128 128 *c"]:
    """Cut a face out exactly by its box, bilinear to 128 x 128 without smoothing, grey or in colour as the frame is.

    Args:
        frame: grey or BGR.
        box: whole pixels in the picture, as of a `LandmarkedFace`.

    Raises:
        ValueError: the box is not one of whole pixels in the picture.

    Source: released program of SOFTNet (Liong et al., 2021), without its wrong crops where a box leaves the picture.
    """
    if any(v != int(v) for v in box) or fit_box(box, frame) != box:
        height, width = frame.shape[:2]
        raise ValueError(f"a face box {_describe(box)} must be whole pixels in a picture of {width} x {height}")
    x, y, width, height = (int(v) for v in box)
    cut = np.ascontiguousarray(frame[y : y + height, x : x + width])  # OpenCV takes no channels in reverse
    return cv2.resize(cut, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_LINEAR)


def crop_frame(
    frame: UInt8[np.ndarray, "H W *c"], box: Box, *, through_jpeg: bool = False
) -> UInt8[np.ndarray, "128 128"]:
    """What `cut_box` cuts out, grey; `through_jpeg`: kept as JPEG in between, as SOFTNet's released program does."""
    crop = cut_box(frame, box)
    if through_jpeg:
        return np.asarray(cv2.imdecode(cv2.imencode(".jpg", crop)[1], cv2.IMREAD_GRAYSCALE))
    return to_grey(crop)


def crop_points(points: Float[np.ndarray, "n 2"], box: Box, *, decimals: int | None = 3) -> Float32[np.ndarray, "n 2"]:
    """Where points of a frame are in the crop of a box, rounded to so many decimals of a pixel; None: as they are."""
    moved = (points - (box.x, box.y) + 0.5) * (CROP_SIZE / box.width, CROP_SIZE / box.height) - 0.5
    return (moved if decimals is None else np.round(moved, decimals)).astype(np.float32)


def uncrop_points(points: Float[np.ndarray, "n 2"], box: Box) -> Float[np.ndarray, "n 2"]:
    """Where points of the crop of a box are in the frame: the inverse of `crop_points`."""
    return (points + 0.5) * (box.width / CROP_SIZE, box.height / CROP_SIZE) - 0.5 + (box.x, box.y)


def _describe(box: Box) -> str:
    return f"x {box.x:g}, y {box.y:g}, {box.width:g} x {box.height:g}"
