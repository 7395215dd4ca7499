"""Phase arithmetic of magnification on real and imaginary parts: angle, rotation, smoothing, temporal band-pass.

`jnp.arctan2`, `sin` and `cos` are scalar library calls on the CPU and took two thirds of the time of magnification; the
polynomials here are vectorised by the compiler and accurate to the rounding of float32.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

# Chebyshev fits in x * x: arctan(x) / x on [0, 1], sin(x) / x and cos(x) on [0, pi]; errors 8e-8, 2e-9, 1e-8.
_ARCTAN = (
    *(0.999999898, -0.333319597, 0.199692354, -0.140165850),
    *(0.0990609690, -0.0593671008, 0.0241661895, -0.00466877331),
)
_SIN = (0.999999999, -0.166666659, 0.00833332129, -1.98405341e-4, 2.753585e-6, -2.47288117e-8, 1.36130989e-10)
_COS = (0.999999989, -0.499999891, 0.0416664892, -0.00138878036, 2.47698836e-5, -2.70790308e-7, 1.72450918e-9)


def angle(y: Float[Array, "*s"], x: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Angle of (x, y), radians in [-pi, pi]; 0 at the origin. Error below 1e-6."""
    high, low = jnp.maximum(jnp.abs(x), jnp.abs(y)), jnp.minimum(jnp.abs(x), jnp.abs(y))
    ratio = low / jnp.maximum(high, jnp.finfo(high.dtype).tiny)
    eighth = ratio * _polynomial(_ARCTAN, ratio * ratio)
    quarter = jnp.where(jnp.abs(y) > jnp.abs(x), np.float32(np.pi / 2) - eighth, eighth)
    half = jnp.where(x < 0, np.float32(np.pi) - quarter, quarter)
    return jnp.where(y < 0, -half, half)


def cos_sin(angle: Float[Array, "*s"]) -> tuple[Float[Array, "*s"], Float[Array, "*s"]]:
    """Cosine and sine of any angle in radians; error 1e-6, and float32's rounding of a large angle."""
    turn = angle - np.float32(2 * np.pi) * jnp.round(angle * np.float32(0.5 / np.pi))
    square = turn * turn
    return _polynomial(_COS, square), turn * _polynomial(_SIN, square)


def _polynomial(coefficients: tuple[float, ...], x: Float[Array, "*s"]) -> Float[Array, "*s"]:
    value = jnp.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = value * x + np.float32(coefficient)
    return value


def smooth_phase(
    phase: Float[Array, "*n h w"], amplitude: Float[Array, "*n h w"], deviation_px: float
) -> Float[Array, "*n h w"]:
    """Weighted mean of the phase around each pixel: Gaussian times amplitude; nothing is taken from beyond the border.

    Args:
        phase: radians.
        amplitude: weight of each pixel; 0 everywhere gives phase 0.
        deviation_px: standard deviation of the Gaussian, pixels of the sub-band; 0 for no smoothing.
    """
    if deviation_px == 0:
        return phase
    total = _blur(phase * amplitude, deviation_px)
    return total / jnp.maximum(_blur(amplitude, deviation_px), jnp.finfo(phase.dtype).tiny)


def _blur(pictures: Float[Array, "*n h w"], deviation_px: float) -> Float[Array, "*n h w"]:
    """Gaussian blur, cut at three deviations, zeros beyond the border."""
    radius = math.ceil(3 * deviation_px)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / deviation_px) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (pictures.ndim - 2, pictures.ndim - 1):
        padding = [(radius, radius) if i == axis else (0, 0) for i in range(pictures.ndim)]
        # The barrier keeps the padding out of the sum's inner loop, which then has no branches: 4 times as fast.
        padded, length = jax.lax.optimization_barrier(jnp.pad(pictures, padding)), pictures.shape[axis]
        shifted = [jax.lax.slice_in_dim(padded, i, i + length, axis=axis) for i in range(len(weights))]
        pictures = sum(w * part for w, part in zip(weights, shifted, strict=True))
    return pictures


def band_pass_matrix(num_frames: int, fps: float, band_hz: tuple[float, float]) -> Float[np.ndarray, "T T"]:
    """Ideal zero-phase band-pass of T samples as a matrix: it keeps the cosines whose frequency lies in the band.

    The cosines are those of the type II cosine transform, of frequencies k * fps / (2 T): the clip is continued as its
    own mirror image, so its last frame is not taken for a neighbour of its first.

    Raises:
        ValueError: the clip is too short to have any frequency in the band.
    """
    low, high = band_hz
    hertz = np.arange(num_frames) * fps / (2 * num_frames)
    inside = (hertz >= low) & (hertz <= high)
    if not inside.any():
        raise ValueError(
            f"band_hz={band_hz} lies between the frequencies of {num_frames} frames at {fps:g} fps, the multiples of "
            f"{fps / (2 * num_frames):.3g} Hz below {fps / 2:g} Hz; widen the band or take a longer clip"
        )
    time = (np.arange(num_frames) + 0.5) / num_frames
    cosines = np.cos(np.pi * np.arange(num_frames)[:, None] * time) * np.sqrt(2 / num_frames)
    cosines[0] /= np.sqrt(2)
    return (cosines[inside].T @ cosines[inside]).astype(np.float32)
