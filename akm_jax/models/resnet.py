"""ResNet-18 (He et al. 2016) for one grey channel with a 5 x 5 stem, batch norm per clip (AKMNet, arXiv 2009.09179).

Shape legend: F packed frames, H W pixels, D channels.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Float

from akm_jax.clips import PackedClips
from akm_jax.ops.conv import conv
from akm_jax.ops.norm import ClipBatchNorm
from akm_jax.ops.stem import stem, stem_evaluated


class Conv(nnx.Module):
    """Convolution without bias, padding k // 2; Kaiming normal, fan-out, ReLU gain."""

    def __init__(self, size: int, inputs: int, outputs: int, *, stride: int = 1, dtype, rngs: nnx.Rngs):
        init = jax.nn.initializers.variance_scaling(2.0, "fan_out", "normal")
        self.kernel = nnx.Param(init(rngs.params(), (size, size, inputs, outputs), dtype))
        self.stride = stride

    def __call__(self, x: Float[Array, "F H W D"]) -> Float[Array, "F h w E"]:
        """Convolve in the dtype of `x`."""
        return conv(x, self.kernel[...].astype(x.dtype), self.stride)


class BasicBlock(nnx.Module):
    """Two 3 x 3 convolutions and a shortcut, projected by a 1 x 1 convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, dtype, rngs: nnx.Rngs):
        self.conv1 = Conv(3, inputs, outputs, stride=stride, dtype=dtype, rngs=rngs)
        self.norm1 = ClipBatchNorm(outputs, dtype=dtype)
        self.conv2 = Conv(3, outputs, outputs, dtype=dtype, rngs=rngs)
        self.norm2 = ClipBatchNorm(outputs, dtype=dtype)
        self.projects = stride != 1 or inputs != outputs
        if self.projects:
            self.shortcut_conv = Conv(1, inputs, outputs, stride=stride, dtype=dtype, rngs=rngs)
            self.shortcut_norm = ClipBatchNorm(outputs, dtype=dtype)

    def __call__(self, x: Float[Array, "F H W D"], clips: PackedClips, *, train: bool) -> Float[Array, "F h w E"]:
        """Apply the block."""
        y = jax.nn.relu(self.norm1(self.conv1(x), clips, train=train))
        y = self.norm2(self.conv2(y), clips, train=train)
        if self.projects:
            x = self.shortcut_norm(self.shortcut_conv(x), clips, train=train)
        return jax.nn.relu(x + y)


class ResNet18(nnx.Module):
    """Stem and four stages of two basic blocks; a (H, W) frame becomes (H/32, W/32, widths[-1])."""

    def __init__(self, widths: tuple[int, int, int, int], *, dtype=jnp.float32, rngs: nnx.Rngs):
        self.stem_conv = Conv(5, 1, widths[0], stride=2, dtype=dtype, rngs=rngs)
        self.stem_norm = ClipBatchNorm(widths[0], dtype=dtype)
        blocks, inputs = [], widths[0]
        for stage, outputs in enumerate(widths):
            for block in range(2):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(BasicBlock(inputs, outputs, stride=stride, dtype=dtype, rngs=rngs))
                inputs = outputs
        self.blocks = nnx.List(blocks)

    def __call__(self, frames: Float[Array, "F H W 1"], clips: PackedClips, *, train: bool) -> Float[Array, "F h w D"]:
        """Feature maps of every frame."""
        x = self.stem(frames, clips, train=train)
        for block in self.blocks:
            x = block(x, clips, train=train)
        return x

    def stem(self, frames: Float[Array, "F H W 1"], clips: PackedClips, *, train: bool) -> Float[Array, "F h w D"]:
        """Convolution, batch norm, ReLU and max pool in one operation; h = H/4."""
        norm, kernel = self.stem_norm, self.stem_conv.kernel[...].astype(frames.dtype)
        if not train:
            return stem_evaluated(frames, kernel, *norm.fixed_affine())
        pooled, mean, var = stem(frames, kernel, norm.scale[...], norm.bias[...], clips)
        norm.advance(mean, var, frames.shape[1] * frames.shape[2] // 4, clips)
        return pooled
