"""A 3 x 3 convolution, ReLU, batch norm over a batch and the maximum of 3 x 3 windows, as one operation.

The maps of the convolution are the largest of a small network, and they are never kept: they are computed once for the
maxima and the batch's statistics, and once more for the gradient; on a CPU clip by clip in the cache, on an accelerator
all clips at once, for there a loop over clips launches more than their arithmetic is worth.

So that nothing is moved about, a picture is laid out by window (`window_pixels`): 5 x 5 pixels are all that the nine
places of a window of the maps come from, and each is a vector over the windows. Patches are slices of them, the
convolution is one product, and a maximum takes nine vectors. Batch norm's factor commutes with the maximum, that of a
negative factor with the minimum. With maps y > 0, normalised maps n = (y - mean) / std and gradient g at the maxima,
    dy = scale / std * (g - mean(g) - n mean(g n)),
whose means are known from the maxima alone.
"""

import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float

from akm_jax.ops.norm import EPS

SIZE = 3  # of the kernel, and of a window
SEEN = 2 * SIZE - 1  # rows and columns of pixels that a window of the maps comes from
PLACES = [divmod(place, SIZE) for place in range(SIZE * SIZE)]


def windows_across(side: int, pad: int) -> int:
    """Windows in a row that hold all of the maps, the first of which begins one before them."""
    return -(-(side + 2 * pad - SIZE + 2) // SIZE)


@functools.partial(jax.jit, static_argnames="pad")
def window_pixels(pictures: Float[Array, "N H H D"], pad: int) -> Float[Array, "N D 5 5 V"]:
    """The 5 x 5 pixels that each window of the maps comes from; windows row by row, zeros outside of the picture.

    Args:
        pictures: of N clips.
        pad: zeros around the picture that the convolution takes.
    """
    across = windows_across(pictures.shape[1], pad)
    after = SIZE * (across - 1) + SEEN - pictures.shape[1] - pad - 1
    x = jnp.pad(jnp.moveaxis(pictures, -1, 1), ((0, 0), (0, 0), (pad + 1, after), (pad + 1, after)))
    last = SIZE * (across - 1) + 1
    taken = [x[:, :, i : i + last : SIZE, j : j + last : SIZE] for i in range(SEEN) for j in range(SEEN)]
    return jnp.stack(taken, 2).reshape(*x.shape[:2], SEEN, SEEN, -1)


def conv_norm_pool(
    pixels: Float[Array, "N D 5 5 V"],
    kernel: Float[Array, "3 3 D E"],
    bias: Float[Array, " E"],
    scale: Float[Array, " E"],
    shift: Float[Array, " E"],
    mask: Bool[Array, " N"],
    side: int,
) -> tuple[Float[Array, "N E V"], Float[Array, " E"], Float[Array, " E"]]:
    """Convolve, rectify, normalise by the statistics of the batch, take the largest value of each window.

    Args:
        pixels: from `window_pixels`; data, to which no gradient goes.
        kernel, bias: of the convolution.
        scale, shift: of batch norm.
        mask: which clips are real; the others take no part in the statistics.
        side: rows and columns of the convolution's maps.

    Returns:
        The windows' maxima, and mean and biased variance of the rectified maps, which are constants to whoever uses
        them. Of equal values the gradient goes to the first.
    """
    matrix = _matrix(kernel, bias)
    return _conv_norm_pool(lax.stop_gradient(pixels), matrix, scale, shift, mask, side)


def conv_norm_pool_evaluated(pixels, kernel, bias, factor, shift, side: int) -> Float[Array, "N E V"]:
    """The same with a fixed affine map (E,) in place of the batch's statistics."""
    inside, matrix = _inside(pixels, side), _matrix(kernel, bias)

    def of_clip(pixels):
        maps = _maps(_patches(pixels), matrix)
        values = [
            jnp.where(real, y * factor[:, None] + shift[:, None], -jnp.inf)
            for y, real in zip(maps, inside, strict=True)
        ]
        return functools.reduce(jnp.maximum, values)

    return lax.map(of_clip, pixels) if _one_by_one() else jax.vmap(of_clip)(pixels)


def _one_by_one() -> bool:
    return jax.default_backend() == "cpu"


def _over_clips(of_clip, mask, *arrays):
    """What `of_clip` gives of each real clip: the first summed over clips, the second one by one; 0 of others."""
    if not _one_by_one():
        summed, each = jax.tree.map(
            lambda leaf: jnp.where(mask.reshape(-1, *[1] * (leaf.ndim - 1)), leaf, 0), jax.vmap(of_clip)(*arrays)
        )
        return jnp.sum(summed, 0), each
    nothing = jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(of_clip, *(a[0] for a in arrays))
    )

    def step(total, clip):
        *arrays, real = clip
        summed, each = lax.cond(real, of_clip, lambda *_: nothing, *arrays)
        return total + summed, each

    return lax.scan(step, nothing[0], (*arrays, mask))


