"""HIGO: histograms of the orientation of grey gradients in the planes XY, XT and YT of every block.

Every voxel whose gradient is not zero casts one vote; with `weights="magnitude"` votes weigh as much as the gradient,
which is HOG-TOP. Source: Li et al., "Towards reading hidden emotions", TAFFC 9(4), 2018. Kernel, bins, sign, votes and
norm are not published; ours: centred differences, signed angles, hard votes, histograms of sum 1.
"""

import dataclasses
import functools
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Integer, Num, UInt8

from akm_jax.descriptors.blocks import PLANES, Grid, histogram, normalise, require_clip, split
from akm_jax.descriptors.gradients import GRADIENT_AXES, angle_table, differences, magnitude_table, pair_numbers

Planes = Literal["TOP", "XY", "XOT", "YOT", "XYOT"]
_OF_VARIANT = {"TOP": PLANES, "XY": ("XY",), "XOT": ("XT",), "YOT": ("YT",), "XYOT": ("XT", "YT")}
# Angles this far below an edge, in bins, count as on it; the next direction of whole numbers is 1e-6 away.
_ON_EDGE = 1e-9


@dataclasses.dataclass(frozen=True)
class HIGOConfig:
    """Settings of HIGO; called with frames (T, H, W) it gives one row of features."""

    rows: int = 8
    """Blocks from top to bottom."""
    cols: int = 8
    """Blocks from left to right."""
    parts: int = 2
    """Blocks in time."""
    bins: tuple[int, int, int] = (8, 8, 8)
    """Directions that are told apart in XY, XT and YT."""
    planes: Planes = "TOP"
    """TOP: all three; XOT, YOT: one of those with time; XYOT: both."""
    weights: Literal["votes", "magnitude"] = "votes"
    """One vote a voxel (HIGO), or as much as its gradient (HOG-TOP)."""
    soft: bool = False
    """Share a vote between the two bins whose centres are nearest."""
    signed: bool = True
    """Tell a direction from its opposite."""

    def __post_init__(self):
        if min(self.bins) < 1:
            raise ValueError(f"bins={self.bins}: expected at least 1 in each plane")

    @property
    def grid(self) -> Grid:
        """The blocks."""
        return Grid(self.rows, self.cols, self.parts)

    def __call__(self, frames: UInt8[np.ndarray, "T H W"]) -> Float32[np.ndarray, " D"]:
        """Histograms by block (part, row, column), plane and bin, each of sum 1 or of zeros, in one row."""
        histograms = [normalise(votes) for votes in self.votes(frames)]
        return np.concatenate(histograms, -1).astype(np.float32).ravel()

    def votes(self, frames: UInt8[np.ndarray, "T H W"]) -> list[Num[np.ndarray, "p r c bins"]]:
        """Sums of votes in every block, for each plane.

        Raises:
            ValueError: frames that are not uint8, fewer than 3 of them, or too small ones for the blocks.
        """
        if frames.dtype != np.uint8:
            raise ValueError(f"expected frames of type uint8, got {frames.dtype}")
        frames = require_clip(frames, (1, 1, 1)).astype(np.int32)
        steps = [differences(frames, axis) for axis in range(3)]
        return [
            self._votes_in(plane, *(steps[axis] for axis in GRADIENT_AXES[plane])) for plane in _OF_VARIANT[self.planes]
        ]

    def feature_names(self) -> list[str]:
        """A name for each number of the row."""
        of_block = [f"{plane}_{k}" for plane in _OF_VARIANT[self.planes] for k in range(self._bins(plane))]
        return [f"{block}_{name}" for block in self.grid.names() for name in of_block]

    def _bins(self, plane: str) -> int:
        return self.bins[PLANES.index(plane)]

    def _votes_in(self, plane: str, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        bins, grid = self._bins(plane), self.grid
        pairs = split(pair_numbers(first, second), grid)
        if self.weights == "votes" and not self.soft:
            codes = _hard_bins(bins, self.signed).take(pairs, mode="clip")  # three times as fast as with "raise"
            votes = [histogram(block, bins) for block in codes]
        else:
            tables = _weighted_bins(bins, self.signed, self.soft, self.weights == "magnitude")
            votes = [np.sum([np.bincount(to[block], by[block], bins) for to, by in tables], 0) for block in pairs]
        return np.stack(votes).reshape(grid.parts, grid.rows, grid.cols, bins)


def _places(bins: int, signed: bool) -> Float[np.ndarray, " pairs"]:
    """Angles in units of bins."""
    return np.mod(angle_table() / ((2 if signed else 1) * np.pi / bins) + _ON_EDGE, bins)


@functools.cache
def _hard_bins(bins: int, signed: bool) -> Integer[np.ndarray, " pairs"]:
    """Bin of every pair of differences; `bins` where there is no gradient."""
    table = np.where(magnitude_table() > 0, np.floor(_places(bins, signed)), bins)
    return table.astype(np.uint8 if bins < 256 else np.int64)


@functools.cache
def _weighted_bins(bins: int, signed: bool, soft: bool, magnitude: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Bins and weights of the one or two votes of every pair of differences."""
    weight = magnitude_table() if magnitude else (magnitude_table() > 0).astype(np.float64)
    places = _places(bins, signed)
    if not soft:
        return [(np.floor(places).astype(np.int64), weight)]
    below = np.floor(places - 0.5)
    share = places - 0.5 - below
    lower = below.astype(np.int64) % bins
    return [(lower, weight * (1 - share)), ((lower + 1) % bins, weight * share)]
