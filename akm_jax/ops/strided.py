"""3 x 3 convolutions of stride 2 as matrix products over shifted quarters of the maps, for the CPU.

The even and odd rows and columns of a map are four quarter maps; each of the nine taps reads one of them, moved by at
most one place. Frames pass in chunks, so that the patches never leave the cache.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from akm_jax.ops.chunks import map_chunks, put_chunk, scan_chunks
from akm_jax.ops.shifts import move_back, move_forward

# Floats of the input maps of one chunk.
CHUNK_FLOATS = 1 << 18

# For every quarter map (row parity, column parity) the taps (row, column) of the kernel that read it.
_TAPS = {
    (i, j): [(a, b) for a in ((1,) if i == 0 else (2, 0)) for b in ((1,) if j == 0 else (2, 0))]
    for i in (0, 1)
    for j in (0, 1)
}


@jax.jit
def strided(x: Float[Array, "F H W D"], kernel: Float[Array, "3 3 D E"]) -> Float[Array, "F h w E"]:
    """Convolve with padding 1 and stride 2; H and W even, h = H / 2, w = W / 2."""
    matrix = kernel.reshape(-1, kernel.shape[-1])
    return map_chunks(lambda frames: _patches(frames) @ matrix, [x], CHUNK_FLOATS // x[0].size)


@jax.jit
def strided_gradients(
    x: Float[Array, "F H W D"], kernel: Float[Array, "3 3 D E"], dy: Float[Array, "F h w E"]
) -> tuple[Float[Array, "F H W D"], Float[Array, "3 3 D E"]]:
    """Gradients of `strided` for the input and the kernel, given that of its output; both out of one loop."""
    transposed = jnp.swapaxes(kernel, 2, 3)
    matrices = {quarter: jnp.concatenate([transposed[tap] for tap in taps]) for quarter, taps in _TAPS.items()}

    def step(carry, start, new, frames, dy):
        total, dx = carry
        patches = _patches(jnp.where(new[:, None, None, None], frames, 0))
        total = total + patches.reshape(-1, patches.shape[-1]).T @ dy.reshape(-1, dy.shape[-1])
        return total, put_chunk(dx, _input_gradient(dy, matrices), start)

    carry = jnp.zeros((9 * x.shape[-1], dy.shape[-1]), x.dtype), lax.empty(x.shape, x.dtype)
    total, dx = scan_chunks(step, carry, [x, dy], CHUNK_FLOATS // x[0].size)
    return dx, total.reshape(kernel.shape)


def _patches(x):
    """The nine taps of every output side by side: (F, H, W, D) to (F, h, w, 9 D)."""
    frames, height, width, features = x.shape
    split = x.reshape(frames, height // 2, 2, width // 2, 2, features)

    def tap(a, b):
        quarter = split[:, :, (a + 1) % 2, :, (b + 1) % 2]
        quarter = move_forward(quarter, 1) if a == 0 else quarter
        return move_forward(quarter, 2) if b == 0 else quarter

    return jnp.concatenate([tap(a, b) for a in range(3) for b in range(3)], axis=-1)


def _input_gradient(dy, matrices):
    """Each quarter map gathers from the outputs that its taps fed."""
    frames, height, width, _ = dy.shape

    def moved(tap):
        part = move_back(dy, 1) if tap[0] == 0 else dy
        return move_back(part, 2) if tap[1] == 0 else part

    quarters = {
        quarter: jnp.concatenate([moved(tap) for tap in taps], axis=-1) @ matrices[quarter]
        for quarter, taps in _TAPS.items()
    }
    rows = [jnp.stack([quarters[i, 0], quarters[i, 1]], axis=3) for i in (0, 1)]
    return jnp.stack(rows, axis=2).reshape(frames, 2 * height, 2 * width, -1)
