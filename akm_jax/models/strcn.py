"""STRCN-G: spatiotemporal recurrent convolutional network on optical flow (Xia et al., IEEE TMM 2020; 1901.04656)."""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from akm_jax.ops.batch_norm import BatchNorm
from akm_jax.ops.layers import Conv, Linear, dropout, training_key
from akm_jax.ops.windows import max_windows

SIZE = (300, 245)
POOLS = {"paper": (4, 2, 2), "crossdb": (2, 2, 2, 2)}  # of the blocks
_MOMENTUM = 0.3  # MatConvNet's, as the authors set it
_KAIMING = jax.nn.initializers.variance_scaling(2.0, "fan_out", "normal")


def _faint(key, shape, dtype):
    """A hundredth: the first convolution hardly learns, and its scale is undone by the batch norm."""
    return _KAIMING(key, shape, dtype) / 100


class ConvNorm(nnx.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, size: int, inputs: int, outputs: int, *, kernel_init=_KAIMING, dtype, rngs: nnx.Rngs):
        self.conv = Conv(
            size, inputs, outputs, kernel_init=kernel_init, use_bias=False, large=True, dtype=dtype, rngs=rngs
        )
        self.norm = BatchNorm(outputs, momentum=_MOMENTUM, dtype=dtype)

    def __call__(self, x: Float[Array, "N H W D"], mask: Bool[Array, " N"], *, train: bool) -> Float[Array, "N H W E"]:
        """Apply all three."""
        return jax.nn.relu(self.norm(self.conv(x), mask, train=train))


class Block(nnx.Module):
    """Recurrent convolution: y = f1(x), y = f2(y + x), y = f3(y + x), max pool; f1 is 1 x 1, the others 3 x 3.

    With `share`, f3 is f2, and its batch norm sees two batches a step.
    """

    def __init__(self, features: int, pool: int, *, share: bool, dtype, rngs: nnx.Rngs):
        self.forward = ConvNorm(1, features, features, dtype=dtype, rngs=rngs)
        count = 1 if share else 2
        self.recurrent = nnx.List([ConvNorm(3, features, features, dtype=dtype, rngs=rngs) for _ in range(count)])
        self.pool = pool

    def __call__(self, x: Float[Array, "N H W D"], mask: Bool[Array, " N"], *, train: bool) -> Float[Array, "N h w D"]:
        """Apply the block."""
        y = self.forward(x, mask, train=train)
        for i in range(2):
            y = self.recurrent[i % len(self.recurrent)](y + x, mask, train=train)
        return max_windows(y, self.pool, self.pool)


class STRCN(nnx.Module):
    """Stem, three recurrent blocks, mean over the pixels, a linear classifier.

    `features` 128, 256 and 512 were tried by the authors: 939,268, 3,746,308 and 14,963,716 parameters for four
    classes. `share` False is their MATLAB network, True the author's later PyTorch one. `variant` "crossdb" is that of
    their cross-database program, four blocks: with 128 features 1,251,203 parameters for three classes.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        features: int = 512,
        variant: Literal["paper", "crossdb"] = "paper",
        share: bool = False,
        dropout: float = 0.0,
        dtype=jnp.float32,
        rngs: nnx.Rngs,
    ):
        """Args: K; maps; form; whether the recurrent convolutions are one; dropout rate; number format; randomness."""
        self.stem = ConvNorm(3, 2, features, kernel_init=_faint, dtype=dtype, rngs=rngs)
        self.blocks = nnx.List([Block(features, pool, share=share, dtype=dtype, rngs=rngs) for pool in POOLS[variant]])
        self.head = Linear(features, num_classes, dtype=dtype, rngs=rngs)
        self.dropout = dropout

    def __call__(
        self,
        pictures: Float[Array, "N H W 2"],
        mask: Bool[Array, " N"],
        *,
        train: bool = False,
        dropout_key: PRNGKeyArray | None = None,
    ) -> Float[Array, "N K"]:
        """Scores of the classes.

        Args:
            pictures: u, v of magnified frames, in pixels; 300 x 245, of "crossdb" 220 x 200; at least 64 x 64.
            mask: which rows are real.
            train: batch statistics (and running averages moved) and dropout; else running averages.
            dropout_key: needed in training when the dropout rate is above 0.
        """
        key = training_key(self, self.dropout, train, dropout_key)
        x = max_windows(self.stem(pictures, mask, train=train), 4, 4)  # 300 x 245, 75 x 61
        for block in self.blocks:
            x = block(x, mask, train=train)  # 18 x 15, 9 x 7, 4 x 3; of "crossdb" 27 x 25, 13 x 12, 6 x 6, 3 x 3
        return self.head(dropout(jnp.mean(x, axis=(1, 2)), self.dropout, key, 0))
