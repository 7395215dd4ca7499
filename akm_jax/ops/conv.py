"""Convolution in the form each back end runs fastest; NHWC maps, HWIO kernels.

On an accelerator every convolution is `lax.conv`. XLA's CPU convolution is slow, most of all backward, so on the CPU
3 x 3 kernels run as Winograd (stride 1) or as products over quarter maps (stride 2), everything else, and odd sizes, as
products of shifted slices. `conv` picks by platform; its gradient is its own, so that only the input and the kernel are
kept for the backward pass.
"""

import functools

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from akm_jax.ops.strided import strided, strided_gradients
from akm_jax.ops.winograd import winograd, winograd_gradients


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def conv(x: Float[Array, "F H W D"], kernel: Float[Array, "k k D E"], stride: int = 1) -> Float[Array, "F h w E"]:
    """Convolve with a square odd kernel and padding k // 2, so that h = ceil(H / stride)."""
    return lax.platform_dependent(
        x, kernel, cpu=functools.partial(_conv_cpu, stride=stride), default=functools.partial(conv_lax, stride=stride)
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


def conv_lax(x: Float[Array, "F H W D"], kernel: Float[Array, "k k D E"], stride: int = 1) -> Float[Array, "F h w E"]:
    """The same by XLA's own convolution."""
    pad = kernel.shape[0] // 2
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), ((pad, pad), (pad, pad)), dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _conv_lax_gradients(x, kernel, dy, stride):
    return jax.vjp(functools.partial(conv_lax, stride=stride), x, kernel)[1](dy)


def _is_even_3x3(x, kernel) -> bool:
    return kernel.shape[0] == 3 and x.shape[1] % 2 == 0 and x.shape[2] % 2 == 0


def _conv_cpu(x, kernel, stride):
    if _is_even_3x3(x, kernel) and stride in (1, 2):
        return winograd(x, kernel) if stride == 1 else strided(x, kernel)
    return conv_patches(x, kernel, stride)


def _conv_cpu_gradients(x, kernel, dy, stride):
    if kernel.shape[0] == 1:
        return _pointwise_gradients(x, kernel, dy, stride)
    if _is_even_3x3(x, kernel) and stride in (1, 2):
        return winograd_gradients(x, kernel, dy) if stride == 1 else strided_gradients(x, kernel, dy)
    return jax.vjp(functools.partial(conv_patches, stride=stride), x, kernel)[1](dy)


def _pointwise_gradients(x, kernel, dy, stride):
    """Gradients of a 1 x 1 convolution."""
    taken = x[:, ::stride, ::stride]
    dkernel = taken.reshape(-1, taken.shape[-1]).T @ dy.reshape(-1, dy.shape[-1])
    ends = [size - (stride * (count - 1) + 1) for size, count in zip(x.shape[1:3], dy.shape[1:3], strict=True)]
    spread = [(0, 0, 0), *[(0, end, stride - 1) for end in ends], (0, 0, 0)]
    return lax.pad(dy @ kernel[0, 0].T, jnp.zeros((), x.dtype), spread), dkernel.reshape(kernel.shape)


def conv_patches(
    x: Float[Array, "F H W D"],
    kernel: Float[Array, "k k D E"],
    stride: int = 1,
    pad: int | None = None,
    part: int | None = None,
) -> Float[Array, "F h w E"]:
    """Side by side, the k x k shifted (and strided) slices of the input, times the kernel as one matrix.

    Quickly compiled, and one product for several kernels under `jax.vmap`: for small networks. The padding is any
    number of zeros on every side, k // 2 when None. `part` is that of `product`.
    """
    k, _, channels, features = kernel.shape
    pad = k // 2 if pad is None else pad
    rows, columns = ((size + 2 * pad - k) // stride + 1 for size in x.shape[1:3])
    x = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))

    def tap(i, j):
        limits = (len(x), i + stride * (rows - 1) + 1, j + stride * (columns - 1) + 1, channels)
        return lax.slice(x, (0, i, j, 0), limits, (1, stride, stride, 1))

    patches = jnp.concatenate([tap(i, j) for i in range(k) for j in range(k)], axis=-1)
    return product(patches, kernel.reshape(k * k * channels, features), part)


def product(
    x: Float[Array, "F h w P"], matrix: Float[Array, "P E"], part: int | None = None
) -> Float[Array, "F h w E"]:
    """Every pixel times a matrix.

    XLA's CPU library adds all products of a sum one after another, and rounding grows with their number. With `part` it
    adds so many or fewer, then these sums, forward and, for the gradient of `x`, backward: of 1024 normal products the
    error in float32 is half as large in parts of 128 (a test holds it below .7). That costs time; other back ends keep
    their own order.
    """
    if part is None:
        return jnp.einsum("fhwp,pe->fhwe", x, matrix)
    return _product_in_parts(x, matrix, part)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _product_in_parts(x, matrix, part):
    def in_parts(x, matrix):
        size, features = matrix.shape
        count = -(-size // part)
        zeros = -size % count  # so that parts are of one size
        x = jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, zeros))).reshape(*x.shape[:-1], count, -1)
        matrix = jnp.pad(matrix, ((0, zeros), (0, 0))).reshape(count, -1, features)
        return jnp.sum(jnp.einsum("fhwcp,cpe->cfhwe", x, matrix), 0)

    return lax.platform_dependent(x, matrix, cpu=in_parts, default=product)


def _product_forward(x, matrix, part):
    return _product_in_parts(x, matrix, part), (x, matrix)


def _product_backward(part, residuals, dy):
    x, matrix = residuals
    return _product_in_parts(dy, matrix.T, part), jnp.einsum("fhwp,fhwe->pe", x, dy)


_product_in_parts.defvjp(_product_forward, _product_backward)
