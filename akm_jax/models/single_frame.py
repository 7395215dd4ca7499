"""Networks that the paper compares AKMNet with on one frame of a clip: ResNet-18 and VGG-11.

The paper gives neither's form. ResNet-18 is AKMNet's own trunk, mean over the pixels and a classifier; VGG-11 is
configuration A of Simonyan and Zisserman (arXiv 1409.1556) with a grey first layer, whose first dense layer takes what
five poolings leave of the picture.
"""

import itertools

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from akm_jax.clips import PackedClips
from akm_jax.models.resnet import ResNet18
from akm_jax.ops.layers import Conv, Linear, dropout, flatten, training_key
from akm_jax.ops.windows import max_windows

WHITE = 255.0
VGG_WIDTHS = (64, 128, 256, 512, 512)
VGG_CONVOLUTIONS = (1, 1, 2, 2, 2)  # of each stage; a pooling ends it
_FAN_OUT = jax.nn.initializers.variance_scaling(2.0, "fan_out", "normal")
_SMALL = jax.nn.initializers.normal(0.01)
_ZEROS = jax.nn.initializers.zeros


class SingleFrameResNet18(nnx.Module):
    """Trunk of AKMNet with batch statistics over the pictures of a step, as usual, and a classifier."""

    def __init__(
        self, num_classes: int, *, widths: tuple[int, ...], dropout: float = 0.0, dtype=jnp.float32, rngs: nnx.Rngs
    ):
        """Args: K; channels of the four stages; dropout rate before the classifier; number format; randomness."""
        stages = (widths[0], widths[1], widths[2], widths[3])
        self.trunk = ResNet18(stages, dtype=dtype, rngs=rngs)
        glorot = jax.nn.initializers.glorot_normal()
        self.head = Linear(widths[-1], num_classes, kernel_init=glorot, bias_init=_ZEROS, dtype=dtype, rngs=rngs)
        self.dropout = dropout

    def __call__(
        self,
        pictures: Float[Array, "N H W 1"],
        mask: Bool[Array, " N"],
        *,
        train: bool = False,
        dropout_key: PRNGKeyArray | None = None,
    ) -> Float[Array, "N K"]:
        """Scores of the classes.

        Args:
            pictures: grey, 0..255, sides multiples of 32.
            mask: which rows are real.
            train: batch statistics (and running averages moved) and dropout; else running averages.
            dropout_key: needed in training when the dropout rate is above 0.
        """
        key = training_key(self, self.dropout, train, dropout_key)
        maps = self.trunk(pictures / WHITE, _as_one_clip(pictures, mask), train=train)
        return self.head(dropout(jnp.mean(maps, axis=(1, 2)), self.dropout, key, 0))


def _as_one_clip(pictures: Float[Array, "N H W 1"], mask: Bool[Array, " N"]) -> PackedClips:
    """All real pictures as frames of one clip: statistics "per clip" are then those of the batch."""
    one = jnp.zeros(1, jnp.int32)
    return PackedClips(pictures, jnp.where(mask, 0, 1), one, jnp.ones(1, bool), len(pictures))


class SingleFrameVGG11(nnx.Module):
    """Eight 3 x 3 convolutions in five stages, two dense layers with dropout, a classifier; no batch norm."""

    def __init__(
        self,
        num_classes: int,
        *,
        size: int = 128,
        widths: tuple[int, ...] = VGG_WIDTHS,
        hidden: int = 4096,
        dropout: float = 0.5,
        dtype=jnp.float32,
        rngs: nnx.Rngs,
    ):
        """Make the weights.

        Args:
            num_classes: K.
            size: side of the pictures, a multiple of 32.
            widths: channels of the five stages.
            hidden: units of each dense layer.
            dropout: rate after each dense layer.
            dtype: number format.
            rngs: randomness.
        """
        stages, inputs = [], 1
        for outputs, count in zip(widths, VGG_CONVOLUTIONS, strict=True):
            stage = []
            for _ in range(count):
                options = {"kernel_init": _FAN_OUT, "bias_init": _ZEROS, "large": True, "dtype": dtype, "rngs": rngs}
                stage.append(Conv(3, inputs, outputs, **options))
                inputs = outputs
            stages.append(nnx.List(stage))
        self.stages = nnx.List(stages)
        sizes = [inputs * (size // 32) ** 2, hidden, hidden, num_classes]
        self.dense = nnx.List(
            [
                Linear(a, b, kernel_init=_SMALL, bias_init=_ZEROS, dtype=dtype, rngs=rngs)
                for a, b in itertools.pairwise(sizes)
            ]
        )
        self.dropout = dropout

    def __call__(
        self,
        pictures: Float[Array, "N H W 1"],
        mask: Bool[Array, " N"],
        *,
        train: bool = False,
        dropout_key: PRNGKeyArray | None = None,
    ) -> Float[Array, "N K"]:
        """Scores of the classes; arguments as those of `SingleFrameResNet18`."""
        key = training_key(self, self.dropout, train, dropout_key)
        x = pictures / WHITE
        for stage in self.stages:
            for convolution in stage:
                x = jax.nn.relu(convolution(x))
            x = max_windows(x, 2, 2)
        x = flatten(x)
        *hidden, last = self.dense
        for i, layer in enumerate(hidden):
            x = dropout(jax.nn.relu(layer(x)), self.dropout, key, i)
        return last(x)
