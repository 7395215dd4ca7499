"""Max pooling, window 3, stride 2, padding 1."""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float


def max_pool(x: Float[Array, "F H W D"]) -> Float[Array, "F h w D"]:
    """Maximum of each 3 x 3 window, h = ceil(H / 2); where values tie the gradient goes to one of them."""
    return _pool_axis(_pool_axis(x, 1), 2)


def _pool_axis(x, axis):
    """Windows along one axis: an even place, the odd one after it, the odd one before it."""
    x = _pad(x, axis, (0, x.shape[axis] % 2))
    places = x.shape[axis] // 2
    pairs = x.reshape(*x.shape[:axis], places, 2, *x.shape[axis + 1 :])
    even, after = (lax.index_in_dim(pairs, i, axis + 1, keepdims=False) for i in (0, 1))
    before = _pad(lax.slice_in_dim(after, 0, places - 1, axis=axis), axis, (1, 0))
    return _larger(_larger(before, even), after)


def _larger(a, b):
    """The maximum, as a choice: the gradient of equal values goes to `a` alone."""
    return jnp.where(a >= b, a, b)


def _pad(x, axis, amounts):
    padding = [amounts if a == axis else (0, 0) for a in range(x.ndim)]
    return jnp.pad(x, padding, constant_values=-jnp.inf)
