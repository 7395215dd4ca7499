"""SOFTNet: how much of an expression the optical flow of a frame shows (Liong et al., arXiv 2106.06489).

Three shallow streams see the two components of the flow and the optical strain; what they find is joined and two dense
layers make a score of it. Shape legend: N frames, H W pixels, D features.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Float

from akm_jax.ops.conv_pool import POOL, SIZE, conv_max

CHANNELS = ("u", "v", "strain")


@dataclasses.dataclass(frozen=True)
class SOFTNetConfig:
    """Shape of the network; the defaults are the published one.

    Attributes:
        image_size: side of the features, pixels.
        filters: filters of the streams of u, v and strain.
        hidden: units of the first dense layer.
        param_dtype: number format of weights and computation.
    """

    image_size: int = 42
    filters: tuple[int, int, int] = (3, 5, 8)
    hidden: int = 400
    param_dtype: str = "float32"

    def __post_init__(self):
        if self.image_size < POOL or self.image_size % POOL:
            raise ValueError(f"SOFTNet: image_size {self.image_size}, expected a multiple of {POOL}")
        if len(self.filters) != len(CHANNELS) or min(*self.filters, self.hidden) < 1:
            raise ValueError(
                f"SOFTNet: filters {self.filters} and hidden {self.hidden}, expected three numbers and one, from 1 up"
            )

    @classmethod
    def tiny(cls) -> "SOFTNetConfig":
        """The smallest one, for tests."""
        return cls(image_size=12, filters=(1, 2, 1), hidden=4)

    @property
    def joined(self) -> int:
        """Inputs of the first dense layer."""
        return (self.image_size // POOL) ** 2 * sum(self.filters)


PUBLISHED = SOFTNetConfig()


class Stream(nnx.Module):
    """Convolution 5 x 5, ReLU, max pool 3, max pool 2 of one channel.

    The largest value of a window is the same before and after adding a bias and ReLU, so these come last, and the two
    pools are one of 6 x 6.
    """

    def __init__(self, filters: int, *, dtype, rngs: nnx.Rngs):
        init = jax.nn.initializers.glorot_uniform()
        self.kernel = nnx.Param(init(rngs.params(), (SIZE, SIZE, 1, filters), dtype))
        self.bias = nnx.Param(jnp.zeros(filters, dtype))

    def __call__(self, x: Float[Array, "N H W"]) -> Float[Array, "N h w D"]:
        """Maps of one channel, h = H / 6."""
        return jax.nn.relu(conv_max(x, self.kernel[...][:, :, 0]) + self.bias[...])


class Dense(nnx.Module):
    """A dense layer; Glorot uniform."""

    def __init__(self, inputs: int, outputs: int, *, dtype, rngs: nnx.Rngs):
        self.kernel = nnx.Param(jax.nn.initializers.glorot_uniform()(rngs.params(), (inputs, outputs), dtype))
        self.bias = nnx.Param(jnp.zeros(outputs, dtype))

    def __call__(self, x: Float[Array, "N D"]) -> Float[Array, "N E"]:
        """Apply it."""
        return jnp.matmul(x, self.kernel[...], precision=jax.lax.Precision.HIGHEST) + self.bias[...]


class SOFTNet(nnx.Module):
    """The network; a score a frame, about 0 without an expression and 1 within one."""

    def __init__(self, config: SOFTNetConfig = PUBLISHED, *, rngs: nnx.Rngs):
        dtype = jnp.dtype(config.param_dtype)
        self.streams = nnx.List([Stream(filters, dtype=dtype, rngs=rngs) for filters in config.filters])
        self.hidden = Dense(config.joined, config.hidden, dtype=dtype, rngs=rngs)
        self.output = Dense(config.hidden, 1, dtype=dtype, rngs=rngs)

    def __call__(self, planes: Float[Array, "3 N H W"]) -> Float[Array, " N"]:
        """Scores of frames.

        Args:
            planes: u, v and strain of every frame, each scaled to [0, 1].
        """
        maps = [stream(x) for stream, x in zip(self.streams, planes, strict=True)]
        joined = jnp.concatenate(maps, axis=-1).reshape(planes.shape[1], -1)
        return self.output(jax.nn.relu(self.hidden(joined)))[:, 0]
