"""STSTNet: shallow triple-stream three-dimensional CNN (Liong et al., FG 2019), 1683 parameters for three classes.

It sees optical flow from onset to apex as a picture of three channels: u, v and optical strain.
"""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from akm_jax.ops.batch_norm import BatchNorm
from akm_jax.ops.conv_norm_pool import conv_norm_pool, conv_norm_pool_evaluated, window_pixels, windows_across
from akm_jax.ops.layers import Conv, Linear, dropout, training_key
from akm_jax.ops.norm import EPS

SIZE = 28
FILTERS = (3, 5, 8)
PADS = {"paper": 1, "port": 2}  # zeros around a picture
CELLS = 5  # rows and columns that are left of a picture of 28 x 28


class Stream(nnx.Module):
    """Weights of one stream: convolution, ReLU, batch norm, max pool."""

    def __init__(self, filters: int, pad: int, *, dtype, rngs: nnx.Rngs, **inits):
        self.conv = Conv(3, 3, filters, pad=pad, dtype=dtype, rngs=rngs, **inits)
        self.norm = BatchNorm(filters, dtype=dtype)


class STSTNet(nnx.Module):
    """Three streams side by side, mean over 2 x 2, a linear classifier.

    `variant` "paper" is the authors' MATLAB network (padding 1; pictures come with the training set's mean picture
    subtracted), "port" their PyTorch program (padding 2, pictures as they are).
    """

    def __init__(
        self,
        num_classes: int,
        *,
        variant: Literal["paper", "port"] = "paper",
        dropout: float = 0.5,
        dtype=jnp.float32,
        rngs: nnx.Rngs,
    ):
        """Args: K; form; dropout rate after each stream; number format; randomness."""
        # MATLAB's default initialisation, Glorot uniform with zero bias; PyTorch's for the port.
        paper = variant == "paper"
        glorot, zeros = jax.nn.initializers.glorot_uniform(), jax.nn.initializers.zeros
        inits = {"kernel_init": glorot, "bias_init": zeros} if paper else {}
        self.pad = PADS[variant]
        self.streams = nnx.List([Stream(filters, self.pad, dtype=dtype, rngs=rngs, **inits) for filters in FILTERS])
        self.head = Linear(sum(FILTERS) * CELLS**2, num_classes, dtype=dtype, rngs=rngs, **inits)
        self.dropout = dropout

    def __call__(
        self,
        pictures: Float[Array, "N 28 28 3"] | Float[Array, "N 3 5 5 V"],
        mask: Bool[Array, " N"],
        *,
        train: bool = False,
        dropout_key: PRNGKeyArray | None = None,
    ) -> Float[Array, "N K"]:
        """Scores of the classes.

        Args:
            pictures: u, v, strain, 0..255; or what `window_pixels` makes of them, once for all steps.
            mask: which rows are real.
            train: batch statistics (and running averages moved) and dropout; else running averages.
            dropout_key: needed in training when the dropout rate is above 0.
        """
        key = training_key(self, self.dropout, train, dropout_key)
        pixels = pictures if pictures.ndim == 5 else window_pixels(pictures, self.pad)
        maps = dropout(self._pooled(pixels, mask, train), self.dropout, key, 0)
        cells = maps.reshape(*maps.shape[:2], CELLS, 2, CELLS, 2)
        return self.head(jnp.mean(cells, (3, 5)).reshape(len(maps), -1))

    def _pooled(self, pixels, mask, train):
        """All streams at once, 28 x 28 to 10 x 10: (N, 16, 100)."""
        side = SIZE + 2 * self.pad - 2
        across = windows_across(SIZE, self.pad)

        def joined(of_stream):
            return jnp.concatenate([of_stream(stream)[...] for stream in self.streams], axis=-1)

        kernel, bias = joined(lambda s: s.conv.kernel), joined(lambda s: s.conv.bias)
        scale, shift = joined(lambda s: s.norm.scale), joined(lambda s: s.norm.bias)
        if train:
            maps, *moments = conv_norm_pool(pixels, kernel, bias, scale, shift, mask, side)
            ends = np.cumsum(FILTERS)[:-1]
            for stream, mean, var in zip(self.streams, *(jnp.split(m, ends) for m in moments), strict=True):
                stream.norm.advance(mean, var, mask, side**2)
        else:
            factor = jax.lax.rsqrt(joined(lambda s: s.norm.var) + EPS) * scale
            shift = shift - joined(lambda s: s.norm.mean) * factor
            maps = conv_norm_pool_evaluated(pixels, kernel, bias, factor, shift, side)
        # The windows of the larger maps of "port" that begin in the last row or column are not pooled.
        pooled = maps.reshape(*maps.shape[:2], across, across)[:, :, : 2 * CELLS, : 2 * CELLS]
        return pooled.reshape(*maps.shape[:2], -1)
