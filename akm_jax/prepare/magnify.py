"""Phase-based motion magnification: small motions of a clip made (1 + alpha) times as large, noise left as it is.

Every sub-band of a frame's complex steerable pyramid is turned by alpha times its phase difference to the first frame,
which displaces what the sub-band shows by alpha times its motion. The residuals are not changed, so a frame is itself
plus the change of its sub-bands, and alpha = 0 gives it back exactly.

Without a temporal band, frames go through one compiled block of fixed size; with one, a clip is one block, of a length
rounded up. So clips of different lengths share compiled code, and without a band memory does not grow with length.

Axis letters: T frames of a clip, N frames of a block, B orientations, h w pixels of a level, c columns of its spectrum.

Source: Wadhwa, Rubinstein, Durand & Freeman, "Phase-based video motion processing", SIGGRAPH 2013, sections 3 and 4.
Deviations: the temporal filter is an ideal band in a cosine transform, and optional.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Complex, Float, Shaped

from akm_jax.prepare.phase import angle, band_pass_matrix, cos_sin, smooth_phase
from akm_jax.prepare.pyramid import Filters, join_levels, make_filters, split_levels

BLOCK_FRAMES = 4  # frames of a block without a temporal band; small enough for the cache
LENGTH_STEP = 16  # with one, block lengths are multiples of this

Reference = tuple[Float[Array, "2 B h w"], ...]


def magnify(
    frames: Shaped[np.ndarray, "T H W"],
    *,
    alpha: float = 15.0,
    fps: float | None = None,
    band_hz: tuple[float, float] | None = None,
    smoothing_px: float = 1.0,
    levels: int | None = None,
    orientations: int = 4,
) -> Shaped[np.ndarray, "T H W"]:
    """Magnify the motion of one clip against its first frame.

    Args:
        frames: grey, uint8 or floating point of any range.
        alpha: motions become 1 + alpha times as large; 0 changes nothing.
        fps: frames per second; needed with `band_hz` only.
        band_hz: (low, high); only motion of these frequencies is magnified. None for all.
        smoothing_px: standard deviation of the spatial smoothing of phase, in pixels of each sub-band. On drawn faces
            with camera noise, 1 came closest to the truth of 0, 1, 1.5, 2, 3 and 5.
        levels: octaves of the pyramid; None for as many as fit.
        orientations: orientations of the pyramid.

    Returns:
        As many frames of the same size and type, in the same order; uint8 is rounded and clipped, floats are not.

    Raises:
        ValueError: frames of a wrong shape, type or without a pixel, non-finite frames, or an option out of range.
    """
    frames = np.asarray(frames)
    check_frames(frames)
    _check_options(alpha, fps, band_hz, smoothing_px)
    filters = jax.device_put(make_filters(*frames.shape[1:], levels=levels, orientations=orientations))
    block, temporal = BLOCK_FRAMES, None
    if band_hz is not None and fps is not None:
        block = -(-len(frames) // LENGTH_STEP) * LENGTH_STEP
        temporal = _pad_square(band_pass_matrix(len(frames), fps, band_hz), block)
    reference = first_frame_bands(_as_float(frames[:1]), filters)
    magnified = np.empty_like(frames)
    for start in range(0, len(frames), block):
        part = _pad_frames(_as_float(frames[start : start + block]), block)
        moved = magnify_block(part, reference, filters, np.float32(alpha), temporal, smoothing_px=float(smoothing_px))
        magnified[start : start + block] = _as_type(np.asarray(moved)[: len(frames) - start], frames.dtype)
    return magnified


def check_frames(frames: np.ndarray) -> None:
    """Refuse what is not a grey clip.

    Raises:
        ValueError: names what was got.
    """
    if frames.ndim != 3 or min(frames.shape[1:]) < 8:
        raise ValueError(
            f"frames must be grey, of shape (frames, height, width) and at least 8 x 8 pixels, got shape {frames.shape}"
        )
    if len(frames) == 0:
        raise ValueError("frames is an empty clip: a clip needs at least 1 frame")
    if frames.dtype != np.uint8 and not np.issubdtype(frames.dtype, np.floating):
        raise ValueError(f"frames must be uint8 or floating point, got {frames.dtype}")
    if frames.dtype != np.uint8 and not np.isfinite(frames).all():
        raise ValueError(
            f"frame {int(np.argmin(np.isfinite(frames).all((1, 2))))} (0-based) has a value that is not finite"
        )


def _check_options(alpha: float, fps: float | None, band_hz: tuple[float, float] | None, smoothing_px: float) -> None:
    if not (np.isfinite(alpha) and alpha >= 0):
        raise ValueError(f"alpha must be a finite number of at least 0, got {alpha}")
    if not (np.isfinite(smoothing_px) and smoothing_px >= 0):
        raise ValueError(f"smoothing_px must be a finite number of at least 0, got {smoothing_px}")
    if fps is not None and not (np.isfinite(fps) and fps > 0):
        raise ValueError(f"fps must be a positive number, got {fps}")
    if band_hz is None:
        return
    if fps is None:
        raise ValueError(f"band_hz={band_hz} needs fps, the frames per second of the clip")
    if len(band_hz) != 2 or not 0 <= band_hz[0] < band_hz[1] <= fps / 2:
        raise ValueError(f"band_hz must be (low, high) with 0 <= low < high <= fps / 2 = {fps / 2:g}, got {band_hz}")


@jax.jit
def first_frame_bands(frame: Float[Array, "1 H W"], filters: Filters) -> Reference:
    """Real and imaginary parts of the first frame's sub-bands, which phase is measured against."""
    levels = split_levels(jnp.fft.rfft2(frame), filters)[:-1]
    parts = zip(levels, filters.bands, filters.sizes[:-1], strict=True)
    return tuple(jnp.fft.irfft2(level * band, s=size) for level, band, size in parts)


