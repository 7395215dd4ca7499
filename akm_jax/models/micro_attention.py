"""Micro-Attention: ResNet-10 with a spatial gate in every block (Wang et al., Neurocomputing 410, 2020; 1811.02360)."""

import functools
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from akm_jax.models.macro2micro import caffe_head
from akm_jax.models.r10 import FEATURES, Block, Maps, Normalise, ResNet10
from akm_jax.ops.layers import Conv, dropout, training_key, unit

Variant = Literal["paper", "atnet"]


class GatedBlock(Block):
    """A block whose sum T becomes T + M T, M = sigmoid(mean over channels of a 1 x 1 convolution of its three maps).

    `variant` says whether the last normalisation comes after the gate ("paper") or before it ("atnet").
    """

    def __init__(self, inputs: int, outputs: int, *, variant: Variant, dtype, rngs: nnx.Rngs):
        super().__init__(inputs, outputs, dtype=dtype, rngs=rngs)
        self.gate = Conv(1, 3 * outputs, outputs, use_bias=False, dtype=dtype, rngs=rngs)
        self.variant = variant

    def join(self, shortcut: Maps, middle: Maps, last: Maps, normalise: Normalise) -> Maps:
        """The gated sum."""
        scores = jnp.mean(self.gate(jnp.concatenate([shortcut, middle, last], axis=-1)), axis=-1, keepdims=True)
        gate = jax.nn.sigmoid(scores)
        total = shortcut + last
        if self.variant == "paper":
            return normalise(total + gate * total)
        total = normalise(total)
        return total + gate * total


class MicroAttention(nnx.Module):
    """Gated trunk and classifier: 5,943,813 parameters for three classes.

    `variant` "paper" is the authors' network, "atnet" the one that ATNet's authors compare with: its features have
    length 1.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        variant: Variant = "paper",
        dropout: float = 0.0,
        dtype=jnp.float32,
        rngs: nnx.Rngs,
    ):
        """Args: K; form; dropout rate before the classifier, none is published; number format; randomness."""
        self.trunk = ResNet10(block=functools.partial(GatedBlock, variant=variant), dtype=dtype, rngs=rngs)
        self.head = caffe_head(FEATURES, num_classes, dtype=dtype, rngs=rngs)
        self.variant, self.dropout = variant, dropout

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
        features = self.trunk(pictures, mask, train=train)
        if self.variant == "atnet":
            features = unit(features)
        return self.head(dropout(features, self.dropout, key, 0))
