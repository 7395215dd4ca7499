"""Complex steerable pyramid by real FFT: oriented octave sub-bands, any image size, exact reconstruction.

A spectrum is kept as `rfft2` gives it, rows in FFT order and columns of frequency 0 and above. Each level keeps the
middle of the spectrum of the level above, so its sub-bands have half the rows and columns, rounded up. A complex
sub-band is two real pictures, answers of an even and an odd filter; each is one inverse real FFT. The picture's borders
are joined, left to right and top to bottom.

Axis letters: N frames, B orientations, h w pixels of a level, c = w // 2 + 1 columns of its spectrum.

Source: Portilla & Simoncelli, "A parametric texture model based on joint statistics of complex wavelet coefficients",
IJCV 2000, section 2.1 and its appendix; Simoncelli & Freeman, "The steerable pyramid", ICIP 1995. Scaling and phases
are those of pyrtools' SteerablePyramidFreq. Deviation: spectra of odd sizes are centred on frequency 0, so that odd
sizes reconstruct exactly too.
"""

import dataclasses
import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Complex, Float


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["highpass", "lowpass", "bands"],
    meta_fields=["sizes"],
)
@dataclasses.dataclass(frozen=True)
class Filters:
    """Transfer functions of a pyramid; an argument of compiled functions, not a constant in them.

    Attributes:
        highpass: (H, C), of the high-pass residual.
        lowpass: for each level and the low-pass residual, (h, c): what is taken from the spectrum of the level above.
        bands: for each level, complex (2, B, h, c): of the sub-bands' real parts and of their imaginary parts.
        sizes: (h, w) of each level and of the low-pass residual.
    """

    highpass: Float[np.ndarray, "H C"]
    lowpass: tuple[Float[np.ndarray, "h c"], ...]
    bands: tuple[Complex[np.ndarray, "2 B h c"], ...]
    sizes: tuple[tuple[int, int], ...]


class Pyramid(NamedTuple):
    """A picture in sub-bands, from fine to coarse.

    Attributes:
        highpass: (N, H, W).
        bands: for each level, complex (N, B, h, w).
        lowpass: (N, h, w) of the coarsest size.
    """

    highpass: Float[Array, "N H W"]
    bands: tuple[Complex[Array, "N B h w"], ...]
    lowpass: Float[Array, "N h w"]


def max_levels(height: int, width: int) -> int:
    """Most octaves a picture has room for, 0 below 8 pixels."""
    return max(0, math.floor(math.log2(min(height, width))) - 2)


@functools.lru_cache(maxsize=8)
def make_filters(height: int, width: int, *, levels: int | None = None, orientations: int = 4) -> Filters:
    """Design the filters for pictures of one size.

    Args:
        height, width: pixels.
        levels: octave bands; None for as many as fit.
        orientations: sub-bands of a level, 2 to 16.

    Raises:
        ValueError: more levels than fit, or orientations out of range.
    """
    most = max_levels(height, width)
    levels = most if levels is None else levels
    if not 0 <= levels <= most:
        raise ValueError(f"levels must be 0 to {most} for pictures of {height} x {width} pixels, got {levels}")
    if not 2 <= orientations <= 16:
        raise ValueError(f"orientations must be 2 to 16, got {orientations}")
    sizes = [(height, width)]
    for _ in range(levels):
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    grids = [_polar_grid(size, sizes[0]) for size in sizes]
    lowpass = [_low(grids[0][0], 1.0)] + [_low(grid[0], 0.5**level) for level, grid in enumerate(grids[1:], start=1)]
    bands = [_oriented(*grid, cutoff=0.5 ** (level + 1), count=orientations) for level, grid in enumerate(grids[:-1])]
    return Filters(
        highpass=_high(grids[0][0], 1.0).astype(np.float32),
        lowpass=tuple(part.astype(np.float32) for part in lowpass),
        bands=tuple(part.astype(np.complex64) for part in bands),
        sizes=tuple(sizes),
    )


