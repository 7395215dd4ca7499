"""MDMO: the main direction of optical flow in 36 regions of the face, of all frames against the first.

Head motion is taken out of each flow by 13 points that expressions hardly move; a region's vector in a frame is the
mean length and direction of the fullest of eight sectors; over frames the vectors are averaged.

Source: Liu et al., "A main directional mean optical flow feature for spontaneous micro-expression recognition", TAFFC
7(4), 2016; alignment and sectors as they are known from later programs.
"""

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from akm_jax.descriptors.regions import region_masks

# Jaw line without the chin and top of the nose bridge, 0-based.
STEADY_POINTS = (*range(6), *range(11, 17), 27)
SECTOR = np.pi / 4


@dataclasses.dataclass(frozen=True)
class MDMOConfig:
    """Settings of MDMO; called with flow from the first frame (N, H, W, 2) and landmarks (68, 2) it gives one row."""

    align: bool = True
    """Take head motion out of the flow."""
    beta: float = 0.8
    """Weight of lengths; directions, in units of pi, weigh 1 - beta."""
    encoding: Literal["polar", "cartesian"] = "polar"
    """Lengths and directions of the regions' vectors, or their x and y, which do not jump at pi."""

    def __post_init__(self):
        if not 0 <= self.beta <= 1:
            raise ValueError(f"beta={self.beta}: expected 0 to 1")

    def __call__(
        self, flow: Float[np.ndarray, "N H W 2"], landmarks: Float[np.ndarray, "68 2"]
    ) -> Float32[np.ndarray, " 72"]:
        """36 weighted lengths and 36 weighted directions, or 36 times x and y.

        Raises:
            ValueError: no flow, flow that is not finite, or landmarks of another number or away from the picture.
        """
        feature = mean_over_frames(self.main_directions(flow, landmarks))
        rho, theta = feature[:36], feature[36:]
        if self.encoding == "cartesian":
            return np.stack([rho * np.cos(theta), rho * np.sin(theta)], 1).astype(np.float32).ravel()
        return np.concatenate([self.beta * rho, (1 - self.beta) * theta / np.pi]).astype(np.float32)

    def main_directions(
        self, flow: Float[np.ndarray, "N H W 2"], landmarks: Float[np.ndarray, "68 2"]
    ) -> Float64[np.ndarray, "N 36 2"]:
        """Length and direction of every region in every frame."""
        if flow.ndim != 4 or flow.shape[-1] != 2 or not len(flow):
            raise ValueError(f"expected the flow from the first frame, (N, H, W, 2) with N >= 1, got {flow.shape}")
        if not np.isfinite(flow).all():
            raise ValueError("the flow has values that are not finite")
        masks = region_masks(landmarks, flow.shape[1:3])
        steady = landmarks[list(STEADY_POINTS)]
        fields = (remove_head_motion(field, steady)[0] if self.align else field for field in flow.astype(np.float64))
        return np.array([[main_direction(field[mask]) for mask in masks] for field in fields])


def feature_names() -> list[str]:
    """A name for each number of a row in polar form."""
    return [*(f"rho_{k}" for k in range(1, 37)), *(f"theta_{k}" for k in range(1, 37))]


def remove_head_motion(
    flow: Float64[np.ndarray, "H W 2"], steady: Float[np.ndarray, "n 2"]
) -> tuple[Float64[np.ndarray, "H W 2"], Float64[np.ndarray, "3 3"]]:
    """Flow after the affine map that brings steady points back to where they were, and that map.

    Args:
        flow: (u, v) of each pixel.
        steady: (x, y) of points that an expression does not move; taken at the nearest pixel of the picture.

    Returns:
        The corrected flow, and H with (x + u, y + v, 1) H = (x, y, 1) as nearly as least squares can.
    """
    height, width = flow.shape[:2]
    columns, rows = np.clip(np.floor(steady + 0.5).astype(int), 0, (width - 1, height - 1)).T
    before = np.stack([columns, rows, np.ones(len(rows))], 1)
    after = before + np.pad(flow[rows, columns], ((0, 0), (0, 1)))
    back = np.linalg.lstsq(after, before, rcond=None)[0]
    y, x = np.mgrid[:height, :width].astype(np.float64)
    moved = np.stack([x + flow[..., 0], y + flow[..., 1], np.ones_like(x)], -1) @ back
    return moved[..., :2] - np.stack([x, y], -1), back


def sectors(theta: Float64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """Which of eight sectors of 45 degrees, the first of them around 0."""
    return np.floor(theta / SECTOR + 0.5).astype(np.int64) % 8


def main_direction(vectors: Float[np.ndarray, "n 2"]) -> tuple[float, float]:
    """Mean length and mean direction, in (-pi, pi], of the vectors in the fullest sector (of equals the lowest).

    Without vectors (0, 0).
    """
    if not len(vectors):
        return 0.0, 0.0
    theta = np.arctan2(vectors[:, 1], vectors[:, 0])
    sector = sectors(theta)
    main = int(np.bincount(sector, minlength=8).argmax())
    chosen = sector == main
    away = _wrap(theta[chosen] - main * SECTOR)  # from the sector's middle, so that nothing jumps within it
    rho = np.hypot(vectors[chosen, 0], vectors[chosen, 1])
    return float(rho.mean()), float(_wrap(main * SECTOR + away.mean()))


def mean_over_frames(polar: Float64[np.ndarray, "N 36 2"]) -> Float64[np.ndarray, " 72"]:
    """Mean of the vectors of each region: 36 lengths, the largest of them 1, then 36 directions."""
    rho, theta = polar[..., 0], polar[..., 1]
    x, y = (rho * np.cos(theta)).mean(0), (rho * np.sin(theta)).mean(0)
    length = np.hypot(x, y)
    largest = length.max()
    return np.concatenate([length / largest if largest > 0 else length, np.arctan2(y, x)])


def _wrap(angle):
    """The same angle in (-pi, pi]."""
    return np.pi - np.mod(np.pi - angle, 2 * np.pi)
