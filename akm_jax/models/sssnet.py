"""SSSNet: a plain CNN on optical flow and strain (Varanka et al. 2021), 1,349,251 parameters for three classes."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from akm_jax.ops.batch_norm import BatchNorm
from akm_jax.ops.layers import Conv, Linear, dropout, flatten, training_key
from akm_jax.ops.windows import max_windows

SIZE = 64
FEATURES = (32, 64, 256)


class SSSNet(nnx.Module):
    """Twice convolution, ReLU, max pool, batch norm; then a hidden layer and a linear classifier."""

    def __init__(self, num_classes: int, *, dropout: float = 0.5, dtype=jnp.float32, rngs: nnx.Rngs):
        """Args: K; dropout rate, of whole maps and of values; number format; randomness."""
        first, second, hidden = FEATURES
        self.conv1 = Conv(5, 3, first, pad=0, dtype=dtype, rngs=rngs)
        self.norm1 = BatchNorm(first, dtype=dtype)
        self.conv2 = Conv(3, first, second, pad=0, dtype=dtype, rngs=rngs)
        self.norm2 = BatchNorm(second, dtype=dtype)
        self.hidden = Linear(9 * 9 * second, hidden, dtype=dtype, rngs=rngs)
        self.head = Linear(hidden, num_classes, dtype=dtype, rngs=rngs)
        self.dropout = dropout

    def __call__(
        self,
        pictures: Float[Array, "N 64 64 3"],
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
        x = max_windows(jax.nn.relu(self.conv1(pictures)), 3, 3)  # 64, 60, 20
        x = dropout(self.norm1(x, mask, train=train), rate, key, 0, whole_maps=True)
        x = max_windows(jax.nn.relu(self.conv2(x)), 2, 2)  # 18, 9
        x = dropout(self.norm2(x, mask, train=train), rate, key, 1, whole_maps=True)
        x = jax.nn.relu(self.hidden(flatten(x)))
        return self.head(dropout(x, rate, key, 2))