@functools.partial(jax.jit, static_argnames="smoothing_px")
def magnify_block(
    frames: Float[Array, "N H W"],
    reference: Reference,
    filters: Filters,
    alpha: Float[Array, ""],
    temporal: Float[Array, "N N"] | None,
    *,
    smoothing_px: float,
) -> Float[Array, "N H W"]:
    """Magnify frames against the sub-bands of `reference`; `temporal` filters the phase over the frames."""
    *levels, lowest = split_levels(jnp.fft.rfft2(frames), filters)
    changes = []
    for level, bands, base in zip(levels, filters.bands, reference, strict=True):
        change = functools.partial(_band_change, level, alpha, temporal, smoothing_px)
        together = bands.shape[1] if temporal is None else 1  # a long block takes its orientations in turn, for memory
        oriented = (jnp.swapaxes(bands, 0, 1), jnp.swapaxes(base, 0, 1))
        changes.append(jax.lax.map(change, oriented, batch_size=together).sum(axis=0))
    changes.append(jnp.zeros_like(lowest))
    return frames + jnp.fft.irfft2(join_levels(changes, filters), s=filters.sizes[0])


def _band_change(
    level: Complex[Array, "N h c"],
    alpha: Float[Array, ""],
    temporal: Float[Array, "N N"] | None,
    smoothing_px: float,
    band: tuple[Complex[Array, "2 h c"], Float[Array, "2 h w"]],
) -> Complex[Array, "N h c"]:
    """What magnification adds to the spectrum of a level in one orientation."""
    steered, base = band
    real, imaginary = jnp.fft.irfft2(level * steered[:, None], s=base.shape[1:])
    phase = angle(imaginary * base[0] - real * base[1], real * base[0] + imaginary * base[1])
    if temporal is not None:
        phase = jnp.tensordot(temporal, phase, axes=1)
    amplitude = jnp.sqrt(real * real + imaginary * imaginary)
    phase = smooth_phase(phase, amplitude, smoothing_px)
    cos, sin = cos_sin(alpha * phase)
    return jnp.fft.rfft2(real * (cos - 1) - imaginary * sin) * jnp.conj(steered[0])


def _pad_frames(frames: np.ndarray, length: int) -> np.ndarray:
    """Repeat the last frame up to `length` frames."""
    return np.pad(frames, [(0, length - len(frames)), (0, 0), (0, 0)], mode="edge")


def _pad_square(matrix: np.ndarray, length: int) -> np.ndarray:
    """Zeros for padded frames, which then neither change nor count."""
    return np.pad(matrix, (0, length - len(matrix)))


def _as_float(frames: np.ndarray) -> np.ndarray:
    return frames.astype(np.float32)


def _as_type(frames: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8) if dtype == np.uint8 else frames.astype(dtype)
