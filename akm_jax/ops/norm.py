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

EPS = 1e-5
MOMENTUM = 0.1


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
            inv = self.scale[...] * jax.lax.rsqrt(self.var[...] + EPS)
            return x * inv.astype(x.dtype) + (self.bias[...] - self.mean[...] * inv).astype(x.dtype)
        y, mean, var = normalise_per_clip(x, self.scale[...], self.bias[...], clips)
        mean, var = jax.lax.stop_gradient((mean, var))
        count = clips.count(var.dtype)[:, None] * (x.shape[1] * x.shape[2])
        unbiased = var * count / jnp.maximum(count - 1, 1)
        self.mean[...] = successive_updates(self.mean[...], mean, clips.clip_mask)
        self.var[...] = successive_updates(self.var[...], unbiased, clips.clip_mask)
        return y


def successive_updates(running: Float[Array, " D"], per_clip: Float[Array, "C D"], clip_mask) -> Float[Array, " D"]:
    """Apply r <- 0.9 r + 0.1 s once per real clip, in slot order, in closed form."""
    mask = clip_mask.astype(running.dtype)
    later = jnp.cumsum(mask[::-1])[::-1] - mask  # real clips after this one
    weights = MOMENTUM * (1 - MOMENTUM) ** later * mask
    kept = (1 - MOMENTUM) ** jnp.sum(mask)
    return kept * running + jnp.einsum("c,cd->d", weights, per_clip, precision=jax.lax.Precision.HIGHEST)


@functools.partial(jax.custom_vjp)
def normalise_per_clip(x: Float[Array, "F H W D"], scale: Float[Array, " D"], bias: Float[Array, " D"], clips):
    """Normalise every frame with its clip's mean and biased variance, both computed in float32 or better.

    Returns:
        The normalised maps (F, H, W, D) and the statistics mean and variance (C, D). Gradients flow through the maps
        only; the statistics are constants to whoever uses them.
    """
    return _normalise_forward(x, scale, bias, clips)[0]


def _normalise_forward(x, scale, bias, clips):
    stat = jnp.promote_types(x.dtype, jnp.float32)
    pixels = x.shape[1] * x.shape[2]
    wide = x.astype(stat)
    # Moments of each frame first, then of the clip: as accurate as two passes over the clip, and local in memory.
    frame_mean = jnp.mean(wide, (1, 2))
    frame_square = jnp.sum((wide - frame_mean[:, None, None]) ** 2, (1, 2))
    mean = clips.mean(frame_mean)
    square = frame_square + pixels * (frame_mean - clips.spread(mean)) ** 2
    var = clips.mean(square) / pixels
    inv_std = jax.lax.rsqrt(var + EPS)
    factor = clips.spread(inv_std * scale)
    shift = clips.spread(bias - mean * inv_std * scale)
    y = (wide * factor[:, None, None] + shift[:, None, None]).astype(x.dtype)
    return (y, mean, var), (x, scale, mean, inv_std, clips)


def _normalise_backward(residuals, cotangents):
    x, scale, mean, inv_std, clips = residuals
    dy = cotangents[0].astype(mean.dtype)
    pixels = x.shape[1] * x.shape[2]
    frame_mean, frame_inv = clips.spread(mean)[:, None, None], clips.spread(inv_std)[:, None, None]
    normalised = (x.astype(mean.dtype) - frame_mean) * frame_inv
    sum_dy = clips.sum(jnp.sum(dy, (1, 2)))
    sum_dy_norm = clips.sum(jnp.sum(dy * normalised, (1, 2)))
    count = clips.count(mean.dtype)[:, None] * pixels
    mean_dy, mean_dy_norm = clips.spread(sum_dy / count), clips.spread(sum_dy_norm / count)
    dx = scale * frame_inv * (dy - mean_dy[:, None, None] - normalised * mean_dy_norm[:, None, None])
    return dx.astype(x.dtype), jnp.sum(sum_dy_norm, 0), jnp.sum(sum_dy, 0), None


normalise_per_clip.defvjp(_normalise_forward, _normalise_backward)
