"""The trunk's first layers as one operation: 5 x 5 convolution of stride 2, batch norm per clip, ReLU, max pool.

The convolution's maps are the largest of the network, sixteen times those that leave the pool, and they cost little to
compute. So they are never kept: the backward pass computes them again, and on the CPU they never leave the cache, a few
frames at a time.

The kernel's gradient needs sums over the whole clip (batch norm's) before it is known at any pixel. With patches p,
normalised maps n = (y - mean) / std and the gradient g of the affine output, batch norm gives
    dy = scale / std * (g - mean(g) - n mean(g n)),
so that dkernel = sum p dy follows from the sums of p g, p n and p over each clip: one pass over the frames is enough. A
constant is subtracted from the patches first; it drops out of the result and keeps the sums small.
"""

import functools

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from akm_jax.clips import PackedClips
from akm_jax.ops.chunks import map_chunks
from akm_jax.ops.conv import conv_lax
from akm_jax.ops.norm import EPS, clip_moments, frame_moments, normalise_per_clip
from akm_jax.ops.pool import max_pool

SIZE, STRIDE, PAD = 5, 2, 2
# Two neighbouring outputs of a row share one product: a window of 5 x 7 inputs.
PAIR, WINDOW = 2, 7
# Floats of the convolution's maps of one chunk.
CHUNK_FLOATS = 1 << 19


@jax.custom_vjp
def stem(
    frames: Float[Array, "F H W 1"],
    kernel: Float[Array, "5 5 1 D"],
    scale: Float[Array, " D"],
    bias: Float[Array, " D"],
    clips: PackedClips,
) -> tuple[Float[Array, "F h w D"], Float[Array, "C D"], Float[Array, "C D"]]:
    """Convolve, normalise each clip by its own statistics, rectify, pool; h = H / 4, w = W / 4.

    Returns:
        The pooled maps, and mean and biased variance of the convolution's maps of every clip, which are constants to
        whoever uses them.

    Raises:
        ValueError: H or W is not a multiple of 4.
    """
    return _forward(frames, kernel, scale, bias, clips)[0]


def stem_evaluated(frames, kernel, factor, shift):
    """The same with a fixed affine map (D,) in place of the clip's statistics."""
    _require_multiple_of_4(frames)
    factor, shift = (jnp.broadcast_to(a, (len(frames), len(a))) for a in (factor, shift))
    return lax.platform_dependent(frames, kernel, factor, shift, cpu=_pooled_cpu, default=_pooled_lax)


def _require_multiple_of_4(frames):
    if frames.shape[1] % 4 or frames.shape[2] % 4:
        raise ValueError(f"stem: expected frames (F, H, W, 1) with H and W multiples of 4, got {frames.shape}")


def _forward(frames, kernel, scale, bias, clips):
    _require_multiple_of_4(frames)
    moments = lax.platform_dependent(frames, kernel, cpu=_moments_cpu, default=_moments_lax)
    pixels = frames.shape[1] * frames.shape[2] // STRIDE**2
    mean, var = clip_moments(*moments, pixels, clips)
    inv_std = lax.rsqrt(var + EPS)
    factor = inv_std * scale
    affine = clips.spread(factor), clips.spread(bias - mean * factor)
    pooled = lax.platform_dependent(frames, kernel, *affine, cpu=_pooled_cpu, default=_pooled_lax)
    return (pooled, mean, var), (frames, kernel, scale, bias, mean, inv_std, clips)


def _backward(residuals, cotangents):
    frames, kernel, scale, bias, mean, inv_std, clips = residuals
    dpooled = cotangents[0]

    def plain(frames, kernel, scale, bias):
        return max_pool(jax.nn.relu(normalise_per_clip(conv_lax(frames, kernel, STRIDE), scale, bias, clips)[0]))

    def recomputed(frames, kernel, scale, bias, mean, inv_std, dpooled):
        return jax.vjp(functools.partial(plain, frames), kernel, scale, bias)[1](dpooled)

    def in_one_pass(frames, kernel, scale, bias, mean, inv_std, dpooled):
        return _gradients_cpu(frames, kernel, scale, bias, mean, inv_std, dpooled, clips)

    arguments = (frames, kernel, scale, bias, mean, inv_std, dpooled)
    dkernel, dscale, dbias = lax.platform_dependent(*arguments, cpu=in_one_pass, default=recomputed)
    # Frames are data: nothing asks for their gradient in training, and then this is never computed.
    dframes = jax.vjp(lambda frames: plain(frames, kernel, scale, bias), frames)[1](dpooled)[0]
    return dframes, dkernel, dscale, dbias, None


stem.defvjp(_forward, _backward)


def _moments_lax(frames, kernel):
    return frame_moments(conv_lax(frames, kernel, STRIDE))


