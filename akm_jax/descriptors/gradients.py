"""Grey gradients in the planes of a clip: centred differences of uint8, and tables over all pairs of them."""

import functools

import numpy as np
from jaxtyping import Float, Int32

# First and second axis of a plane among (t, y, x); an angle is atan2(second, first).
GRADIENT_AXES = {"XY": (2, 1), "XT": (2, 0), "YT": (1, 0)}
# Largest difference of two uint8, and how many differences there are.
_LARGEST, _SIDE = 255, 511


def differences(frames: Int32[np.ndarray, "T H W"], axis: int) -> Int32[np.ndarray, "t h w"]:
    """Twice the centred difference along an axis, for voxels away from all borders."""
    inner = [slice(1, -1)] * 3
    before, after = list(inner), list(inner)
    before[axis], after[axis] = slice(None, -2), slice(2, None)
    return frames[tuple(after)] - frames[tuple(before)]


def pair_numbers(first: Int32[np.ndarray, "*a"], second: Int32[np.ndarray, "*a"]) -> Int32[np.ndarray, "*a"]:
    """The place of two differences, -255..255 each, in the tables of all pairs."""
    numbers = second * _SIDE
    numbers += first
    numbers += _LARGEST * (_SIDE + 1)
    return numbers


@functools.cache
def angle_table() -> Float[np.ndarray, " pairs"]:
    """Angle of every pair of differences, in [0, 2 pi); 0 where there is no gradient."""
    steps = np.arange(-_LARGEST, _LARGEST + 1)
    angles = np.arctan2(steps[:, None], steps[None, :]).ravel()
    return np.where(angles < 0, angles + 2 * np.pi, angles)


@functools.cache
def magnitude_table() -> Float[np.ndarray, " pairs"]:
    """Length of the gradient of every pair of differences."""
    steps = np.arange(-_LARGEST, _LARGEST + 1)
    return (np.hypot(steps[:, None], steps[None, :]) / 2).ravel()
