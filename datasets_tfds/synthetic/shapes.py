"""Soft shapes and noise fields that the faces are painted with.

Coordinates are *face units*: the cropped picture is the square 0..1 x 0..1, x to the right, y down. All functions take
and return float32 arrays of one shape.
"""

import cv2
import numpy as np


def smoothstep(value: np.ndarray, start: float | np.ndarray, end: float | np.ndarray) -> np.ndarray:
    """0 at or before `start`, 1 at or after `end` (which may lie below `start`), a smooth cubic between."""
    t = np.clip((value - start) / (end - start), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def blob(
    x: np.ndarray, y: np.ndarray, center: tuple[float, float], sigma: tuple[float, float], angle: float = 0.0
) -> np.ndarray:
    """A Gaussian of height 1; `sigma` is along its own two axes, turned by `angle` radians (clockwise on screen)."""
    dx, dy = x - center[0], y - center[1]
    if angle:
        c, s = np.cos(angle), np.sin(angle)
        dx, dy = dx * c + dy * s, dy * c - dx * s
    return np.exp(-0.5 * ((dx / sigma[0]) ** 2 + (dy / sigma[1]) ** 2))


def smooth_noise(rng: np.random.Generator, cells: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """Noise of about unit deviation whose grain is `cells` (rows, columns) to the picture, whatever `shape` is."""
    coarse = rng.standard_normal(cells, dtype=np.float32)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def sample_bilinear(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """`image` at fractional `rows` and `columns`, the border repeated outside.

    Written out because `cv2.remap` rounds positions to 1/32 pixel, which would show in motions of a tenth of a pixel.
    """
    height, width = image.shape
    rows, columns = np.clip(rows, 0.0, height - 1.001), np.clip(columns, 0.0, width - 1.001)
    top, left = rows.astype(np.int32), columns.astype(np.int32)
    down, right = rows - top, columns - left
    index, flat = top * width + left, image.reshape(-1)
    upper = flat.take(index) * (1 - right) + flat.take(index + 1) * right
    lower = flat.take(index + width) * (1 - right) + flat.take(index + width + 1) * right
    return upper + (lower - upper) * down
