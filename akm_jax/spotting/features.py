"""What SOFTNet sees of a frame: optical flow and strain around brows, eyes and mouth, 42 x 42 x 3.

Every margin is in pixels of the 128 x 128 face crop; landmarks are in the order of dlib's 68 points. Pictures hold
(u, v, strain); u and v are absolute differences from the nose's motion. Source: SoftNet-SpotME,
`extraction_preprocess.py`.
"""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, Shaped

from akm_jax.data.long_videos import CROP_SIZE, NUM_LANDMARKS
from akm_jax.ops.strain import strain

FEATURE_SIZE = 42
NOSE_MARGIN = 5
EYE_MARGIN = 15
BOX_MARGIN = 12
NOSE = 28
LEFT_EYE, RIGHT_EYE = np.arange(36, 42), np.arange(42, 48)
# Of an eye's six points the first and the fourth are its corners, then lids above and below.
EYE_STEPS = EYE_MARGIN * np.array([(-1, 0), (0, -1), (0, -1), (1, 0), (0, 1), (0, 1)])


class Box(NamedTuple):
    """A part of the crop; the lower and right ends are outside."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def feature_picture(
    flow: Shaped[np.ndarray, "128 128 2"], landmarks: Shaped[np.ndarray, "68 2"]
) -> Float[np.ndarray, "42 42 3"]:
    """Turn the flow between two face crops into what the network sees.

    Args:
        flow: u and v, pixels to the right and down.
        landmarks: x and y in pixels of the crop; rounded to whole pixels.

    Returns:
        u, v and strain, float64; the brows and eyes above the mouth.

    Raises:
        ValueError: other shapes, numbers that are not finite, or landmarks that leave no picture.

    Source: SoftNet-SpotME. Its way through polar coordinates and back, the identity but for the error of an approximate
    arctangent (up to 2.7e-4 of a feature), is left out; the nose patch is clamped to the crop, where it wraps around.
    """
    points = _whole(landmarks)
    if flow.shape != (CROP_SIZE, CROP_SIZE, 2) or not np.isfinite(flow).all():
        raise ValueError(
            f"optical flow of shape {flow.shape}, {np.isfinite(flow).mean():.0%} of it finite: expected finite numbers "
            f"({CROP_SIZE}, {CROP_SIZE}, 2)"
        )
    picture = subtract_nose(np.dstack([flow, strain(flow.astype(np.float64), "softnet")]), points)
    picture[eye_mask(points)] = 0
    # OpenCV takes the size as (width, height).
    halves = [cv2.resize(picture[box.slices], (FEATURE_SIZE, FEATURE_SIZE // 2)) for box in boxes(points)]
    return np.concatenate(halves)


def subtract_nose(picture: Float[np.ndarray, "128 128 3"], points: np.ndarray) -> Float[np.ndarray, "128 128 3"]:
    """Take the mean of the nose, which expressions do not move, from each channel; of u and v the absolute value."""
    x, y = points[NOSE]
    nose = _box("the nose", y - NOSE_MARGIN, y + NOSE_MARGIN + 1, x - NOSE_MARGIN, x + NOSE_MARGIN + 1)
    moved = picture - picture[nose.slices].mean((0, 1))
    moved[..., :2] = np.abs(moved[..., :2])
    return moved


def eye_polygons(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both eyes, widened: corners to the sides only, lids up and down only, at most to the border; int32 (6, 2)."""
    left, right = (
        np.where(EYE_STEPS == 0, points[eye], np.clip(points[eye] + EYE_STEPS, 0, CROP_SIZE)).astype(np.int32)
        for eye in (LEFT_EYE, RIGHT_EYE)
    )
    return left, right


def eye_mask(points: np.ndarray) -> np.ndarray:
    """True inside and on the border of the eye polygons, (128, 128): blinks are not what is looked for."""
    mask = np.zeros((CROP_SIZE, CROP_SIZE), np.uint8)
    for polygon in eye_polygons(points):
        cv2.fillPoly(mask, [polygon], 1)
    return mask.astype(bool)


def boxes(points: np.ndarray) -> tuple[Box, Box]:
    """Brows with eyes, and the mouth."""
    x, y, margin = points[:, 0], points[:, 1], BOX_MARGIN
    brows, lids = min(y[19], y[24]) - margin, max(y[41], y[46]) + margin
    upper = _box("brows and eyes", brows, lids, x[17] - margin, x[26] + margin)
    return upper, _box("the mouth", y[50] - margin, y[57] + margin, x[60] - margin, x[64] + margin)


def scale_features(features: Float[np.ndarray, "*N 42 42 3"]) -> Float[np.ndarray, "*N 42 42 3"]:
    """Bring each frame and channel to [0, 1] by its own smallest and largest value; a constant one becomes 0.

    This is what the network is given, in training and prediction alike.
    """
    low, high = features.min((-3, -2), keepdims=True), features.max((-3, -2), keepdims=True)
    extent = high - low
    return (features - low) / np.where(extent == 0, 1, extent)


def _whole(landmarks: np.ndarray) -> np.ndarray:
    if landmarks.shape != (NUM_LANDMARKS, 2) or not np.isfinite(landmarks).all():
        raise ValueError(
            f"landmarks of shape {landmarks.shape}, {np.isfinite(landmarks).mean():.0%} of them finite: expected "
            f"finite numbers ({NUM_LANDMARKS}, 2)"
        )
    return np.rint(landmarks).astype(np.int64)


def _box(part: str, *ends: int) -> Box:
    """A part of the face inside the crop: top, bottom, left, right.

    Raises:
        ValueError: nothing of it is.
    """
    box = Box(*(int(np.clip(end, 0, CROP_SIZE)) for end in ends))
    if box.top >= box.bottom or box.left >= box.right:
        raise ValueError(
            f"landmarks leave no picture of {part} (rows {box.top} to {box.bottom}, columns {box.left} to "
            f"{box.right}): expected dlib's order of the 68 points, x before y, in pixels of the {CROP_SIZE} x "
            f"{CROP_SIZE} crop"
        )
    return box
