"""Frames in chunks that stay in the CPU's cache while several operations pass over them."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float


def chunk_frames(x: Float[Array, " F *D"], frames: int) -> Float[Array, " N f *D"]:
    """Cut the frame axis into chunks of at most `frames`; zero frames fill the last one."""
    count = -(-len(x) // max(1, frames))
    size = -(-len(x) // count)
    x = jnp.pad(x, ((0, count * size - len(x)), *[(0, 0)] * (x.ndim - 1)))
    return x.reshape(count, size, *x.shape[1:])


def join_chunks(chunks: Float[Array, " N f *D"], frames: int) -> Float[Array, " F *D"]:
    """Undo `chunk_frames`: the first `frames` frames."""
    return chunks.reshape(-1, *chunks.shape[2:])[:frames]
