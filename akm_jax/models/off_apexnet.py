"""OFF-ApexNet: optical flow features from the apex frame (Gan et al. 2019); it sees u and v from onset to apex."""

import itertools
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from akm_jax.ops.layers import Conv, Linear, dropout, flatten, training_key
from akm_jax.ops.windows import max_windows

SIZE = 28
FILTERS = (6, 16)
HIDDEN = 1024


class Stream(nnx.Module):
    """Twice convolution, ReLU, max pool over 2 x 2."""

    def __init__(self, inputs: int, kernel_size: int, *, dtype, rngs: nnx.Rngs):
        self.conv1 = Conv(kernel_size, inputs, FILTERS[0], dtype=dtype, rngs=rngs)
        self.conv2 = Conv(kernel_size, *FILTERS, dtype=dtype, rngs=rngs)

    def __call__(self, x: Float[Array, "N 28 28 D"]) -> Float[Array, "N V"]:
        """28 x 28 to 7 x 7, flat."""
        x = max_windows(jax.nn.relu(self.conv1(x)), 2, 2)
        return flatten(max_windows(jax.nn.relu(self.conv2(x)), 2, 2))


class OffApexNet(nnx.Module):
    """One stream for u and one for v, two hidden layers, a linear classifier: 2,664,475 parameters for three classes.

    `form` "meb" is the reduced one of the library meb, with 807,909: one stream for both, 3 x 3, one hidden layer.
    There is no batch norm, so `mask` changes nothing. The published text has no dropout; meb has .5.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        form: Literal["two_streams", "meb"] = "two_streams",
        dropout: float = 0.0,
        dtype=jnp.float32,
        rngs: nnx.Rngs,
    ):
        """Args: K; form; dropout rate before every matrix but a hidden layer after another; format; randomness."""
        two = form == "two_streams"
        kinds = [(1, 5), (1, 5)] if two else [(2, 3)]
        self.streams = nnx.List([Stream(inputs, size, dtype=dtype, rngs=rngs) for inputs, size in kinds])
        sizes = [len(kinds) * 7 * 7 * FILTERS[1], *[HIDDEN] * len(kinds)]
        self.hidden = nnx.List([Linear(*pair, dtype=dtype, rngs=rngs) for pair in itertools.pairwise(sizes)])
        self.head = Linear(HIDDEN, num_classes, dtype=dtype, rngs=rngs)
        self.dropout = dropout

    def __call__(
        self,
        pictures: Float[Array, "N 28 28 2"],
        mask: Bool[Array, " N"],
        *,
        train: bool = False,
        dropout_key: PRNGKeyArray | None = None,
    ) -> Float[Array, "N K"]:
        """Scores of the classes.

        Args:
            pictures: u, v.
            mask: which rows are real.
            train: dropout or not.
            dropout_key: needed in training when the dropout rate is above 0.
        """
        key = training_key(self, self.dropout, train, dropout_key)
        seen = jnp.split(pictures, len(self.streams), axis=-1)
        x = jnp.concatenate([stream(part) for stream, part in zip(self.streams, seen, strict=True)], axis=-1)
        x = dropout(x, self.dropout, key, 0)
        for layer in self.hidden:
            x = jax.nn.relu(layer(x))
        return self.head(dropout(x, self.dropout, key, 1))
