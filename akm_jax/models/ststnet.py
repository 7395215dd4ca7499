"""STSTNet: shallow triple-stream three-dimensional CNN (Liong et al., FG 2019), 1683 parameters for three classes.

It sees optical flow from onset to apex as a picture of three channels: u, v and optical strain.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from akm_jax.ops.batch_norm import BatchNorm
from akm_jax.ops.layers import Conv, Linear, dropout, flatten, training_key
from akm_jax.ops.windows import max_windows, mean_windows

SIZE = 28
FILTERS = (3, 5, 8)
CELLS = 5  # rows and columns that are left of a picture of 28 x 28


class Stream(nnx.Module):
    """Convolution, ReLU, batch norm, max pool."""

    def __init__(self, filters: int, pad: int, *, dtype, rngs: nnx.Rngs, **inits):
        self.conv = Conv(3, 3, filters, pad=pad, dtype=dtype, rngs=rngs, **inits)
        self.norm = BatchNorm(filters, dtype=dtype)

    def __call__(self, x: Float[Array, "N H W 3"], mask: Bool[Array, " N"], *, train: bool) -> Float[Array, "N h w D"]:
        """28 x 28 to 10 x 10."""
        x = self.norm(jax.nn.relu(self.conv(x)), mask, train=train)
        return max_windows(x, 3, 3, (1, 1))


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
        pad = 1 if paper else 2
        self.streams = nnx.List([Stream(filters, pad, dtype=dtype, rngs=rngs, **inits) for filters in FILTERS])
        self.head = Linear(sum(FILTERS) * CELLS**2, num_classes, dtype=dtype, rngs=rngs, **inits)
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
            pictures: u, v, strain, 0..255.
            mask: which rows are real.
            train: batch statistics (and running averages moved) and dropout; else running averages.
            dropout_key: needed in training when the dropout rate is above 0.
        """
        key = training_key(self, self.dropout, train, dropout_key)
        streams = [
            dropout(stream(pictures, mask, train=train), self.dropout, key, i) for i, stream in enumerate(self.streams)
        ]
        return self.head(flatten(mean_windows(jnp.concatenate(streams, axis=-1), 2)))
