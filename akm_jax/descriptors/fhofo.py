"""FHOFO: fuzzy histograms of the orientation of optical flow, whatever its magnitude.

Orientations are counted in n1 fine bins from -pi to pi; fine bins then belong to n2 coarse ones by a Gaussian of their
distance around the circle. Source: Happy & Routray, "Fuzzy histogram of optical flow orientations for micro-expression
recognition", TAFFC 10(3), 2019, after functions in use elsewhere; the layout over blocks and time is ours.
"""

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Float64

from akm_jax.descriptors.blocks import Grid, split

EPSILON = np.finfo(np.float64).eps


@dataclasses.dataclass(frozen=True)
class FHOFOConfig:
    """Settings of FHOFO; called with the flow of frame pairs (N, H, W, 2) it gives one row of features."""

    rows: int = 5
    """Blocks from top to bottom."""
    cols: int = 5
    """Blocks from left to right."""
    fine: int = 36
    """Bins that orientations are counted in, n1."""
    coarse: int = 8
    """Fuzzy bins, n2."""
    sigma: float = 2.0
    """Width of the Gaussian in fine bins."""
    centres: Literal["even", "released"] = "even"
    """Fuzzy bins evenly around the circle, or where the released function has them, the first beside the last."""
    weights: Literal["votes", "magnitude"] = "votes"
    """One vote a pixel (FHOFO), or as much as its flow (FHOOF)."""
    min_magnitude: float = 0.0
    """Pixels whose flow is not longer, in pixels, cast no vote."""
    pooling: Literal["concat", "added"] = "concat"
    """Histograms of all pairs one after another, or their sum over time."""

    def __post_init__(self):
        if min(self.fine, self.coarse, self.rows, self.cols) < 1 or self.sigma <= 0:
            raise ValueError(f"expected bins and blocks of at least 1 and sigma above 0, got {self}")

    def __call__(self, flow: Float[np.ndarray, "N H W 2"]) -> Float32[np.ndarray, " D"]:
        """Histograms by frame pair ("concat"), block row, block column and bin, in one row.

        Raises:
            ValueError: no flow, flow that is not finite, or fewer pixels than blocks.
        """
        return self.histograms(flow).astype(np.float32).ravel()

    def histograms(self, flow: Float[np.ndarray, "N H W 2"]) -> Float64[np.ndarray, "n r c bins"]:
        """Fuzzy histograms, each of sum 1, or of zeros where nothing moves; n is N, or 1 if added."""
        fuzzy = normalise_fuzzy(self.fine_histograms(flow) @ self.mapping().T)
        return fuzzy if self.pooling == "concat" else normalise_fuzzy(fuzzy.sum(0, keepdims=True))

    def fine_histograms(self, flow: Float[np.ndarray, "N H W 2"]) -> Float64[np.ndarray, "N r c fine"]:
        """Votes for each fine bin, in every pair and block."""
        if flow.ndim != 4 or flow.shape[-1] != 2 or not len(flow):
            raise ValueError(f"expected the flow of frame pairs, (N, H, W, 2) with N >= 1, got {flow.shape}")
        if not np.isfinite(flow).all():
            raise ValueError("the flow has values that are not finite")
        u, v = flow[..., 0].astype(np.float64), flow[..., 1].astype(np.float64)
        magnitude, grid = np.hypot(u, v), Grid(self.rows, self.cols, len(flow))
        bins = split(np.where(magnitude > self.min_magnitude, fine_bins(u, v, self.fine), self.fine), grid)
        weights = split(magnitude if self.weights == "magnitude" else np.ones_like(magnitude), grid)
        counts = [np.bincount(b, w, self.fine + 1)[: self.fine] for b, w in zip(bins, weights, strict=True)]
        return np.stack(counts).reshape(len(flow), self.rows, self.cols, self.fine)

    def mapping(self) -> Float64[np.ndarray, "coarse fine"]:
        """How much every fine bin belongs to every coarse one, 1 at its centre."""
        if self.centres == "even":
            at = np.arange(self.coarse) * self.fine / self.coarse
        else:
            at = np.floor(np.linspace(1, self.fine, self.coarse) + 0.5) % self.fine
        far = np.abs(np.arange(self.fine) - at[:, None])
        return np.exp(-(np.minimum(far, self.fine - far) ** 2) / (2 * self.sigma**2))

    def feature_names(self, pairs: int) -> list[str]:
        """A name for each number of the row of so many frame pairs."""
        times = [f"t{t}" for t in range(pairs)] if self.pooling == "concat" else ["sum"]
        blocks = [f"r{r}c{c}" for r in range(self.rows) for c in range(self.cols)]
        return [f"{time}{block}_{k}" for time in times for block in blocks for k in range(self.coarse)]


def fine_bins(u: Float64[np.ndarray, "*a"], v: Float64[np.ndarray, "*a"], bins: int) -> np.ndarray:
    """Bin of each orientation atan2(v, u); what lies on an edge belongs to the bin below it."""
    turns = (np.arctan2(v, u) + np.pi) / (2 * np.pi / bins)
    return np.clip(np.ceil(turns).astype(np.int64) - 1, 0, bins - 1)


def normalise_fuzzy(histograms: Float64[np.ndarray, "*a bins"]) -> Float64[np.ndarray, "*a bins"]:
    """Divided by their sums, to which the smallest number is added so that zeros stay zeros."""
    return histograms / (EPSILON + histograms.sum(-1, keepdims=True))