def _matrix(kernel, bias):
    """Kernel and bias as a matrix that patches are multiplied by: (E, 9 D + 1)."""
    return jnp.concatenate([kernel.reshape(-1, kernel.shape[-1]), bias[None]]).T


def _inside(pixels, side):
    """For each place in a window, the windows in which it is one of the maps'."""
    across = int(np.sqrt(pixels.shape[-1]))
    within = [(SIZE * np.arange(across) - 1 + i >= 0) & (SIZE * np.arange(across) - 1 + i < side) for i in range(SIZE)]
    return [jnp.asarray((within[i][:, None] & within[j]).ravel()) for i, j in PLACES]


def _patches(pixels):
    """What the kernel sees at each place of each window, and a one for the bias: (9 D + 1, 9 V)."""
    channels, windows = pixels.shape[0], pixels.shape[-1]
    # Windows stay an axis of their own to the last, or XLA computes an index for every value.
    taps = [pixels[:, i : i + SIZE, j : j + SIZE].reshape(channels, SIZE * SIZE, windows) for i, j in PLACES]
    ones = jnp.ones((1, SIZE * SIZE, windows), pixels.dtype)
    return jnp.concatenate([*taps, ones]).reshape(-1, SIZE * SIZE * windows)


def _maps(patches, matrix):
    """Rectified maps, (E, V) at each place of the windows."""
    product = jnp.einsum("ep,pv->ev", matrix, patches, precision=lax.Precision.HIGHEST)
    maps = product.reshape(len(matrix), SIZE * SIZE, -1)
    return [jax.nn.relu(maps[:, i]) for i in range(SIZE * SIZE)]


@functools.partial(jax.custom_vjp, nondiff_argnums=(5,))
def _conv_norm_pool(pixels, matrix, scale, shift, mask, side):
    return _forward(pixels, matrix, scale, shift, mask, side)[0]


def _forward(pixels, matrix, scale, shift, mask, side):
    inside = _inside(pixels, side)
    sign = jnp.where(scale < 0, -1, 1).astype(scale.dtype)
    counts = sum(real.astype(matrix.dtype) for real in inside)  # of each window, never 0

    def of_clip(pixels):
        maps = _maps(_patches(pixels), matrix)
        signed = [jnp.where(real, y * sign[:, None], -jnp.inf) for y, real in zip(maps, inside, strict=True)]
        largest = functools.reduce(jnp.maximum, signed)
        place = jnp.full(largest.shape, len(signed) - 1, jnp.int32)
        for i in reversed(range(len(signed) - 1)):
            place = jnp.where(signed[i] == largest, i, place)
        mean = _add([jnp.where(real, y, 0) for y, real in zip(maps, inside, strict=True)]) / counts
        square = _add([jnp.where(real, (y - mean) ** 2, 0) for y, real in zip(maps, inside, strict=True)])
        return square, (largest, place, mean)

    squares, (largest, place, means) = _over_clips(of_clip, mask, pixels)
    count = jnp.maximum(jnp.sum(mask), 1).astype(matrix.dtype) * side**2
    mean = jnp.sum(jnp.sum(means, 0) * counts, -1) / count
    apart = jnp.where(mask[:, None, None], (means - mean[:, None]) ** 2, 0)
    var = jnp.sum(squares + jnp.sum(apart, 0) * counts, -1) / count
    inv_std = lax.rsqrt(var + EPS)
    normalised = (largest * sign[:, None] - mean[:, None]) * inv_std[:, None]
    output = normalised * scale[:, None] + shift[:, None]
    return (output, mean, var), (pixels, matrix, scale, mask, mean, inv_std, count, normalised, place)


def _backward(side, residuals, cotangents):
    pixels, matrix, scale, mask, mean, inv_std, count, normalised, place = residuals
    gradient = jnp.where(mask[:, None, None], cotangents[0], 0)
    inside = _inside(pixels, side)
    dshift = jnp.sum(jnp.sum(gradient, 0), -1)
    dscale = jnp.sum(jnp.sum(gradient * normalised, 0), -1)
    factor = scale * inv_std
    offset = (factor * dshift / count)[:, None]
    slope = (factor * inv_std * dscale / count)[:, None]

    def of_clip(pixels, at_maxima, place):
        patches = _patches(pixels)
        gradients = [
            jnp.where(real & (y > 0), jnp.where(place == i, at_maxima, 0) - offset - slope * (y - mean[:, None]), 0)
            for i, (y, real) in enumerate(zip(_maps(patches, matrix), inside, strict=True))
        ]
        maps = jnp.stack(gradients, 1).reshape(len(matrix), -1)
        return jnp.einsum("ev,pv->ep", maps, patches, precision=lax.Precision.HIGHEST), None

    dmatrix, _ = _over_clips(of_clip, mask, pixels, gradient * factor[:, None], place)
    return None, dmatrix, dscale, dshift, None


def _add(arrays):
    return functools.reduce(operator.add, arrays)


_conv_norm_pool.defvjp(_forward, _backward)
