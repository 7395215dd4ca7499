"""Convolutions and pooling in the form each back end runs fastest; NHWC maps, HWIO kernels.

On an accelerator every convolution is `lax.conv`. XLA's CPU convolution is slow, most of all backward, so on the CPU
3 x 3 kernels of stride 1 run as Winograd F(2x2, 3x3) written as sixteen matrix products (Lavin and Gray 2016, arXiv
1509.09308), everything else as products of shifted slices. `conv` picks by platform; its gradient is its own, so that
only the input and the kernel are kept for the backward pass.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

# Floats of one chunk of input maps, small enough that a chunk's tiles stay in the CPU's cache.
CHUNK_FLOATS = 1 << 19

_KERNEL_TRANSFORM = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def conv(x: Float[Array, "F H W D"], kernel: Float[Array, "k k D E"], stride: int = 1) -> Float[Array, "F h w E"]:
    """Convolve with a square odd kernel and padding k // 2, so that h = ceil(H / stride)."""
    return lax.platform_dependent(
        x, kernel, cpu=functools.partial(_conv_cpu, stride=stride), default=functools.partial(_conv_lax, stride=stride)
    )


def _conv_forward(x, kernel, stride):
    return conv(x, kernel, stride), (x, kernel)


def _conv_backward(stride, residuals, dy):
    x, kernel = residuals
    return lax.platform_dependent(
        x,
        kernel,
        dy,
        cpu=functools.partial(_conv_cpu_gradients, stride=stride),
        default=functools.partial(_conv_lax_gradients, stride=stride),
    )


conv.defvjp(_conv_forward, _conv_backward)


def max_pool(x: Float[Array, "F H W D"]) -> Float[Array, "F h w D"]:
    """Max pool, window 3, stride 2, padding 1; where values tie the gradient goes to the first, as in PyTorch."""
    for axis in (1, 2):
        size = (x.shape[axis] + 1) // 2
        padding = [(0, 0)] * 4
        padding[axis] = (1, 2 * size - x.shape[axis])
        padded = jnp.pad(x, padding, constant_values=-jnp.inf)
        taps = [lax.slice_in_dim(padded, i, i + 2 * size - 1, 2, axis) for i in range(3)]
        x = functools.reduce(lambda a, b: jnp.where(a >= b, a, b), taps)
    return x


def _conv_lax(x, kernel, stride):
    pad = kernel.shape[0] // 2
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), ((pad, pad), (pad, pad)), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _conv_lax_gradients(x, kernel, dy, stride):
    return jax.vjp(functools.partial(_conv_lax, stride=stride), x, kernel)[1](dy)


def _uses_winograd(x, kernel, stride) -> bool:
    return stride == 1 and kernel.shape[0] == 3 and x.shape[1] % 2 == 0 and x.shape[2] % 2 == 0


def _conv_cpu(x, kernel, stride):
    if _uses_winograd(x, kernel, stride):
        return _winograd(x, kernel)
    return _shifted_products(x, kernel, stride)


def _conv_cpu_gradients(x, kernel, dy, stride):
    if not _uses_winograd(x, kernel, stride):
        return jax.vjp(functools.partial(_shifted_products, stride=stride), x, kernel)[1](dy)
    dx = _winograd(dy, jnp.swapaxes(kernel[::-1, ::-1], 2, 3))
    return dx, _winograd_kernel_gradient(x, dy)


def _shifted_products(x, kernel, stride):
    """Side by side, the k x k shifted (and strided) slices of the input, times the kernel as one matrix."""
    k, _, channels, features = kernel.shape
    pad = k // 2
    rows, columns = -(-x.shape[1] // stride), -(-x.shape[2] // stride)
    x = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))

    def tap(i, j):
        limits = (len(x), i + stride * (rows - 1) + 1, j + stride * (columns - 1) + 1, channels)
        return lax.slice(x, (0, i, j, 0), limits, (1, stride, stride, 1))

    patches = jnp.concatenate([tap(i, j) for i in range(k) for j in range(k)], axis=-1)
    return jnp.einsum("fhwp,pe->fhwe", patches, kernel.reshape(k * k * channels, features))


