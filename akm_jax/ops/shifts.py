"""Maps moved by one row or column, what comes in filled with a constant."""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Shaped


def pad_axis(x: Shaped[Array, "..."], axis: int, amounts: tuple[int, int], filling: float = 0) -> Shaped[Array, "..."]:
    """`x` with so many places more before and after one axis."""
    return jnp.pad(x, [amounts if a == axis else (0, 0) for a in range(x.ndim)], constant_values=filling)


def move_forward(x: Shaped[Array, "..."], axis: int, filling: float = 0) -> Shaped[Array, "..."]:
    """Everything one place further; the first place is filled."""
    return pad_axis(lax.slice_in_dim(x, 0, x.shape[axis] - 1, axis=axis), axis, (1, 0), filling)


def move_back(x: Shaped[Array, "..."], axis: int) -> Shaped[Array, "..."]:
    """Everything one place back; the last place is zero."""
    return pad_axis(lax.slice_in_dim(x, 1, x.shape[axis], axis=axis), axis, (0, 1))
