"""HTNet: hierarchical transformer on a mosaic of four 14 x 14 pieces of optical flow (Wang et al. 2023).

At every level a block holds a single patch, so that its attention is always 1 and its heads never mix anything: what is
left of it is the value projection, and the network is a residual MLP with convolutions between its levels. The weights
of queries and keys are kept, with gradient 0, so that released ones fit.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from akm_jax.ops.layers import Conv, Linear, dropout, training_key
from akm_jax.ops.norm import EPS
from akm_jax.ops.windows import max_windows

SIZE = 28
PATCH = 7
HEADS = 3
DEPTHS = (2, 2, 10)
EXPANSION = 4
PART = 128  # products added up at a time, for 28 sums of up to 4096 follow each other: `ops.conv.product`


class ChannelNorm(nnx.Module):
    """Layer norm over the channels of every pixel."""

    def __init__(self, features: int, *, dtype):
        self.scale = nnx.Param(jnp.ones(features, dtype))
        self.bias = nnx.Param(jnp.zeros(features, dtype))

    def __call__(self, x: Float[Array, "N H W D"]) -> Float[Array, "N H W D"]:
        """Normalise."""
        centred = x - jnp.mean(x, axis=-1, keepdims=True)
        var = jnp.mean(centred**2, axis=-1, keepdims=True)
        return centred * jax.lax.rsqrt(var + EPS) * self.scale[...] + self.bias[...]


class Layer(nnx.Module):
    """Value projection and feed-forward network, each after a norm and beside a shortcut."""

    def __init__(self, features: int, heads: int, *, dtype, rngs: nnx.Rngs):
        inner = features // heads * heads
        options = {"part": PART, "dtype": dtype, "rngs": rngs}
        self.norm1 = ChannelNorm(features, dtype=dtype)
        self.queries_keys_values = Conv(1, features, 3 * inner, use_bias=False, **options)
        self.out = Conv(1, inner, features, **options)
        self.norm2 = ChannelNorm(features, dtype=dtype)
        self.wide = Conv(1, features, EXPANSION * features, **options)
        self.narrow = Conv(1, EXPANSION * features, features, **options)

    def __call__(self, x: Float[Array, "N H W D"], rate: float, key, place: int) -> Float[Array, "N H W D"]:
        """Apply both; `place` numbers the layer's dropouts."""
        values = jnp.split(self.queries_keys_values(self.norm1(x)), 3, axis=-1)[2]
        x = x + dropout(self.out(values), rate, key, 3 * place)
        y = dropout(jax.nn.gelu(self.wide(self.norm2(x)), approximate=False), rate, key, 3 * place + 1)
        return x + dropout(self.narrow(y), rate, key, 3 * place + 2)


class Level(nnx.Module):
    """A learned number added to everything, some layers, and, but for the last, the way to the next level."""

    def __init__(self, features: int, heads: int, depth: int, outputs: int | None, *, dtype, rngs: nnx.Rngs):
        self.position = nnx.Param(jax.random.normal(rngs.params(), (1,), dtype))
        self.layers = nnx.List([Layer(features, heads, dtype=dtype, rngs=rngs) for _ in range(depth)])
        self.last = outputs is None
        if outputs is not None:
            self.conv = Conv(3, features, outputs, part=PART, dtype=dtype, rngs=rngs)
            self.norm = ChannelNorm(outputs, dtype=dtype)

    def __call__(self, x: Float[Array, "N H W D"], rate: float, key, place: int) -> Float[Array, "N h w E"]:
        """Apply the level; sides are halved but for the last."""
        x = x + self.position[...]
        for i, layer in enumerate(self.layers):
            x = layer(x, rate, key, place + i)
        return x if self.last else max_windows(self.norm(self.conv(x)), 3, 2, (1, 1))


class HTNet(nnx.Module):
    """Three levels of twice the channels each, a norm, the mean, a linear classifier.

    139,582,982 parameters for three classes with `dim` 256, as published, and 8,722,310 with 64. There is no batch
    norm, so `mask` changes nothing.
    """

    def __init__(self, num_classes: int, *, dim: int = 256, dropout: float = 0.0, dtype=jnp.float32, rngs: nnx.Rngs):
        """Args: K; channels of the first level; dropout rate; number format; randomness."""
        widths = [dim * 2**i for i in range(len(DEPTHS))]
        self.embedding = Conv(1, PATCH**2 * 3, dim, part=PART, dtype=dtype, rngs=rngs)
        self.levels = nnx.List(
            [
                Level(width, HEADS * 2**i, depth, outputs, dtype=dtype, rngs=rngs)
                for i, (width, depth, outputs) in enumerate(zip(widths, DEPTHS, [*widths[1:], None], strict=True))
            ]
        )
        self.norm = ChannelNorm(widths[-1], dtype=dtype)
        self.head = Linear(widths[-1], num_classes, dtype=dtype, rngs=rngs)
        self.dropout = dropout

    def __call__(
        self,
        pictures: Float[Array, "N 28 28 3"],
        mask: Bool[Array, " N"],
        *,
        train: bool = False,
        dropout_key: PRNGKeyArray | None = None,
    ) -> Float[Array, "N K"]:
        """Scores of the classes.

        Args:
            pictures: mosaics of flow and strain.
            mask: which rows are real.
            train: dropout or not.
            dropout_key: needed in training when the dropout rate is above 0.
        """
        key = training_key(self, self.dropout, train, dropout_key)
        x, place = self.embedding(patches(pictures)), 0
        for level in self.levels:
            x = level(x, self.dropout, key, place)
            place += len(level.layers)
        return self.head(jnp.mean(self.norm(x), axis=(1, 2)))


def patches(pictures: Float[Array, "N H W D"]) -> Float[Array, "N h w P"]:
    """Squares of 7 x 7, each flat: row, column, channel."""
    count, height, width, channels = pictures.shape
    rows, columns = height // PATCH, width // PATCH
    x = pictures.reshape(count, rows, PATCH, columns, PATCH, channels)
    return jnp.moveaxis(x, 2, 3).reshape(count, rows, columns, -1)
