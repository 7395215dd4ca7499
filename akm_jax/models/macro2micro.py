"""Macro2Micro: ResNet-10 on the apex frame (Peng et al., FG 2018), trained on macro-expressions first."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from akm_jax.models.r10 import FEATURES, ResNet10
from akm_jax.ops.layers import Linear, dropout, training_key


def caffe_head(inputs: int, num_classes: int, *, dtype, rngs: nnx.Rngs) -> Linear:
    """A classifier as Peng's Caffe networks start it: Xavier, every bias .2."""
    return Linear(
        inputs,
        num_classes,
        kernel_init=jax.nn.initializers.variance_scaling(1.0, "fan_in", "uniform"),
        bias_init=jax.nn.initializers.constant(0.2),
        dtype=dtype,
        rngs=rngs,
    )


class Macro2Micro(nnx.Module):
    """Trunk and classifier: 4,899,333 parameters for three classes."""

    def __init__(self, num_classes: int, *, dropout: float = 0.0, dtype=jnp.float32, rngs: nnx.Rngs):
        """Args: K; dropout rate before the classifier, none is published; number format; randomness."""
        self.trunk = ResNet10(dtype=dtype, rngs=rngs)
        self.head = caffe_head(FEATURES, num_classes, dtype=dtype, rngs=rngs)
        self.dropout = dropout

    def __call__(
        self,
        pictures: Float[Array, "N 224 224 1"],
        mask: Bool[Array, " N"],
        *,
        train: bool = False,
        dropout_key: PRNGKeyArray | None = None,
    ) -> Float[Array, "N K"]:
        """Scores of the classes.

        Args:
            pictures: apex frames, grey, 0..255.
            mask: which rows are real.
            train: batch statistics (and running averages moved) and dropout; else running averages.
            dropout_key: needed in training when the dropout rate is above 0.
        """
        key = training_key(self, self.dropout, train, dropout_key)
        return self.head(dropout(self.trunk(pictures, mask, train=train), self.dropout, key, 0))
