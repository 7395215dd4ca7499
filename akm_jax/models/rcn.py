"""RCN-A: a recurrent convolutional network with parameter-free attention (Xia et al., TIP 2020), 15,331 parameters."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from akm_jax.ops.batch_norm import BatchNorm
from akm_jax.ops.layers import Conv, Linear, dropout, flatten, training_key
from akm_jax.ops.windows import max_windows, mean_grid

SIZE = 60
CELLS = 5
_KAIMING = jax.nn.initializers.variance_scaling(2.0, "fan_out", "normal")


class ConvNorm(nnx.Module):
    """Convolution with bias, batch norm, ReLU."""

    def __init__(self, size: int, inputs: int, outputs: int, *, pad: int | None = None, dtype, rngs: nnx.Rngs):
        self.conv = Conv(size, inputs, outputs, pad=pad, kernel_init=_KAIMING, dtype=dtype, rngs=rngs)
        self.norm = BatchNorm(outputs, dtype=dtype)

    def __call__(self, x: Float[Array, "N H W D"], mask: Bool[Array, " N"], *, train: bool) -> Float[Array, "N h w E"]:
        """Apply all three."""
        return jax.nn.relu(self.norm(self.conv(x), mask, train=train))


class RcnA(nnx.Module):
    """Stem, one recurrent block, attention, a linear classifier.

    The block is y = f(x), then twice y = r(x + y) with one and the same r, whose batch norm so sees two batches a
    step. The attention is made of the classifier's weights and the stem's maps, see `attention`.
    """

    def __init__(
        self, num_classes: int, *, features: int = 32, dropout: float = 0.5, dtype=jnp.float32, rngs: nnx.Rngs
    ):
        """Args: K; maps; dropout rate after each pooling; number format; randomness."""
        self.stem = ConvNorm(5, 3, features, pad=0, dtype=dtype, rngs=rngs)
        self.forward = ConvNorm(1, features, features, dtype=dtype, rngs=rngs)
        self.recurrent = ConvNorm(3, features, features, dtype=dtype, rngs=rngs)
        self.head = Linear(
            CELLS**2 * features,
            num_classes,
            kernel_init=jax.nn.initializers.normal(0.01),
            bias_init=jax.nn.initializers.zeros,
            dtype=dtype,
            rngs=rngs,
        )
        self.dropout = dropout

    def __call__(
        self,
        pictures: Float[Array, "N 60 60 3"],
        mask: Bool[Array, " N"],
        *,
        train: bool = False,
        dropout_key: PRNGKeyArray | None = None,
    ) -> Float[Array, "N K"]:
        """Scores of the classes.

        Args:
            pictures: u, v, strain.
            mask: which rows are real.
            train: batch statistics (and running averages moved) and dropout; else running averages.
            dropout_key: needed in training when the dropout rate is above 0.
        """
        rate, key = self.dropout, training_key(self, self.dropout, train, dropout_key)
        x = max_windows(self.stem(pictures, mask, train=train), 2, 2)  # 60, 56, 28
        x = dropout(x, rate, key, 0)
        weight = attention(mean_grid(x, CELLS), self.head.kernel[...])
        y = self.forward(x, mask, train=train)
        for _ in range(2):
            y = self.recurrent(x + y, mask, train=train)
        y = dropout(max_windows(y, 2, 2), rate, key, 1)  # 28, 14
        return self.head(flatten(mean_grid(y, CELLS) * weight[..., None]))


def attention(maps: Float[Array, "N c c D"], kernel: Float[Array, "V K"]) -> Float[Array, "N c c"]:
    """Class-activation maps, each brought to 0..1, averaged over the classes.

    A class-activation map is the mean over channels of maps times the classifier's weights at the same places. One
    that is the same everywhere counts as 0; the released program divides by zero there.
    """
    _, rows, columns, features = maps.shape
    weights = kernel.reshape(features, rows, columns, -1)
    activation = jnp.einsum("nijd,dijk->nijk", maps, weights, precision=jax.lax.Precision.HIGHEST) / features
    above = activation - jnp.min(activation, axis=(1, 2), keepdims=True)
    largest = jnp.max(above, axis=(1, 2), keepdims=True)
    return jnp.mean(jnp.where(largest > 0, above / jnp.where(largest > 0, largest, 1), 0), axis=-1)
