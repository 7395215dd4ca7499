"""STCLQP: sign, magnitude and orientation codes in three planes, and counts of every code in each block.

Bit p of a voxel's code in a plane, neighbours as in `local_binary_patterns`, rounded:

    sign          neighbour p >= centre
    magnitude     |neighbour p - centre| >= its mean over all p and all centres of that plane of the clip
    orientation   distance around the circle between the gradient angles of neighbour p and centre >= its mean, likewise

Codebooks then take the place of uniform patterns: `codebooks`. Source of the idea: Huang et al., "Spontaneous facial
micro-expression analysis using spatiotemporal completed local quantized patterns", Neurocomputing 175, 2016; all
details, the orientation above all, are our reading. Angles are kept to 1/65536 of the circle; at the borders of a clip
its edge goes on.
"""

import dataclasses
import functools
from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Integer, UInt8, UInt16, UInt32

from akm_jax.descriptors.blocks import PLANES, Grid, count_codes, require_clip
from akm_jax.descriptors.gradients import GRADIENT_AXES, angle_table, differences, pair_numbers
from akm_jax.descriptors.local_binary_patterns import (
    CHUNK,
    Radii,
    centres,
    code_type,
    flat_shifts,
    reach_of,
    require_pattern,
    rounded_offsets,
    sign_codes,
)

COMPONENTS = ("sign", "magnitude", "orientation")


@dataclasses.dataclass(frozen=True)
class STCLQPConfig:
    """Settings of the codes; called with frames (T, H, W) it gives the counts that codebooks are learned from."""

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

    @property
    def grid(self) -> Grid:
        """The blocks."""
        return Grid(self.rows, self.cols, self.parts)

    def __call__(self, frames: UInt8[np.ndarray, "T H W"]) -> UInt32[np.ndarray, "maps blocks codes"]:
        """How often every one of the 2^P codes occurs in each block, in 9 maps: plane by plane, the three components.

        Raises:
            ValueError: frames that are not uint8, a clip shorter than 2 Rt + 1 frames, or too small frames.
        """
        counts = []
        for codes in component_codes(frames, points=self.points, radii=self.radii).values():
            counts.append(count_codes(codes, self.grid, 2**self.points).reshape(-1, 2**self.points))
        return np.stack(counts).astype(np.uint32)


def component_codes(
    frames: UInt8[np.ndarray, "T H W"], *, points: int = 8, radii: Radii = (1, 1, 1)
) -> dict[tuple[str, str], Integer[np.ndarray, "t h w"]]:
    """The codes of every centre, by plane and component.

    Args:
        frames: of one clip.
        points: P neighbours.
        radii: Rx, Ry, Rt.

    Raises:
        ValueError: frames that are not uint8, or too few or too small ones.
    """
    require_pattern(points, radii)
    if frames.dtype != np.uint8:
        raise ValueError(f"expected frames of type uint8, got {frames.dtype}")
    frames = require_clip(frames, reach_of(radii))
    padded = np.pad(frames.astype(np.int32), 1, mode="edge")
    steps = [differences(padded, axis) for axis in range(3)]
    codes = {}
    for plane in PLANES:
        offsets, (first, second) = rounded_offsets(plane, points, radii), (steps[axis] for axis in GRADIENT_AXES[plane])
        angles = _angle_numbers().take(pair_numbers(first, second), mode="clip")
        codes[plane, "sign"] = sign_codes(frames, plane, points=points, radii=radii)
        codes[plane, "magnitude"] = codes_of_large_distances(frames, _between_greys, offsets, radii)
        codes[plane, "orientation"] = codes_of_large_distances(angles, _around, offsets, radii)
    return codes


def codes_of_large_distances(
    values: np.ndarray, distance: Callable[[np.ndarray, np.ndarray], np.ndarray], offsets: np.ndarray, radii: Radii
) -> Integer[np.ndarray, "t h w"]:
    """Bit p is 1 where the distance of neighbour p and centre is at least the mean distance of all.

    A distance is that of its two ends, so opposite neighbours share a map.
    """
    shifts, maps = flat_shifts(offsets, values.shape), {}
    for shift in {abs(shift) for shift in shifts}:
        maps[shift] = np.zeros_like(values)
        maps[shift].ravel()[:-shift] = distance(values.ravel()[:-shift], values.ravel()[shift:])
    places = [tuple(offset) if shift < 0 else (0, 0, 0) for offset, shift in zip(offsets, shifts, strict=True)]
    seen = [centres(maps[abs(shift)], radii, place) for shift, place in zip(shifts, places, strict=True)]
    threshold = -(-sum(_sum(one) for one in seen) // (len(seen) * seen[0].size))  # of whole numbers
    large = {shift: (of_shift >= threshold).ravel().view(np.uint8) for shift, of_shift in maps.items()}
    codes = np.zeros(values.shape, code_type(len(shifts)))
    reach = max(large)
    for start in range(reach, values.size - reach, CHUNK):
        stop = min(start + CHUNK, values.size - reach)
        out = codes.ravel()[start:stop]
        for shift in reversed(shifts):
            np.add(out, out, out=out)
            np.bitwise_or(out, large[abs(shift)][start + min(shift, 0) : stop + min(shift, 0)], out=out)
    return centres(codes, radii)


def _sum(values: np.ndarray) -> int:
    """Of unsigned numbers; OpenCV is ten times as fast as NumPy, and exact up to 2^53."""
    return int(cv2.norm(values.reshape(-1, values.shape[-1]), cv2.NORM_L1))


def _between_greys(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.maximum(one, other) - np.minimum(one, other)


def _around(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The shorter way around the circle, which unsigned numbers go around as well."""
    return np.minimum(one - other, other - one)


@functools.cache
def _angle_numbers() -> UInt16[np.ndarray, " pairs"]:
    return np.round(angle_table() * (2**16 / (2 * np.pi))).astype(np.int64).astype(np.uint16)
