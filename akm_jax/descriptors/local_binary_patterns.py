"""Local binary patterns in the three planes of a clip: which neighbours of a voxel are at least as bright.

The neighbour p of P, at the angle a = 2 pi p / P, gives the bit of weight 2^p:

    plane   neighbour of (t, y, x)
    XY      x + Rx cos a, y - Ry sin a
    XT      x + Rx cos a, t + Rt sin a
    YT      y - Ry sin a, t + Rt cos a

Centres are the voxels at least Rt frames and max(Rx, Ry) pixels from every border. Source: Zhao & Pietikainen,
"Dynamic texture recognition using local binary patterns", TPAMI 29(6), 2007, as released by their group.
"""

import math
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float, Int64, Integer, Num, Shaped

from akm_jax.descriptors.blocks import require_clip

Radii: TypeAlias = tuple[int, int, int]
"""Rx and Ry in pixels, Rt in frames."""
Interpolation: TypeAlias = Literal["rounded", "bilinear"]

# Voxels compared at a time: those of one chunk stay in the processor's cache.
CHUNK = 1 << 15
# Axes of a plane among (t, y, x): along the rows and along the columns of its pictures.
_AXES = {"XY": (1, 2), "XT": (0, 2), "YT": (0, 1)}


def offsets(plane: str, points: int, radii: Radii) -> Float[np.ndarray, "P 3"]:
    """Where the neighbours lie: (t, y, x) from the centre, on an ellipse, not rounded."""
    (rx, ry, rt), angles = radii, 2 * np.pi * np.arange(points) / points
    cos, sin, zero = np.cos(angles), np.sin(angles), np.zeros(points)
    of_planes = {"XY": (zero, -ry * sin, rx * cos), "XT": (rt * sin, zero, rx * cos), "YT": (rt * cos, -ry * sin, zero)}
    return np.stack(of_planes[plane], 1)


def rounded_offsets(plane: str, points: int, radii: Radii) -> Int64[np.ndarray, "P 3"]:
    """The nearest whole numbers, halves upward."""
    return np.floor(offsets(plane, points, radii) + 0.5).astype(np.int64)


def reach_of(radii: Radii) -> tuple[int, int, int]:
    """Frames, rows and columns at the borders that hold no centre."""
    border = max(radii[:2])
    return radii[2], border, border


def require_pattern(points: int, radii: Radii) -> None:
    """Raise ValueError on neighbours or radii that make no pattern."""
    if not 2 <= points <= 16 or min(radii) < 1:
        raise ValueError(f"expected 2 to 16 neighbours and radii of at least 1, got points={points}, radii={radii}")


def code_type(points: int) -> type[np.unsignedinteger]:
    """The smallest type that holds the codes of so many neighbours."""
    return np.uint8 if points <= 8 else np.uint16


def centres(maps: Shaped[np.ndarray, "T H W"], radii: Radii, offset: tuple[int, ...] = (0, 0, 0)) -> np.ndarray:
    """The part of a map at the centres, or at their neighbours at `offset`."""
    cuts = zip(maps.shape, reach_of(radii), offset, strict=True)
    return maps[tuple(slice(reach + shift, extent - reach + shift) for extent, reach, shift in cuts)]


def sign_codes(
    frames: Num[np.ndarray, "T H W"],
    plane: str,
    *,
    points: int = 8,
    radii: Radii = (1, 1, 1),
    interpolation: Interpolation = "rounded",
) -> Integer[np.ndarray, "t h w"]:
    """The pattern of every centre: bit p is 1 where neighbour p >= centre.

    Args:
        frames: of one clip, uint8 or of another type.
        plane: "XY", "XT" or "YT".
        points: P neighbours.
        radii: Rx, Ry, Rt.
        interpolation: neighbours at the nearest voxels, which is exact in whole numbers, or between voxels in double
            precision with offsets to 5 decimals, as scikit-image does. (The released program's own interpolation, in
            single precision and cut to whole numbers, is not offered: its results depend on rounding.)

    Raises:
        ValueError: a clip too short or too small for the radii, or settings that make no pattern.
    """
    require_pattern(points, radii)
    frames = require_clip(frames, reach_of(radii))
    if interpolation == "bilinear":
        return _bilinear_codes(frames, plane, points, radii)
    shifts = flat_shifts(rounded_offsets(plane, points, radii), frames.shape)
    codes = np.zeros(frames.shape, code_type(points))
    reach = max(abs(shift) for shift in shifts)
    for start in range(reach, frames.size - reach, CHUNK):
        _compare(frames.ravel(), codes.ravel(), shifts, start, min(start + CHUNK, frames.size - reach))
    return centres(codes, radii)


