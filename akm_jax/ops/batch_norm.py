"""Batch norm over a batch of pictures, as the compared networks have it; rows that only fill a batch do not count."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Bool, Float

from akm_jax.ops.norm import EPS


class BatchNorm(nnx.Module):
    """Normalise by the statistics of a batch (training) or by running averages (evaluation).

    A batch moves the running averages by `momentum`, r <- (1 - momentum) r + momentum s, s the mean and the unbiased
    variance. With `corrected` they are Caffe's: sums that decay by 1 - momentum, divided by the decayed number of
    batches, so that the first batch replaces what was there.
    """

    def __init__(self, num_features: int, *, momentum: float = 0.1, corrected: bool = False, dtype=jnp.float32):
        """Args: channels, how far a batch moves the averages, whether as in Caffe."""
        self.scale = nnx.Param(jnp.ones(num_features, dtype))
        self.bias = nnx.Param(jnp.zeros(num_features, dtype))
        self.mean = nnx.BatchStat(jnp.zeros(num_features, dtype))
        self.var = nnx.BatchStat(jnp.ones(num_features, dtype))
        self.momentum, self.corrected = momentum, corrected
        if corrected:
            self.weight = BatchCount(jnp.zeros((), dtype))

    def __call__(self, x: Float[Array, "N *P D"], mask: Bool[Array, " N"], *, train: bool) -> Float[Array, "N *P D"]:
        """Normalise; in training also move the running averages.

        Args:
            x: pictures, or vectors; channels last.
            mask: which rows are real; the others take no part in the statistics.
            train: by this batch, or by the running averages.
        """
        if not train:
            return self._normalised(x, self.mean[...], self.var[...])
        share = mask.astype(x.dtype) / jnp.maximum(jnp.sum(mask), 1)
        mean = jnp.sum(_picture_means(x) * share[:, None], 0)
        var = jnp.sum(_picture_means((x - mean) ** 2) * share[:, None], 0)
        self.advance(mean, var, mask, x[0].size // x.shape[-1])
        return self._normalised(x, mean, var)

    def _normalised(self, x, mean, var):
        return (x - mean) * (jax.lax.rsqrt(var + EPS) * self.scale[...]) + self.bias[...]

    def advance(self, mean: Float[Array, " D"], var: Float[Array, " D"], mask: Bool[Array, " N"], pixels: int) -> None:
        """Move the averages by mean and biased variance of a batch, unless it is empty; pixels of each picture."""
        real = jnp.any(mask)
        count = jnp.sum(mask).astype(var.dtype) * pixels
        var = var * count / jnp.maximum(count - 1, 1)
        share = jnp.asarray(self.momentum, mean.dtype)
        if self.corrected:
            weight = (1 - share) * self.weight[...] + 1
            share = 1 / weight
            self.weight[...] = jnp.where(real, weight, self.weight[...])
        for average, of_batch in ((self.mean, mean), (self.var, var)):
            # Not average + share (batch - average), which does not come out at the batch for a share of 1.
            moved = (1 - share) * average[...] + share * jax.lax.stop_gradient(of_batch)
            average[...] = jnp.where(real, moved, average[...])


class BatchCount(nnx.BatchStat):
    """Decayed number of batches that Caffe's averages have seen; PyTorch's state dicts have none."""


def _picture_means(x: Float[Array, "N *P D"]) -> Float[Array, "N D"]:
    """Mean over the pixels of every picture, axis by axis: rounding grows with the longest, not with their product."""
    while x.ndim > 2:
        x = jnp.mean(x, axis=-2)
    return x
