"""The trunk's first layers as one operation: 5 x 5 convolution of stride 2, batch norm per clip, ReLU, max pool.

The convolution's maps are the largest of the network, sixteen times those that leave the pool, and they are never kept.
On the CPU they never leave the cache, a few frames at a time, and are computed once: batch norm multiplies by a factor,
and where that is not negative the maximum of a window can be taken before it. A negative factor is made positive by the
kernel's sign.

The kernel's gradient needs sums over the whole clip (batch norm's) before it is known at any pixel. With patches p,
normalised maps n = (y - mean) / std and the gradient g of the affine output, batch norm gives
    dy = scale / std * (g - mean(g) - n mean(g n)),
so that dkernel = sum p dy follows from the sums of p g, p n and p over each clip. Those of p n are taken in the forward
pass, where the maps are at hand; g is zero but at the maxima of the windows, whose places are kept. A constant is
subtracted from the patches of p g; it drops out of the result and keeps the sums small.
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
from akm_jax.ops.pool import max_pool, max_pool_gradient, max_pool_places

SIZE, STRIDE, PAD = 5, 2, 2
# Two neighbouring outputs of a row share one product: a window of 5 x 7 inputs.
PAIR, WINDOW = 2, 7
# About the mean of the frames.
CENTRE = 0.5
# Floats of the convolution's maps of one chunk.
CHUNK_FLOATS = 1 << 19


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
    _require_multiple_of_4(frames)
    sign = _sign(scale)
    pooled, mean, var = _stem(frames, kernel * sign.astype(kernel.dtype), scale * sign, bias, clips)
    return pooled, mean * sign, var


def stem_evaluated(frames, kernel, factor, shift):
    """The same with a fixed affine map (D,) in place of the clip's statistics."""
    _require_multiple_of_4(frames)
    sign = _sign(factor)
    arguments = frames, kernel * sign.astype(kernel.dtype), factor * sign, shift
    return lax.platform_dependent(*arguments, cpu=_evaluated_cpu, default=_evaluated_lax)


def _sign(factor):
    return jnp.where(factor < 0, -1, 1).astype(factor.dtype)


def _require_multiple_of_4(frames):
    if frames.shape[1] % 4 or frames.shape[2] % 4:
        raise ValueError(f"stem: expected frames (F, H, W, 1) with H and W multiples of 4, got {frames.shape}")


@jax.custom_vjp
def _stem(frames, kernel, scale, bias, clips):
    """`stem` with a scale that is not negative."""
    return _forward(frames, kernel, scale, bias, clips)[0]


def _forward(frames, kernel, scale, bias, clips):
    one_pass = lax.platform_dependent(frames, kernel, cpu=_pass_cpu, default=_pass_lax)
    frame_mean, frame_square, largest, *kept = one_pass
    pixels = frames.shape[1] * frames.shape[2] // STRIDE**2
    mean, var = clip_moments(frame_mean, frame_square, pixels, clips)
    inv_std = lax.rsqrt(var + EPS)
    factor = inv_std * scale
    pooled = _affine_relu(largest, clips.spread(factor), clips.spread(bias - mean * factor))
    return (pooled, mean, var), (frames, kernel, scale, bias, mean, inv_std, clips, frame_mean, largest, *kept)


def _backward(residuals, cotangents):
    frames, kernel, scale, bias, mean, inv_std, clips, frame_mean, largest, places, patches_maps = residuals
    dpooled = cotangents[0]

    def plain(frames, kernel, scale, bias):
        return max_pool(jax.nn.relu(normalise_per_clip(conv_lax(frames, kernel, STRIDE), scale, bias, clips)[0]))

    def recomputed(frames, kernel, scale, bias, *others):
        return jax.vjp(functools.partial(plain, frames), kernel, scale, bias)[1](dpooled)

    def in_one_pass(*arguments):
        return _gradients_cpu(*arguments, dpooled, clips)

    arguments = frames, kernel, scale, bias, mean, inv_std, frame_mean, largest, places, patches_maps
    dkernel, dscale, dbias = lax.platform_dependent(*arguments, cpu=in_one_pass, default=recomputed)
    # Frames are data: nothing asks for their gradient in training, and then this is never computed.
    dframes = jax.vjp(lambda frames: plain(frames, kernel, scale, bias), frames)[1](dpooled)[0]
    return dframes, dkernel, dscale, dbias, None


_stem.defvjp(_forward, _backward)


def _pass_lax(frames, kernel):
    """The first results of `_pass_cpu`; what only the CPU's backward pass takes is left zero."""
    y = conv_lax(frames, kernel, STRIDE)
    mean, square = frame_moments(y)
    largest = max_pool(y)
    return (
        mean,
        square,
        largest,
        jnp.zeros(largest.shape, jnp.uint8),
        jnp.zeros((len(y), SIZE * WINDOW, PAIR * y.shape[-1]), mean.dtype),
    )