def flat_shifts(shifts: Int64[np.ndarray, "P 3"], shape: tuple[int, ...]) -> list[int]:
    """Offsets as distances in the memory of a clip; what they reach across a border belongs to no centre."""
    return [int(t * shape[1] * shape[2] + y * shape[2] + x) for t, y, x in shifts]


def _compare(flat: np.ndarray, codes: np.ndarray, shifts: list[int], start: int, stop: int) -> None:
    """Codes of the voxels start..stop in memory, from the highest bit to the lowest."""
    centre, out = flat[start:stop], codes[start:stop]
    bit = np.empty(stop - start, bool)
    for shift in reversed(shifts):
        np.greater_equal(flat[start + shift : stop + shift], centre, out=bit)
        np.add(out, out, out=out)
        np.bitwise_or(out, bit.view(np.uint8), out=out)


def _bilinear_codes(frames: np.ndarray, plane: str, points: int, radii: Radii) -> np.ndarray:
    """Codes of a few pictures of the plane at a time."""
    (still,) = {0, 1, 2} - {*_AXES[plane]}
    whole = centres(frames, radii)
    codes = np.zeros(whole.shape, code_type(points))
    at_once = max(1, CHUNK * whole.shape[still] // max(whole.size, 1))
    for start in range(0, whole.shape[still], at_once):
        stop = min(start + at_once, whole.shape[still])
        some = [slice(None)] * 3
        some[still] = slice(reach_of(radii)[still] + start, reach_of(radii)[still] + stop)
        values = frames[tuple(some)].astype(np.float64)
        some[still] = slice(start, stop)
        centre, out = whole[tuple(some)].astype(np.float64), codes[tuple(some)]
        for p, offset in enumerate(np.round(offsets(plane, points, radii), 5)):
            out |= (_between(values, plane, offset, radii) >= centre).astype(codes.dtype) << codes.dtype.type(p)
    return codes


def _between(values: np.ndarray, plane: str, offset: np.ndarray, radii: Radii) -> np.ndarray:
    """The brightness at an offset from every centre; along the columns first, in scikit-image's order of operations.

    Args:
        values: whole pictures of the plane.
        plane: whose pictures.
        offset: (t, y, x).
        radii: Rx, Ry, Rt.
    """
    rows, cols = _AXES[plane]
    top, bottom = (_along(line, cols, offset, radii) for line in _ends(values, rows, offset, radii))
    return _mix(top, bottom, rows, offset, radii, values.shape)


def _along(values: np.ndarray, axis: int, offset: np.ndarray, radii: Radii) -> np.ndarray:
    low, high = _ends(values, axis, offset, radii)
    return _mix(low, high, axis, offset, radii, values.shape)


def _ends(values: np.ndarray, axis: int, offset: np.ndarray, radii: Radii) -> tuple[np.ndarray, np.ndarray]:
    """What lies at the whole places before and after the offset, from every centre along an axis."""
    reach, extent = reach_of(radii)[axis], values.shape[axis]
    found = []
    for place in (math.floor(offset[axis]), math.ceil(offset[axis])):
        cut = [slice(None)] * 3
        cut[axis] = slice(reach + place, extent - reach + place)
        found.append(values[tuple(cut)])
    return found[0], found[1]


def _mix(
    low: np.ndarray, high: np.ndarray, axis: int, offset: np.ndarray, radii: Radii, shape: tuple[int, ...]
) -> np.ndarray:
    """Between two neighbours along an axis."""
    step = offset[axis]
    if step == math.floor(step):
        return low
    places = np.arange(reach_of(radii)[axis], shape[axis] - reach_of(radii)[axis]) + step
    share = (places - np.floor(places)).reshape([-1 if i == axis else 1 for i in range(3)])
    return (1 - share) * low + share * high


def uniform_table(points: int) -> Int64[np.ndarray, " codes"]:
    """Bin of every code: 0 for all with more than two changes around the circle, then one for each other code.

    There are P (P - 1) + 3 bins; the numbering is that of the released program for P = 8.
    """
    codes = np.arange(2**points)
    turned = (codes >> 1) | ((codes & 1) << (points - 1))
    uniform = np.bitwise_count(codes ^ turned) <= 2
    return np.where(uniform, np.cumsum(uniform), 0)


def merge_bins(counts: Num[np.ndarray, "*a codes"], table: Int64[np.ndarray, " codes"]) -> Float[np.ndarray, "*a bins"]:
    """Histograms of codes as histograms of the bins that a table puts them into; exact for counts."""
    return counts.astype(np.float64) @ np.eye(table.max() + 1)[table]
