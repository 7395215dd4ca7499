"""Blocks of a clip: rows x columns x parts in time that do not overlap, and histograms of codes in each.

The map of the whole clip is split, so no voxel is lost between blocks; what is left over at the far ends is dropped.
"""

import dataclasses

import cv2
import numpy as np
from jaxtyping import Float, Int64, Integer, Num, UInt8

PLANES = ("XY", "XT", "YT")
# OpenCV counts in single precision.
_EXACT = 2**24


@dataclasses.dataclass(frozen=True)
class Grid:
    """How many blocks a clip is split into."""

    rows: int = 8
    """Blocks from top to bottom."""
    cols: int = 8
    """Blocks from left to right."""
    parts: int = 1
    """Blocks from the first frame to the last."""

    def __post_init__(self):
        if min(self.rows, self.cols, self.parts) < 1:
            raise ValueError(f"a grid needs at least 1 row, column and part, got {self}")

    def names(self) -> list[str]:
        """A name for each block, in the order of `split`."""
        return [f"p{p}r{r}c{c}" for p in range(self.parts) for r in range(self.rows) for c in range(self.cols)]


def split(maps: Num[np.ndarray, "t h w"], grid: Grid) -> Num[np.ndarray, "blocks n"]:
    """The voxels of every block, ordered by part, row and column.

    Raises:
        ValueError: there are fewer voxels along an axis than blocks.
    """
    shape = (grid.parts, grid.rows, grid.cols)
    t, h, w = (extent // blocks for extent, blocks in zip(maps.shape, shape, strict=True))
    if 0 in (t, h, w):
        raise ValueError(
            f"{maps.shape[0]} x {maps.shape[1]} x {maps.shape[2]} voxels (frames, height, width, without the border) "
            f"cannot be split into {grid.parts} parts, {grid.rows} rows and {grid.cols} columns; take fewer blocks, or "
            "larger or more frames"
        )
    kept = maps[: grid.parts * t, : grid.rows * h, : grid.cols * w]
    apart = kept.reshape(grid.parts, t, grid.rows, h, grid.cols, w).transpose(0, 2, 4, 1, 3, 5)
    return apart.reshape(grid.parts * grid.rows * grid.cols, -1)


def count_codes(codes: Integer[np.ndarray, "t h w"], grid: Grid, bins: int) -> Int64[np.ndarray, "p r c bins"]:
    """How often each code 0..bins-1 occurs in each block."""
    counts = [histogram(block, bins) for block in split(codes, grid)]
    return np.stack(counts).reshape(grid.parts, grid.rows, grid.cols, bins)


def histogram(codes: Integer[np.ndarray, " n"], bins: int) -> Int64[np.ndarray, " bins"]:
    """How often each code 0..bins-1 occurs; others are not counted."""
    if codes.dtype == np.uint8 and len(codes) < _EXACT:
        return cv2.calcHist([codes[None]], [0], None, [256], [0, 256])[:bins, 0].astype(np.int64)  # three times as fast
    return np.bincount(codes, minlength=bins)[:bins]


def normalise(counts: Num[np.ndarray, "*a bins"]) -> Float[np.ndarray, "*a bins"]:
    """Histograms divided by their sums; empty ones stay zeros."""
    sums = counts.sum(-1, keepdims=True)
    return np.divide(counts, sums, out=np.zeros(counts.shape), where=sums > 0)


def require_clip(frames: np.ndarray, reach: tuple[int, int, int]) -> UInt8[np.ndarray, "T H W"]:
    """The frames, in one piece of memory.

    Args:
        frames: of one clip.
        reach: how far the descriptor looks from a voxel along T, H and W.

    Raises:
        ValueError: no grey frames, or too few or too small ones.
    """
    if frames.ndim != 3 or frames.dtype.kind not in "uif":
        raise ValueError(f"expected the grey frames of one clip, (T, H, W), got {frames.dtype} {frames.shape}")
    t, y, x = (2 * one + 1 for one in reach)
    if len(frames) < t:
        raise ValueError(
            f"a clip of {len(frames)} frames is too short for a reach of {reach[0]} frames: expected at least {t}; "
            "take a smaller radius in time, or more frames by temporal interpolation (tim_frames=10)"
        )
    if frames.shape[1] < y or frames.shape[2] < x:
        raise ValueError(f"frames of {frames.shape[1]} x {frames.shape[2]} are too small; expected at least {y} x {x}")
    return np.ascontiguousarray(frames)