def _pooled_lax(frames, kernel, factor, shift):
    return _pool_affine(conv_lax(frames, kernel, STRIDE), factor, shift)


def _pool_affine(y, factor, shift):
    wide = y.astype(factor.dtype) * factor[:, None, None] + shift[:, None, None]
    return max_pool(jax.nn.relu(wide).astype(y.dtype))


def _chunk_size(frames, kernel):
    return CHUNK_FLOATS * STRIDE**2 // (frames[0].size * kernel.shape[-1])


def _moments_cpu(frames, kernel):
    matrix = _window_matrix(kernel)

    def moments(part):
        return frame_moments(_convolve(_windows(part), matrix))

    return map_chunks(moments, [frames], _chunk_size(frames, kernel))


def _pooled_cpu(frames, kernel, factor, shift):
    matrix = _window_matrix(kernel)

    def pooled(part, factor, shift):
        return _pool_affine(_convolve(_windows(part), matrix), factor, shift)

    return map_chunks(pooled, [frames, factor, shift], _chunk_size(frames, kernel))


def _windows(frames):
    """Inputs of each pair of outputs: (F, H, W, 1) to (F, H/2, W/4, 35)."""
    pad = ((0, 0), (PAD, PAD), (PAD, PAD))
    x = jnp.pad(frames[..., 0], pad)
    _, height, width = frames.shape[:3]
    rows = [x[:, i : i + height - 1 : STRIDE] for i in range(SIZE)]
    taps = [row[:, :, j : j + width - 3 : STRIDE * PAIR] for row in rows for j in range(WINDOW)]
    return jnp.stack(taps, axis=-1)


def _window_matrix(kernel):
    """The kernel at both places of a window: (35, 2 D)."""
    placed = [jnp.pad(kernel[:, :, 0], ((0, 0), (STRIDE * i, STRIDE * (PAIR - 1 - i)), (0, 0))) for i in range(PAIR)]
    return jnp.stack(placed, axis=2).reshape(SIZE * WINDOW, -1)


def _window_matrix_transposed(matrix):
    """The transpose of `_window_matrix`: (35, 2 D) to (5, 5, 1, D)."""
    placed = matrix.reshape(SIZE, WINDOW, PAIR, -1)
    return sum(placed[:, STRIDE * i : STRIDE * i + SIZE, i] for i in range(PAIR))[:, :, None]


def _convolve(windows, matrix):
    frames, height, pairs, _ = windows.shape
    return (windows @ matrix).reshape(frames, height, pairs * PAIR, -1)


def _gradients_cpu(frames, kernel, scale, bias, mean, inv_std, dpooled, clips):
    """Gradients of kernel, scale and bias from sums over each clip; see the head of this file."""
    matrix, features, stat = _window_matrix(kernel), kernel.shape[-1], mean.dtype
    centre = clips.mean(jnp.mean(frames, (1, 2, 3)))
    of_frame = [clips.spread(a) for a in (mean, inv_std, centre)]

    def sums(frames, dpooled, mean, inv_std, centre):
        windows = _windows(frames)
        y = _convolve(windows, matrix)
        normalised = (y.astype(stat) - mean[:, None, None]) * inv_std[:, None, None]
        affine = (normalised * scale + bias).astype(y.dtype)
        g = jax.vjp(lambda z: max_pool(jax.nn.relu(z)), affine)[1](dpooled)[0].astype(stat)
        p = (windows - centre[:, None, None, None]).astype(stat).reshape(len(frames), -1, SIZE * WINDOW)
        both = [a.reshape(*p.shape[:2], PAIR * features) for a in (g, normalised)]
        p_g, p_n = (jnp.einsum("fnp,fne->fpe", p, a, precision=lax.Precision.HIGHEST) for a in both)
        return jnp.sum(g, (1, 2)), jnp.sum(g * normalised, (1, 2)), p_g, p_n, jnp.sum(p, 1)

    of_each_frame = map_chunks(sums, [frames, dpooled, *of_frame], _chunk_size(frames, kernel))
    sum_g, sum_g_n, p_g, p_n, p = map(clips.sum, of_each_frame)
    count = clips.count(stat)[:, None] * (frames.shape[1] * frames.shape[2] // STRIDE**2)
    mean_g, mean_g_n = (jnp.tile(a / count, (1, PAIR))[:, None] for a in (sum_g, sum_g_n))
    per_clip = p_g - p[..., None] * mean_g - p_n * mean_g_n
    dmatrix = jnp.sum(per_clip * jnp.tile(inv_std * scale, (1, PAIR))[:, None], 0)
    return _window_matrix_transposed(dmatrix).astype(kernel.dtype), jnp.sum(sum_g_n, 0), jnp.sum(sum_g, 0)
