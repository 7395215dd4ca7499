"""Batch norm with statistics per clip.

The released program feeds one clip at a time, so mean and variance are over that clip's T x H x W values, and eight
clips are eight successive updates of the running averages. Here a batch holds several clips: statistics are taken per
clip, and the eight updates are applied in closed form.
"""

import functools

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Float

from akm_jax.clips import PackedClips
from akm_jax.ops.chunks import map_chunks

EPS = 1e-5
MOMENTUM = 0.1
# Floats of the maps of one chunk, 2 MiB in float32.
CHUNK_FLOATS = 1 << 19


class ClipBatchNorm(nnx.Module):
    """Batch norm over the frames and pixels of each clip (training) or by running averages (evaluation)."""

    def __init__(self, num_features: int, *, dtype=jnp.float32):
        self.scale = nnx.Param(jnp.ones(num_features, dtype))
        self.bias = nnx.Param(jnp.zeros(num_features, dtype))
        self.mean = nnx.BatchStat(jnp.zeros(num_features, dtype))
        self.var = nnx.BatchStat(jnp.ones(num_features, dtype))

    def __call__(self, x: Float[Array, "F H W D"], clips: PackedClips, *, train: bool) -> Float[Array, "F H W D"]:
        """Normalise; in training also advance the running averages, in slot order."""
        if not train:
            factor, shift = self.fixed_affine()
            return x * factor.astype(x.dtype) + shift.astype(x.dtype)
        y, mean, var = normalise_per_clip(x, self.scale[...], self.bias[...], clips)
        self.advance(mean, var, x.shape[1] * x.shape[2], clips)
        return y

    def fixed_affine(self) -> tuple[Float[Array, " D"], Float[Array, " D"]]:
        """Factor and shift that normalise by the running averages."""
        factor = self.scale[...] * jax.lax.rsqrt(self.var[...] + EPS)
        return factor, self.bias[...] - self.mean[...] * factor

    def advance(self, mean: Float[Array, "C D"], var: Float[Array, "C D"], pixels: int, clips: PackedClips) -> None:
        """Advance the running averages by each clip's mean and biased variance, taken over `pixels` a frame."""
        mean, var = jax.lax.stop_gradient((mean, var))
        count = clips.count(var.dtype)[:, None] * pixels
        unbiased = var * count / jnp.maximum(count - 1, 1)
        self.mean[...] = successive_updates(self.mean[...], mean, clips.clip_mask)
        self.var[...] = successive_updates(self.var[...], unbiased, clips.clip_mask)


def successive_updates(running: Float[Array, " D"], per_clip: Float[Array, "C D"], clip_mask) -> Float[Array, " D"]:
    """Apply r <- 0.9 r + 0.1 s once per real clip, in slot order, in closed form."""
    mask = clip_mask.astype(running.dtype)
    later = jnp.cumsum(mask[::-1])[::-1] - mask  # real clips after this one
    weights = MOMENTUM * (1 - MOMENTUM) ** later * mask
    kept = (1 - MOMENTUM) ** jnp.sum(mask)
    return kept * running + jnp.einsum("c,cd->d", weights, per_clip, precision=jax.lax.Precision.HIGHEST)


def joined_updates(
    running: Float[Array, " D"], of_parts: Float[Array, "P D"], num_clips: Float[Array, " P"]
) -> Float[Array, " D"]:
    """What `successive_updates` makes of all clips of several parts, in their order, from what it made of each alone.

    Args:
        running: the average before.
        of_parts: each part's average, which started from `running`.
        num_clips: real clips of each part.
    """
    joined = running
    for part, count in zip(of_parts, num_clips, strict=True):
        kept = (1 - MOMENTUM) ** count
        joined = kept * joined + (part - kept * running)
    return joined


@functools.partial(jax.custom_vjp)
def normalise_per_clip(x: Float[Array, "F H W D"], scale: Float[Array, " D"], bias: Float[Array, " D"], clips):
    """Normalise every frame with its clip's mean and biased variance, both computed in float32 or better.

    Returns:
        The normalised maps (F, H, W, D) and the statistics mean and variance (C, D). Gradients flow through the maps
        only; the statistics are constants to whoever uses them.
    """
    return _normalise_forward(x, scale, bias, clips)[0]


def frame_moments(x: Float[Array, "F H W D"]) -> tuple[Float[Array, "F D"], Float[Array, "F D"]]:
    """Mean over the pixels of each frame, and sum of squared deviations from it; float32 or wider."""

    def moments(x):
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        mean = jnp.mean(wide, (1, 2))
        return mean, jnp.sum((wide - mean[:, None, None]) ** 2, (1, 2))

    return _frame_by_frame(moments, x)


def _frame_by_frame(function, *maps):
    """A function of frames that sums over pixels; on the CPU in chunks.

    XLA's CPU library for sums stores what is to be summed: of a whole batch that is a map in fresh memory, of a chunk
    it stays in cache, where also the second sum finds its map.
    """
    in_chunks = functools.partial(map_chunks, function, frames=CHUNK_FLOATS // maps[0][0].size)
    return jax.lax.platform_dependent(*maps, cpu=lambda *maps: in_chunks(maps), default=function)


def clip_moments(
    frame_mean: Float[Array, "F D"], frame_square: Float[Array, "F D"], pixels: int, clips: PackedClips
) -> tuple[Float[Array, "C D"], Float[Array, "C D"]]:
    """Mean and biased variance of each clip from its frames': as accurate as two passes over the clip."""
    mean = clips.mean(frame_mean)
    square = frame_square + pixels * (frame_mean - clips.spread(mean)) ** 2
    return mean, clips.mean(square) / pixels


def _normalise_forward(x, scale, bias, clips):
    mean, var = clip_moments(*frame_moments(x), x.shape[1] * x.shape[2], clips)
    inv_std = jax.lax.rsqrt(var + EPS)
    factor = clips.spread(inv_std * scale)
    shift = clips.spread(bias - mean * inv_std * scale)
    y = (x.astype(mean.dtype) * factor[:, None, None] + shift[:, None, None]).astype(x.dtype)
    return (y, mean, var), (x, scale, mean, inv_std, clips)


def _normalise_backward(residuals, cotangents):
    x, scale, mean, inv_std, clips = residuals
    pixels = x.shape[1] * x.shape[2]

    def sums(x, dy, mean):
        dy = dy.astype(mean.dtype)
        return jnp.sum(dy, (1, 2)), jnp.sum(dy * (x.astype(mean.dtype) - mean[:, None, None]), (1, 2))

    frame_dy, frame_dy_centred = _frame_by_frame(sums, x, cotangents[0], clips.spread(mean))
    sum_dy = clips.sum(frame_dy)
    sum_dy_norm = inv_std * clips.sum(frame_dy_centred)
    count = clips.count(mean.dtype)[:, None] * pixels
    # dx = scale inv_std (dy - mean(dy) - (x - mean) inv_std mean(dy normalised)), a sum of three products per pixel.
    of_dy = clips.spread(scale * inv_std)
    of_x = clips.spread(-scale * inv_std**2 * sum_dy_norm / count)
    constant = -of_x * clips.spread(mean) - clips.spread(scale * inv_std * sum_dy / count)
    dy, x_wide = cotangents[0].astype(mean.dtype), x.astype(mean.dtype)
    dx = dy * of_dy[:, None, None] + x_wide * of_x[:, None, None] + constant[:, None, None]
    return dx.astype(x.dtype), jnp.sum(sum_dy_norm, 0), jnp.sum(sum_dy, 0), None


normalise_per_clip.defvjp(_normalise_forward, _normalise_backward)
