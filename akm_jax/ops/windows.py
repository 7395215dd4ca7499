"""Pooling over windows of any size, written as shifted slices; NHWC maps."""

import functools

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from akm_jax.ops.shifts import pad_axis


def max_windows(
    x: Float[Array, "N H W D"], size: int, stride: int, pad: tuple[int, int] = (0, 0)
) -> Float[Array, "N h w D"]:
    """Maximum of square windows; what does not fill a window is dropped. Of equal values all share the gradient.

    Args:
        x: maps.
        size: side of a window.
        stride: step from window to window.
        pad: rows above and below, columns left and right, that are never the largest.
    """
    for axis in (1, 2):
        x = functools.reduce(jnp.maximum, _places(pad_axis(x, axis, pad, -jnp.inf), axis, size, stride))
    return x


def max_windows_caffe(x: Float[Array, "N H W D"], size: int = 3, stride: int = 2) -> Float[Array, "N h w D"]:
    """The same as Caffe does it: the number of windows is rounded up, the last ones hang over."""
    for axis in (1, 2):
        over = -(x.shape[axis] - size) % stride
        padded = pad_axis(x, axis, (0, over), -jnp.inf)
        x = functools.reduce(jnp.maximum, _places(padded, axis, size, stride))
    return x


def mean_windows(x: Float[Array, "N H W D"], size: int) -> Float[Array, "N h w D"]:
    """Mean of square windows that lie side by side; what does not fill a window is dropped."""
    for axis in (1, 2):
        x = functools.reduce(jnp.add, _places(x, axis, size, size)) / size
    return x


def mean_grid(x: Float[Array, "N H W D"], cells: int) -> Float[Array, "N c c D"]:
    """Mean of each cell of a grid; cell i of n rows holds rows floor(i n / cells) up to ceil((i + 1) n / cells)."""
    return jnp.einsum("nhwd,ih,jw->nijd", x, _shares(x.shape[1], cells, x), _shares(x.shape[2], cells, x))


def _shares(length: int, cells: int, like: Array) -> Float[Array, "c L"]:
    places, cell = np.arange(length), np.arange(cells)[:, None]
    inside = (places >= cell * length // cells) & (places < -(-(cell + 1) * length // cells))
    return jnp.asarray(inside / inside.sum(1, keepdims=True), like.dtype)


def _places(x: Array, axis: int, size: int, stride: int) -> list[Array]:
    """For each place in a window what stands there in every window."""
    count = (x.shape[axis] - size) // stride + 1
    return [lax.slice_in_dim(x, i, i + stride * (count - 1) + 1, stride, axis) for i in range(size)]
