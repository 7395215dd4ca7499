"""ATNet, apex-time network (Peng et al., ACII 2019; 1904.03699): the apex frame, and the motion around it."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from akm_jax.models.macro2micro import caffe_head
from akm_jax.models.r10 import FEATURES, ResNet10
from akm_jax.ops.layers import dropout, training_key, unit

STEPS = 64
REGIONS = 64
HIDDEN = 512
_NORMAL = jax.nn.initializers.normal(0.1)


class LSTM(nnx.Module):
    """Caffe's LSTM: gates i, f, o, g, one bias, no peepholes; it starts at zero."""

    def __init__(self, inputs: int, hidden: int, *, dtype, rngs: nnx.Rngs):
        self.input_kernel = nnx.Param(_NORMAL(rngs.params(), (inputs, 4 * hidden), dtype))
        self.hidden_kernel = nnx.Param(_NORMAL(rngs.params(), (hidden, 4 * hidden), dtype))
        self.bias = nnx.Param(jnp.zeros(4 * hidden, dtype))

    def __call__(self, x: Float[Array, "N T I"]) -> Float[Array, "N T D"]:
        """Hidden state after every step."""
        kernel = self.hidden_kernel[...]
        products = jnp.einsum("nti,ig->tng", x, self.input_kernel[...]) + self.bias[...]

        def step(carry, product):
            hidden, cell = carry
            keep, forget, output, new = jnp.split(product + hidden @ kernel, 4, axis=-1)
            cell = jax.nn.sigmoid(forget) * cell + jax.nn.sigmoid(keep) * jnp.tanh(new)
            hidden = jax.nn.sigmoid(output) * jnp.tanh(cell)
            return (hidden, cell), hidden

        zero = jnp.zeros((len(x), len(kernel)), products.dtype)
        return jnp.moveaxis(jax.lax.scan(step, (zero, zero), products)[1], 0, 1)


class ATNet(nnx.Module):
    """ResNet-10 of the apex frame beside two LSTMs, each of length 1, then a classifier: 8,312,837 parameters."""

    def __init__(self, num_classes: int, *, dropout: float = 0.5, dtype=jnp.float32, rngs: nnx.Rngs):
        """Args: K; dropout rate before the classifier; number format; randomness."""
        self.spatial = ResNet10(dtype=dtype, rngs=rngs)
        self.lstm1 = LSTM(2 * REGIONS, HIDDEN, dtype=dtype, rngs=rngs)
        self.lstm2 = LSTM(HIDDEN, HIDDEN, dtype=dtype, rngs=rngs)
        self.head = caffe_head(FEATURES + HIDDEN, num_classes, dtype=dtype, rngs=rngs)
        self.dropout = dropout

    def __call__(
        self,
        pictures: Float[Array, "N 224 224 1"],
        sequences: Float[Array, "N 64 128"],
        mask: Bool[Array, " N"],
        *,
        train: bool = False,
        dropout_key: PRNGKeyArray | None = None,
    ) -> Float[Array, "N K"]:
        """Scores of the classes.

        Args:
            pictures: apex frames, grey, 0..255.
            sequences: for each frame around the apex direction and length of the flow in each region, alternating;
                shorter ones at the end, after zeros.
            mask: which rows are real.
            train: batch statistics (and running averages moved) and dropout; else running averages.
            dropout_key: needed in training when the dropout rate is above 0.
        """
        key = training_key(self, self.dropout, train, dropout_key)
        space = unit(self.spatial(pictures, mask, train=train))
        # The mean is over all 64 steps, whatever the length.
        time = unit(jnp.mean(self.lstm2(self.lstm1(sequences)), axis=1))
        return self.head(dropout(jnp.concatenate([space, time], axis=-1), self.dropout, key, 0))
