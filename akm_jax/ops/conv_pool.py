"""A 5 x 5 convolution of one channel and the maximum over windows of 6 x 6, as one operation.

The maps of the convolution are 36 times as large as what leaves the pool, and all that follows needs their maxima
only. On the CPU they are never written: the picture is laid out by row and column modulo 3, so that each of the nine
places of a 3 x 3 window is a sum of 25 slices, and one loop takes all nine and keeps the largest and its place. Then
one of four such windows remains. The gradient of the kernel is a sum of one 5 x 5 patch for every maximum, which is
read where it lies. Elsewhere, and for the gradient of the picture, both are XLA's own operations.
"""

import functools
import itertools
import operator

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

SIZE, PAD = 5, 2
POOL = 6
THIRD, HALF = 3, 2  # 6 = 3 x 2: the windows of the one loop, and those of what it leaves
_STEPS = [divmod(i, THIRD) for i in range(SIZE + THIRD - 1)]  # windows further, and place in it


@jax.custom_vjp
def conv_max(x: Float[Array, "N H W"], kernel: Float[Array, "5 5 D"]) -> Float[Array, "N h w D"]:
    """Largest value of the convolution (padding 2) in each 6 x 6 window, h = H / 6, w = W / 6.

    Of equal values the gradient goes to one.

    Raises:
        ValueError: H or W is not a multiple of 6, or the kernel is not 5 x 5.
    """
    return _forward(x, kernel)[0]


def _forward(x, kernel):
    if x.ndim != 3 or x.shape[1] % POOL or x.shape[2] % POOL or kernel.shape[:2] != (SIZE, SIZE) or kernel.ndim != 3:
        raise ValueError(
            f"conv_max: expected pictures (N, H, W) with H and W multiples of {POOL} and a kernel ({SIZE}, {SIZE}, D), "
            f"got {x.shape} and {kernel.shape}"
        )
    largest, row, column = lax.platform_dependent(x, kernel, cpu=_forward_cpu, default=_forward_lax)
    return largest, (x, kernel, row, column)


def _backward(residuals, cotangent):
    x, kernel, row, column = residuals
    dkernel = lax.platform_dependent(
        x, kernel, row, column, cotangent, cpu=_kernel_gradient_cpu, default=_kernel_gradient_lax
    )
    dx = jax.vjp(lambda x: _conv_max_lax(x, kernel), x)[1](cotangent)[0]  # pictures are data: nothing asks for it
    return dx, dkernel


conv_max.defvjp(_forward, _backward)


def _conv_max_lax(x, kernel):
    maps = lax.conv_general_dilated(
        x[..., None], kernel[:, :, None], (1, 1), [(PAD, PAD)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    window = (1, POOL, POOL, 1)
    return lax.reduce_window(maps, -jnp.inf, lax.max, window, window, "VALID")


def _forward_lax(x, kernel):
    """The first result of `_forward_cpu`; the places, which only the CPU takes, are left zero."""
    largest = _conv_max_lax(x, kernel)
    nothing = jnp.zeros(jnp.moveaxis(largest, -1, 0).shape, jnp.int32)
    return largest, nothing, nothing


def _kernel_gradient_lax(x, kernel, row, column, cotangent):
    return jax.vjp(lambda kernel: _conv_max_lax(x, kernel), kernel)[1](cotangent)[0]


def _forward_cpu(x, kernel):
    """Largest values (N, h, w, D), and the row and column of the picture where they are, (D, N, h, w) each."""
    n, height, width = len(x), x.shape[1] // THIRD, x.shape[2] // THIRD
    largest, place = _maxima_of_thirds(x, kernel)  # (N, D, H / 3, W / 3)
    row = THIRD * jnp.arange(height, dtype=jnp.int32)[:, None] + place // THIRD
    column = THIRD * jnp.arange(width, dtype=jnp.int32) + place % THIRD

    def quarters(values):
        values = values.reshape(n, -1, height // HALF, HALF, width // HALF, HALF)
        return [values[:, :, :, i, :, j] for i in range(HALF) for j in range(HALF)]

    best, *others = zip(quarters(largest), quarters(row), quarters(column), strict=True)
    for other in others:
        larger = other[0] > best[0]
        best = [jnp.where(larger, a, b) for a, b in zip(other, best, strict=True)]
    return best[0].transpose(0, 2, 3, 1), best[1].swapaxes(0, 1), best[2].swapaxes(0, 1)


def _maxima_of_thirds(x, kernel):
    """Largest value of each 3 x 3 window and its place, 3 x row + column: (N, D, H / 3, W / 3) each."""
    n, height, width = len(x), x.shape[1] // THIRD, x.shape[2] // THIRD
    # Two more columns of windows: what a row of sums reads beyond its end belongs to it. And one more row.
    columns = width + HALF
    x = jnp.pad(x, ((0, 0), (PAD, THIRD * (HALF + 1) - PAD), (PAD, THIRD * HALF - PAD)))
    phases = (
        x.reshape(n, height + HALF + 1, THIRD, columns, THIRD).transpose(0, 2, 4, 1, 3).reshape(n, THIRD, THIRD, -1)
    )

    weights = [[kernel[i, j, :, None] for j in range(SIZE)] for i in range(SIZE)]

    def of_picture(phases):
        windows = _windows(phases, columns, height * columns)
        largest = place = None
        for index in range(THIRD * THIRD):
            down, right = divmod(index, THIRD)
            taps = [windows[down + i][right + j] * weights[i][j] for i in range(SIZE) for j in range(SIZE)]
            value = functools.reduce(operator.add, taps)
            if largest is None:
                largest, place = value, jnp.zeros_like(value)
            else:
                larger = value > largest
                largest, place = jnp.where(larger, value, largest), jnp.where(larger, value.dtype.type(index), place)
        # A complex number holds both, so that XLA computes them in one loop.
        return lax.complex(largest, place)

    # Picture by picture, or XLA would make what comes before and after a part of the same loop, and compute it often.
    both = lax.map(of_picture, phases).reshape(n, -1, height, columns)[..., :width]
    return both.real, both.imag.astype(jnp.int32)


def _windows(phases, columns, count):
    """At [r][c] what lies r rows and c columns into the 7 x 7 pixels that each 3 x 3 window of the maps comes from."""
    windows = []
    for (down, row), (right, column) in itertools.product(_STEPS, _STEPS):
        start = down * columns + right
        windows.append(lax.slice(phases, (row, column, start), (row + 1, column + 1, start + count))[0])
    return [windows[i : i + len(_STEPS)] for i in range(0, len(windows), len(_STEPS))]


def _kernel_gradient_cpu(x, kernel, row, column, cotangent):
    """Sum of the patches at the maxima, each times its gradient."""
    features = kernel.shape[-1]
    padded = jnp.pad(x, ((0, 0), (PAD, PAD), (PAD, PAD)))
    of_picture = lax.broadcasted_iota(jnp.int32, row.shape, 1)
    starts = jnp.stack([of_picture, row, column], -1).reshape(-1, 3)
    numbers = lax.GatherDimensionNumbers(offset_dims=(1, 2), collapsed_slice_dims=(0,), start_index_map=(0, 1, 2))
    patches = lax.gather(padded, starts, numbers, (1, SIZE, SIZE), mode="promise_in_bounds")
    weights = cotangent.transpose(3, 0, 1, 2).reshape(features, -1)
    patches = patches.reshape(features, -1, SIZE * SIZE)
    dkernel = jnp.einsum("dmp,dm->pd", patches, weights, precision=lax.Precision.HIGHEST)
    return dkernel.reshape(kernel.shape)