def _differences(a, b, c, d):
    return [a - c, b + c, c - b, b - d]


def _input_tiles(x):
    """B^T d B of every 4 x 4 tile: sixteen arrays (F, H/2, W/2, D)."""
    _, h, w, _ = x.shape
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows = _differences(*[x[:, i : i + h - 1 : 2] for i in range(4)])
    return [t for r in rows for t in _differences(*[r[:, :, j : j + w - 1 : 2] for j in range(4)])]


def _output_tiles(m):
    """A^T m A: sixteen arrays (F, h, w, E) to (F, 2 h, 2 w, E)."""
    frames, h, w, features = m[0].shape
    rows = [(m[i] + m[i + 1] + m[i + 2], m[i + 1] - m[i + 2] - m[i + 3]) for i in range(0, 16, 4)]
    y = [[rows[0][j] + rows[1][j] + rows[2][j] for j in (0, 1)], [rows[1][j] - rows[2][j] - rows[3][j] for j in (0, 1)]]
    return jnp.stack([jnp.stack(r, 3) for r in y], 2).reshape(frames, 2 * h, 2 * w, features)


def _output_tiles_transposed(dy):
    """A dy A^T, the transpose of `_output_tiles`: (F, 2 h, 2 w, E) to sixteen arrays (F, h, w, E)."""
    a, b = dy[:, 0::2], dy[:, 1::2]
    out = []
    for r in (a, a + b, a - b, -b):
        c, d = r[:, :, 0::2], r[:, :, 1::2]
        out += [c, c + d, c - d, -d]
    return out


def _chunks(x):
    """Frames in equal chunks that stay in cache, (chunks, frames of a chunk, ...); zero frames fill the last one."""
    count = -(-x.size // CHUNK_FLOATS)
    size = -(-len(x) // count)
    x = jnp.pad(x, ((0, count * size - len(x)), *[(0, 0)] * (x.ndim - 1)))
    return x.reshape(count, size, *x.shape[1:])


def _winograd(x, kernel):
    transform = jnp.asarray(_KERNEL_TRANSFORM, kernel.dtype)
    u = jnp.einsum("ai,bj,ijde->abde", transform, transform, kernel).reshape(16, *kernel.shape[2:])

    def apply(frames):
        tiles = _input_tiles(frames)
        return _output_tiles(
            [(t.reshape(-1, t.shape[-1]) @ u[i]).reshape(*t.shape[:3], -1) for i, t in enumerate(tiles)]
        )

    y = lax.map(apply, _chunks(x))
    return y.reshape(-1, *y.shape[2:])[: len(x)]


def _winograd_kernel_gradient(x, dy):
    """Accumulate the kernel's gradient over chunks in the transformed domain, then transform back once."""
    chunks = _chunks(x)
    dy = jnp.pad(dy, ((0, chunks.shape[0] * chunks.shape[1] - len(dy)), (0, 0), (0, 0), (0, 0)))
    dy = dy.reshape(*chunks.shape[:2], *dy.shape[1:])

    def add(total, chunk):
        pairs = zip(_input_tiles(chunk[0]), _output_tiles_transposed(chunk[1]), strict=True)
        return total + jnp.stack([a.reshape(-1, a.shape[-1]).T @ b.reshape(-1, b.shape[-1]) for a, b in pairs]), None

    channels = (x.shape[-1], dy.shape[-1])
    total, _ = lax.scan(add, jnp.zeros((16, *channels), x.dtype), (chunks, dy))
    transform = jnp.asarray(_KERNEL_TRANSFORM, x.dtype)
    return jnp.einsum("ai,bj,abde->ijde", transform, transform, total.reshape(4, 4, *channels))
