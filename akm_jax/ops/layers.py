"""Layers of the compared networks: with bias, dropout, flattening; initialised as PyTorch does if nothing is said."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from akm_jax.ops.conv import conv, conv_patches

NORM_FLOOR = 1e-12

Init = Callable
"""`init(key, shape, dtype)`, as in `jax.nn.initializers`."""


def uniform(bound: float) -> Init:
    """Uniform in +-bound."""
    return lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, -bound, bound)


class Conv(nnx.Module):
    """Convolution with a square odd kernel, NHWC maps and an HWIO kernel."""

    def __init__(
        self,
        size: int,
        inputs: int,
        outputs: int,
        *,
        stride: int = 1,
        pad: int | None = None,
        kernel_init: Init | None = None,
        bias_init: Init | None = None,
        use_bias: bool = True,
        large: bool = False,
        part: int | None = None,
        dtype=jnp.float32,
        rngs: nnx.Rngs,
    ):
        """Make the weights.

        Args:
            size: side of the kernel.
            inputs, outputs: channels.
            stride: step from place to place.
            pad: zeros on every side, size // 2 when None.
            kernel_init, bias_init: both uniform in +-1/sqrt(fan in) when None, PyTorch's own.
            use_bias: whether there is a bias.
            large: compiled for much work (`ops.conv.conv`), with padding size // 2; else quickly compiled patches.
            part: products that are added up at a time where sums are long and the network deep; not with `large`.
            dtype: number format.
            rngs: randomness.
        """
        if large and part is not None:
            raise ValueError(f"part={part}: a large convolution adds up as `ops.conv.conv` does; give large or part")
        default = uniform(1 / math.sqrt(size * size * inputs))
        self.kernel = nnx.Param((kernel_init or default)(rngs.params(), (size, size, inputs, outputs), dtype))
        self.use_bias = use_bias
        if use_bias:
            self.bias = nnx.Param((bias_init or default)(rngs.params(), (outputs,), dtype))
        self.stride, self.pad, self.large, self.part = stride, pad, large, part

    def __call__(self, x: Float[Array, "N H W D"]) -> Float[Array, "N h w E"]:
        """Convolve."""
        kernel = self.kernel[...]
        y = conv(x, kernel, self.stride) if self.large else conv_patches(x, kernel, self.stride, self.pad, self.part)
        return y + self.bias[...] if self.use_bias else y


class Linear(nnx.Module):
    """Product with a matrix, in x out, and a bias."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel_init: Init | None = None,
        bias_init: Init | None = None,
        dtype=jnp.float32,
        rngs: nnx.Rngs,
    ):
        """Args: sizes; initialisation, uniform in +-1/sqrt(inputs) when None; number format; randomness."""
        default = uniform(1 / math.sqrt(inputs))
        self.kernel = nnx.Param((kernel_init or default)(rngs.params(), (inputs, outputs), dtype))
        self.bias = nnx.Param((bias_init or default)(rngs.params(), (outputs,), dtype))

    def __call__(self, x: Float[Array, "N D"]) -> Float[Array, "N E"]:
        """Multiply and add."""
        return jnp.einsum("nd,de->ne", x, self.kernel[...], precision=jax.lax.Precision.HIGHEST) + self.bias[...]


def flatten(x: Float[Array, "N H W D"]) -> Float[Array, "N V"]:
    """Maps to vectors channel by channel, as PyTorch orders them, so that its matrices fit as they are."""
    return jnp.moveaxis(x, -1, 1).reshape(len(x), -1)


def unit(x: Float[Array, "N D"]) -> Float[Array, "N D"]:
    """Vectors of length 1, x / max(|x|, 1e-12), with gradient 0 of the norm at x = 0."""
    square = jnp.sum(x * x, axis=-1, keepdims=True)
    norm = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)
    return x / jnp.maximum(norm, NORM_FLOOR)


def training_key(network: nnx.Module, rate: float, train: bool, key: PRNGKeyArray | None) -> PRNGKeyArray | None:
    """The key to draw dropout with, None where nothing is dropped.

    Raises:
        ValueError: training with dropout, but without a key.
    """
    if not train or rate == 0:
        return None
    if key is None:
        raise ValueError(f"{type(network).__name__}: training with dropout {rate} needs dropout_key, got None")
    return key


def dropout(
    x: Float[Array, " N *P"], rate: float, key: PRNGKeyArray | None, layer: int, *, whole_maps: bool = False
) -> Float[Array, " N *P"]:
    """Set a share of the values to zero and enlarge the others, so that the mean stays.

    Args:
        x: values.
        rate: share that is dropped.
        key: of the network's call, from `training_key`; None: nothing is dropped.
        layer: number of the dropout layer within the network, so that each draws its own.
        whole_maps: channels are dropped whole.
    """
    if key is None:
        return x
    shape = (x.shape[0], *[1] * (x.ndim - 2), x.shape[-1]) if whole_maps else x.shape
    return jnp.where(_kept(jax.random.fold_in(key, layer), rate, shape), x / (1 - rate), 0)


def _kept(key: PRNGKeyArray, rate: float, shape: tuple[int, ...]) -> Bool[Array, " *P"]:
    """Which values stay. A half is the toss of a coin: every word that is drawn has 32 of them."""
    if rate != 0.5:
        return jax.random.bernoulli(key, 1 - rate, shape)
    words = jax.random.bits(key, (-(-math.prod(shape) // 32), 1), jnp.uint32)
    coins = jax.lax.shift_right_logical(words, jnp.arange(32, dtype=jnp.uint32)[None]) & 1
    return coins.reshape(-1)[: math.prod(shape)].reshape(shape).astype(bool)
