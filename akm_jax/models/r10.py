"""ResNet-10 as Peng et al. use it in Caffe (cvjena/cnn-models, `ResNet10_cvgj`): 512 features of a grey picture.

Pre-activation, one basic block a stage, and Caffe's ways: pooling rounds up, the input is normalised by a batch norm of
its own (raw 0..255), running averages are those of `BatchNorm(corrected=True)`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Bool, Float

from akm_jax.ops.batch_norm import BatchNorm
from akm_jax.ops.layers import Conv
from akm_jax.ops.windows import max_windows_caffe

SIZE = 224
WIDTHS = (64, 128, 256, 512)
FEATURES = WIDTHS[-1]
_MOMENTUM = 0.001
_FAN_IN = jax.nn.initializers.variance_scaling(2.0, "fan_in", "normal")
_FAN_OUT = jax.nn.initializers.variance_scaling(2.0, "fan_out", "normal")

Maps = Float[Array, "N H W D"]
Normalise = Callable[[Maps], Maps]


def caffe_norm(features: int, dtype) -> BatchNorm:
    """Caffe's batch norm and scale layer: running averages decay by .999."""
    return BatchNorm(features, momentum=_MOMENTUM, corrected=True, dtype=dtype)


class Block(nnx.Module):
    """Two 3 x 3 convolutions and a shortcut; all but the first stage normalise first and halve the sides."""

    def __init__(self, inputs: int, outputs: int, *, dtype, rngs: nnx.Rngs):
        self.first = inputs == outputs
        options = {"kernel_init": _FAN_IN, "use_bias": False, "large": True, "dtype": dtype, "rngs": rngs}
        if not self.first:
            self.norm1 = caffe_norm(inputs, dtype)
            self.shortcut = Conv(1, inputs, outputs, stride=2, **options)
        self.conv1 = Conv(3, inputs, outputs, stride=1 if self.first else 2, **options)
        self.norm2 = caffe_norm(outputs, dtype)
        self.conv2 = Conv(3, outputs, outputs, **options)

    def __call__(self, x: Maps, mask: Bool[Array, " N"], normalise: Normalise, *, train: bool) -> Maps:
        """Apply the block, and `normalise` to what it gives."""
        if not self.first:
            x = jax.nn.relu(self.norm1(x, mask, train=train))
        shortcut = x if self.first else self.shortcut(x)
        middle = jax.nn.relu(self.norm2(self.conv1(x), mask, train=train))
        return self.join(shortcut, middle, self.conv2(middle), normalise)

    def join(self, shortcut: Maps, middle: Maps, last: Maps, normalise: Normalise) -> Maps:
        """The sum; networks with attention override this."""
        return normalise(shortcut + last)


class ResNet10(nnx.Module):
    """Input norm, stem, four blocks, norm, mean over the pixels: 4,897,794 parameters."""

    def __init__(self, *, block: Callable[..., Block] = Block, dtype=jnp.float32, rngs: nnx.Rngs):
        """Args: what makes a block; number format; randomness."""
        self.data_norm = caffe_norm(1, dtype)
        self.conv1 = Conv(
            7,
            1,
            WIDTHS[0],
            stride=2,
            kernel_init=_FAN_OUT,
            bias_init=jax.nn.initializers.zeros,
            large=True,
            dtype=dtype,
            rngs=rngs,
        )
        self.conv1_norm = caffe_norm(WIDTHS[0], dtype)
        pairs = zip((WIDTHS[0], *WIDTHS), WIDTHS, strict=False)
        self.blocks = nnx.List([block(inputs, outputs, dtype=dtype, rngs=rngs) for inputs, outputs in pairs])
        self.last_norm = caffe_norm(FEATURES, dtype)

    def __call__(
        self, pictures: Float[Array, "N 224 224 1"], mask: Bool[Array, " N"], *, train: bool
    ) -> Float[Array, "N 512"]:
        """Features of every picture, grey, 0..255."""
        x = self.conv1(self.data_norm(pictures, mask, train=train))
        x = max_windows_caffe(jax.nn.relu(self.conv1_norm(x, mask, train=train)))  # 112, 56
        for block in self.blocks[:-1]:
            x = block(x, mask, lambda x: x, train=train)
        x = self.blocks[-1](x, mask, lambda x: jax.nn.relu(self.last_norm(x, mask, train=train)), train=train)
        return jnp.mean(x, axis=(1, 2))
