"""Frames in chunks that stay in the CPU's cache while several operations pass over them.

All chunks of a map are equally long. The last one begins early rather than be padded, and shares frames with the one
before it: computing a few frames twice is cheaper than copying the whole map to a padded one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int


def scan_chunks(step: Callable, carry: Any, arrays: Sequence[Float[Array, " F *D"]], frames: int) -> Any:
    """Fold a function over the chunks of some arrays' frame axis.

    Args:
        step: `step(carry, start, new, *chunks)` returns the next carry; `start` is the chunk's first frame, `new` (f,)
            is False at frames that the chunk before has shown already, to be left out of sums.
        carry: what the first step gets.
        arrays: of the same number of frames.
        frames: most frames of a chunk; each has `chunk_length` of it.
    """
    total = len(arrays[0])
    size = chunk_length(total, frames)
    count = -(-total // size)
    if count == 1:
        return step(carry, jnp.asarray(0), jnp.ones(size, bool), *arrays)

    def advance(carry, index):
        start = jnp.minimum(index * size, total - size)
        new = start + jnp.arange(size) >= index * size
        chunks = [lax.dynamic_slice_in_dim(a, start, size) for a in arrays]
        return step(carry, start, new, *chunks), None

    return lax.scan(advance, carry, jnp.arange(count))[0]


def chunk_length(total: int, frames: int) -> int:
    """Frames of each chunk of `total` frames where at most `frames` (0 counts as 1) are wanted.

    Given a length that it returned, it returns the same.
    """
    return -(-total // -(-total // max(1, frames)))


def map_chunks(function: Callable, arrays: Sequence[Float[Array, " F *D"]], frames: int) -> Any:
    """Apply a function of chunks to arrays chunk by chunk; its results (a tree) lie on the same frame axis."""
    one_frame = jax.eval_shape(function, *[a[:1] for a in arrays])
    results = jax.tree.map(lambda a: lax.empty((len(arrays[0]), *a.shape[1:]), a.dtype), one_frame)

    def step(results, start, new, *chunks):
        return jax.tree.map(lambda all_, part: put_chunk(all_, part, start), results, function(*chunks))

    return scan_chunks(step, results, arrays, frames)


def put_chunk(whole: Float[Array, " F *D"], chunk: Float[Array, " f *D"], start: Int[Array, ""]) -> Array:
    """`whole` with a chunk written at its place."""
    return lax.dynamic_update_slice_in_dim(whole, chunk, start, 0)
