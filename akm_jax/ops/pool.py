"""Max pooling, window 3, stride 2, padding 1."""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, UInt8

from akm_jax.ops.shifts import move_back, move_forward, pad_axis


def max_pool(x: Float[Array, "F H W D"]) -> Float[Array, "F h w D"]:
    """Maximum of each 3 x 3 window, h = ceil(H / 2); where values tie the gradient goes to one of them."""
    return max_pool_places(x)[0]


def max_pool_places(x: Float[Array, "F H W D"]) -> tuple[Float[Array, "F h w D"], UInt8[Array, "F h w D"]]:
    """Maximum of each window and its place there, 3 x row + column; of equal values the first."""
    rows_pooled = _pool_axis(x, jnp.zeros(x.shape, jnp.uint8), axis=2, step=1)
    return _pool_axis(*rows_pooled, axis=1, step=3)


def max_pool_gradient(
    dy: Float[Array, "F h w D"], places: UInt8[Array, "F h w D"]
) -> list[list[Float[Array, "F h w D"]]]:
    """Gradient of the maximum for maps of even sides, as their quarters.

    Returns:
        At [i][j] the gradient of rows i, i + 2, ... and columns j, j + 2, ...
    """

    def of_place(row, column):
        taken = jnp.where(places == 3 * row + column, dy, 0)
        taken = move_back(taken, 1) if row == 0 else taken
        return move_back(taken, 2) if column == 0 else taken

    # An even row or column is the middle of one window, an odd one the end of one and the beginning of the next.
    of_parity = ((1,), (2, 0))
    return [[sum(of_place(a, b) for a in rows for b in columns) for columns in of_parity] for rows in of_parity]


def _pool_axis(x, places, *, axis, step):
    """Windows along one axis: the odd place before an even one, the even one, the odd one after it."""
    even, after = _halves(x, axis, -jnp.inf)
    even_places, after_places = _halves(places, axis, 0)
    best, best_places = _larger(
        move_forward(after, axis, -jnp.inf), move_forward(after_places, axis, 0), even, even_places + step
    )
    return _larger(best, best_places, after, after_places + 2 * step)


def _larger(a, a_places, b, b_places):
    """The maximum, as a choice: of equal values `a`."""
    first = a >= b
    return jnp.where(first, a, b), jnp.where(first, a_places, b_places).astype(jnp.uint8)


def _halves(x, axis, filling):
    """Even and odd places of an axis, of an odd number of places one more is made up."""
    x = pad_axis(x, axis, (0, x.shape[axis] % 2), filling)
    pairs = x.reshape(*x.shape[:axis], x.shape[axis] // 2, 2, *x.shape[axis + 1 :])
    return [lax.index_in_dim(pairs, i, axis + 1, keepdims=False) for i in (0, 1)]