def _polar_grid(size: tuple[int, int], full: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Radius (1 at the Nyquist frequency of the full picture) and angle of each coefficient of a level's spectrum."""
    y = np.rint(np.fft.fftfreq(size[0]) * size[0])[:, None] / (full[0] / 2)
    x = np.arange(size[1] // 2 + 1) / (full[1] / 2)
    return np.hypot(y, x), np.arctan2(y, x)


def _octave(radius: np.ndarray, cutoff: float) -> np.ndarray:
    """Position in the octave below `cutoff`: 0 at cutoff / 2 and below, 1 at the cutoff and above."""
    return np.clip(np.log2(np.maximum(radius, 1e-9) / cutoff) + 1, 0.0, 1.0)


def _high(radius: np.ndarray, cutoff: float) -> np.ndarray:
    return np.sin(np.pi / 2 * _octave(radius, cutoff))


def _low(radius: np.ndarray, cutoff: float) -> np.ndarray:
    return np.cos(np.pi / 2 * _octave(radius, cutoff))


def _oriented(radius: np.ndarray, angle: np.ndarray, *, cutoff: float, count: int) -> np.ndarray:
    """Filters of one level, (2, B, h, c): the steered filter and its quadrature partner (Hilbert transform)."""
    order = count - 1
    gain = 2**order * math.factorial(order) / math.sqrt(count * math.factorial(2 * order))
    across = np.cos(angle - np.pi * np.arange(count)[:, None, None] / count)
    steered = (-1j) ** order * gain * across**order * _high(radius, cutoff)
    return np.stack([steered, -1j * np.sign(across) * steered])


def split_levels(spectrum: Complex[Array, "N H C"], filters: Filters) -> list[Complex[Array, "N h c"]]:
    """Spectra that the levels' sub-bands are filtered from, and the low-pass residual's, fine to coarse."""
    levels = [spectrum * filters.lowpass[0]]
    for size, lowpass in zip(filters.sizes[1:], filters.lowpass[1:], strict=True):
        levels.append(_shrink(levels[-1], size) * lowpass)
    return levels


def join_levels(levels: list[Complex[Array, "N h c"]], filters: Filters) -> Complex[Array, "N H C"]:
    """The transpose of `split_levels`: sum of all levels in the spectrum of the full size."""
    total = levels[-1]
    for i in range(len(levels) - 2, -1, -1):
        total = levels[i] + _grow(total * filters.lowpass[i + 1], levels[i].shape[-2:])
    return total * filters.lowpass[0]


def _shrink(spectrum: Complex[Array, "N h c"], size: tuple[int, int]) -> Complex[Array, "N i d"]:
    """Keep the lowest frequencies, those of a picture of `size`."""
    height, width = size
    above, below = -(-height // 2), height // 2
    rows = jnp.concatenate([spectrum[..., :above, :], spectrum[..., -below:, :]], axis=-2)
    return rows[..., : width // 2 + 1]


def _grow(spectrum: Complex[Array, "N i d"], shape: tuple[int, ...]) -> Complex[Array, "N h c"]:
    """The transpose of `_shrink`: zeros at the higher frequencies."""
    height = spectrum.shape[-2]
    above = -(-height // 2)
    gap = jnp.zeros((*spectrum.shape[:-2], shape[0] - height, spectrum.shape[-1]), spectrum.dtype)
    rows = jnp.concatenate([spectrum[..., :above, :], gap, spectrum[..., above:, :]], axis=-2)
    return jnp.pad(rows, [(0, 0)] * (rows.ndim - 1) + [(0, shape[1] - rows.shape[-1])])


@jax.jit
def build_pyramid(frames: Float[Array, "N H W"], filters: Filters) -> Pyramid:
    """Split pictures into sub-bands; `filters` are those of `make_filters` for their size."""
    spectrum = jnp.fft.rfft2(frames)
    *levels, lowest = split_levels(spectrum, filters)
    bands = []
    for level, band, size in zip(levels, filters.bands, filters.sizes[:-1], strict=True):
        real, imaginary = jnp.fft.irfft2(level[None, :, None] * band[:, None], s=size)
        bands.append(jax.lax.complex(real, imaginary))
    highpass = jnp.fft.irfft2(spectrum * filters.highpass, s=filters.sizes[0])
    return Pyramid(highpass, tuple(bands), jnp.fft.irfft2(lowest, s=filters.sizes[-1]))


@jax.jit
def collapse_pyramid(pyramid: Pyramid, filters: Filters) -> Float[Array, "N H W"]:
    """Put pictures together again; only the sub-bands' real parts count."""
    levels = [
        jnp.sum(jnp.fft.rfft2(bands.real) * jnp.conj(steered[0]), axis=1)
        for bands, steered in zip(pyramid.bands, filters.bands, strict=True)
    ]
    levels.append(jnp.fft.rfft2(pyramid.lowpass))
    spectrum = join_levels(levels, filters) + jnp.fft.rfft2(pyramid.highpass) * filters.highpass
    return jnp.fft.irfft2(spectrum, s=filters.sizes[0])
