"""LBP-SIP: the six neighbours of a voxel on the three axes, four in its frame and two in time.

Each block has a histogram of the 16 codes of right, up, left and down (weights 1, 2, 4, 8) and one of the 4 codes of
t + Rt and t - Rt (weights 1, 2); each sums to 1. Source: Wang, See, Phan & Oh, "LBP with six intersection points",
ACCV 2014; the order of the bits, which only permutes bins, is ours.
"""

import dataclasses

import cv2
import numpy as np
from jaxtyping import Float, Float32, Num, UInt8

from akm_jax.descriptors.blocks import Grid, count_codes, normalise
from akm_jax.descriptors.local_binary_patterns import sign_codes


@dataclasses.dataclass(frozen=True)
class LBPSipConfig:
    """Settings of LBP-SIP; called with frames (T, H, W) it gives one row of features."""

    rows: int = 8
    """Blocks from top to bottom."""
    cols: int = 8
    """Blocks from left to right."""
    parts: int = 1
    """Blocks in time."""
    radius: int = 1
    """Pixels to the neighbours in the frame."""
    radius_t: int = 4
    """Frames to the neighbours in time."""
    levels: int = 1
    """Levels of a Gaussian pyramid, whose features are joined; 1: the frames alone."""
    wiener: bool = False
    """Smooth each frame first with a Wiener filter of 3 x 3."""

    def __post_init__(self):
        if self.levels < 1:
            raise ValueError(f"levels={self.levels}: expected at least 1")

    @property
    def grid(self) -> Grid:
        """The blocks."""
        return Grid(self.rows, self.cols, self.parts)

    def __call__(self, frames: UInt8[np.ndarray, "T H W"]) -> Float32[np.ndarray, " D"]:
        """Histograms by level, block (part, row, column) and code, 16 spatial and 4 temporal ones, in one row."""
        levels = [np.concatenate(self.histograms(level), -1).ravel() for level in self._pyramid(frames)]
        return np.concatenate(levels).astype(np.float32)

    def histograms(
        self, frames: Num[np.ndarray, "T H W"]
    ) -> tuple[Float[np.ndarray, "p r c 16"], Float[np.ndarray, "p r c 4"]]:
        """Spatial and temporal histograms of one level, each of sum 1.

        Raises:
            ValueError: a clip shorter than 2 Rt + 1 frames, or frames too small for radius and blocks.
        """
        radii = (self.radius, self.radius, self.radius_t)
        spatial = sign_codes(frames, "XY", points=4, radii=radii)
        crossed = sign_codes(frames, "XT", points=4, radii=radii)
        temporal = (crossed >> 1 & 1) | (crossed >> 2 & 2)  # t + Rt is bit 1 of the plane XT, t - Rt bit 3
        return normalise(count_codes(spatial, self.grid, 16)), normalise(count_codes(temporal, self.grid, 4))

    def feature_names(self) -> list[str]:
        """A name for each number of the row."""
        codes = [*(f"spatial_{k}" for k in range(16)), *(f"temporal_{k}" for k in range(4))]
        return [
            f"l{level}{block}_{code}" for level in range(self.levels) for block in self.grid.names() for code in codes
        ]

    def _pyramid(self, frames: np.ndarray) -> list[np.ndarray]:
        if self.wiener:
            frames = _smooth(frames)
        levels = [frames]
        for _ in range(self.levels - 1):
            levels.append(np.stack([cv2.pyrDown(frame) for frame in levels[-1]]))
        return levels


def _smooth(frames: np.ndarray) -> np.ndarray:
    from scipy.signal import wiener  # here: few need it, and it takes a while to import

    with np.errstate(divide="ignore", invalid="ignore"):  # where the frame is flat
        smooth = np.stack([wiener(frame.astype(np.float64), 3) for frame in frames])
    return np.where(np.isfinite(smooth), smooth, frames).astype(np.float32)
