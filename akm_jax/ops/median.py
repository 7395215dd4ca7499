"""Median filter of many maps by a sorting network over shifted maps: minima and maxima only, no sort, no branch."""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float


def median_filter(x: Float[Array, "*n h w"], side: int) -> Float[Array, "*n h w"]:
    """Median of the square of `side` (odd) pixels around each pixel; the border is replicated."""
    if side == 1:
        return x
    reach, (height, width) = side // 2, x.shape[-2:]
    padded = jnp.pad(x, [(0, 0)] * (x.ndim - 2) + [(reach, reach)] * 2, mode="edge")
    padded = lax.optimization_barrier(padded)  # else every one of the shifts below asks where the border is
    moved = [padded[..., i : i + height, j : j + width] for i in range(side) for j in range(side)]
    return sort_maps(moved)[len(moved) // 2]


def sort_maps(maps: list[Float[Array, "*s"]]) -> list[Float[Array, "*s"]]:
    """The maps' values in ascending order at every place.

    Source: K. E. Batcher's merge exchange sort (Knuth, The Art of Computer Programming, volume 3, algorithm 5.2.2M).
    """
    maps = list(maps)
    for low, high in _exchanges(len(maps)):
        a, b = maps[low], maps[high]
        # Not jnp.minimum, whose care for NaN makes several instructions of one.
        maps[low], maps[high] = jnp.where(a < b, a, b), jnp.where(a < b, b, a)
    return maps


def _exchanges(count: int) -> list[tuple[int, int]]:
    """Pairs of places to put in order, one after the other."""
    top = 1 << (count - 1).bit_length() >> 1
    pairs, p = [], top
    while p > 0:
        q, r, distance = top, 0, p
        while True:
            pairs += [(i, i + distance) for i in range(count - distance) if i & p == r]
            if q == p:
                break
            q, r, distance = q >> 1, p, q - p
        p >>= 1
    return pairs