def _pass_cpu(frames, kernel):
    """Moments of each frame's maps, the windows' maxima, their places, and sums of patches times maps.

    The sums are over the pixels of a frame, the maps' mean over the frame subtracted.
    """
    matrix = _window_matrix(kernel)

    def one_pass(part):
        windows = _windows(part[..., 0])
        y = _convolve(windows, matrix)
        mean, square = frame_moments(y)
        products = _patch_products(windows.astype(mean.dtype), y.astype(mean.dtype) - mean[:, None, None])
        return mean, square, *max_pool_places(y), products

    return map_chunks(one_pass, [frames], _chunk_size(frames, kernel))


def _evaluated_lax(frames, kernel, factor, shift):
    return _affine_relu(max_pool(conv_lax(frames, kernel, STRIDE)), factor, shift)


def _evaluated_cpu(frames, kernel, factor, shift):
    matrix = _window_matrix(kernel)

    def evaluated(part):
        return _affine_relu(max_pool(_convolve(_windows(part[..., 0]), matrix)), factor, shift)

    return map_chunks(evaluated, [frames], _chunk_size(frames, kernel))


def _affine_relu(largest, factor, shift):
    """With factor and shift of every frame (F, D), or of all (D,)."""
    factor, shift = (a[..., None, None, :] for a in (factor, shift))
    return jax.nn.relu(largest.astype(factor.dtype) * factor + shift).astype(largest.dtype)


def _chunk_size(frames, kernel):
    return CHUNK_FLOATS * STRIDE**2 // (frames[0].size * kernel.shape[-1])


def _windows(frames, centre=0.0):
    """Inputs of each pair of outputs, less a constant: (F, H, W) to (F, H/2, W/4, 35)."""
    x = jnp.pad(frames, ((0, 0), (PAD, PAD), (PAD, PAD))) - centre
    step = STRIDE * PAIR
    pieces = []
    for i in range(SIZE):
        row = x[:, i : i + frames.shape[1] - 1 : STRIDE].reshape(len(x), frames.shape[1] // STRIDE, -1, step)
        pieces += [row[:, :, :-1], row[:, :, 1:, : WINDOW - step]]
    return jnp.concatenate(pieces, axis=-1)


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


def _patch_products(windows, maps):
    """Sums over each frame of windows times maps at both their outputs: (F, 35, 2 D)."""
    patches = windows.reshape(len(windows), -1, SIZE * WINDOW)
    maps = maps.reshape(*patches.shape[:2], -1)
    return jnp.einsum("fnp,fne->fpe", patches, maps, precision=lax.Precision.HIGHEST)


def _gradients_cpu(
    frames, kernel, scale, bias, mean, inv_std, frame_mean, largest, places, patches_maps, dpooled, clips
):
    """Gradients of kernel, scale and bias from sums over each clip; see the head of this file."""
    stat = mean.dtype
    factor = inv_std * scale
    of_frame = [clips.spread(a) for a in (mean, inv_std, factor, bias - mean * factor)]

    def sums(frames, largest, places, dpooled, mean, inv_std, factor, shift):
        """Sums over the pixels of each frame of g, g n, p g and p."""
        g = jnp.where(_affine_relu(largest, factor, shift) > 0, dpooled, 0)
        quarters = max_pool_gradient(g, places)
        rows = [jnp.concatenate(columns, axis=-1) for columns in quarters]
        patches = _windows(frames[..., 0], CENTRE).astype(stat)
        p_g = _patch_products(patches, jnp.stack(rows, axis=2).astype(stat))
        normalised = (largest.astype(stat) - mean[:, None, None]) * inv_std[:, None, None]
        g = g.astype(stat)
        return jnp.sum(g, (1, 2)), jnp.sum(g * normalised, (1, 2)), p_g, jnp.sum(patches, (1, 2))

    arrays = [frames, largest, places, dpooled, *of_frame]
    *of_each_frame, frame_p = map_chunks(sums, arrays, _chunk_size(frames, kernel))
    sum_g, sum_g_n, p_g = map(clips.sum, of_each_frame)
    # Sums of patches and maps less the clip's mean, from those less the frame's.
    shifted = jnp.tile(frame_mean - clips.spread(mean), (1, PAIR))
    p_n = clips.sum(patches_maps + frame_p[..., None] * shifted[:, None]) * jnp.tile(inv_std, (1, PAIR))[:, None]
    p = clips.sum(frame_p)
    count = clips.count(stat)[:, None] * (frames.shape[1] * frames.shape[2] // STRIDE**2)
    mean_g, mean_g_n = (jnp.tile(a / count, (1, PAIR))[:, None] for a in (sum_g, sum_g_n))
    per_clip = p_g - p[..., None] * mean_g - p_n * mean_g_n
    dmatrix = jnp.sum(per_clip * jnp.tile(factor, (1, PAIR))[:, None], 0)
    return _window_matrix_transposed(dmatrix).astype(kernel.dtype), jnp.sum(sum_g_n, 0), jnp.sum(sum_g, 0)
