"""LBP-TOP: histograms of local binary patterns in the planes XY, XT and YT of every block.

Source: Zhao & Pietikainen, TPAMI 29(6), 2007. Blocks split one map of codes of the whole clip.
"""

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8

from akm_jax.descriptors.blocks import PLANES, Grid, count_codes, normalise
from akm_jax.descriptors.local_binary_patterns import (
    Interpolation,
    Radii,
    merge_bins,
    sign_codes,
    uniform_table,
)


@dataclasses.dataclass(frozen=True)
class LBPTopConfig:
    """Settings of LBP-TOP; called with frames (T, H, W) it gives one row of features."""

    rows: int = 8
    """Blocks from top to bottom."""
    cols: int = 8
    """Blocks from left to right."""
    parts: int = 1
    """Blocks in time."""
    points: int = 8
    """Neighbours of a voxel in a plane."""
    radii: Radii = (1, 1, 4)
    """Rx and Ry in pixels, Rt in frames."""
    patterns: Literal["uniform", "all"] = "uniform"
    """One bin for all codes that are not uniform (59 bins at 8 neighbours), or a bin for every code."""
    interpolation: Interpolation = "rounded"
    """Neighbours at the nearest voxels, or between voxels."""

    @property
    def grid(self) -> Grid:
        """The blocks."""
        return Grid(self.rows, self.cols, self.parts)

    def __call__(self, frames: UInt8[np.ndarray, "T H W"]) -> Float32[np.ndarray, " D"]:
        """Histograms by block (part, row, column), plane and bin, in one row."""
        return self.histograms(frames).astype(np.float32).ravel()

    def histograms(self, frames: UInt8[np.ndarray, "T H W"]) -> Float[np.ndarray, "p r c 3 bins"]:
        """Histograms, each of sum 1.

        Raises:
            ValueError: a clip shorter than 2 Rt + 1 frames, or frames too small for radii and blocks.
        """
        counts = self.counts(frames)
        return normalise(merge_bins(counts, uniform_table(self.points)) if self.patterns == "uniform" else counts)

    def counts(self, frames: UInt8[np.ndarray, "T H W"]) -> Int64[np.ndarray, "p r c 3 codes"]:
        """How often every one of the 2^P codes occurs."""
        settings = {"points": self.points, "radii": self.radii, "interpolation": self.interpolation}
        codes = (sign_codes(frames, plane, **settings) for plane in PLANES)  # type: ignore[arg-type]
        return np.stack([count_codes(of_plane, self.grid, 2**self.points) for of_plane in codes], 3)

    def feature_names(self) -> list[str]:
        """A name for each number of the row."""
        bins = uniform_table(self.points).max() + 1 if self.patterns == "uniform" else 2**self.points
        return [f"{block}_{plane}_{k}" for block in self.grid.names() for plane in PLANES for k in range(bins)]
