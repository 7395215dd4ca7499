"""Winograd F(2x2, 3x3) in plain `jnp`: 3 x 3 convolutions of stride 1 as sixteen matrix products.

A tile of 4 x 4 inputs gives 2 x 2 outputs from 16 products instead of 36 (Lavin and Gray 2016, arXiv 1509.09308). For
the CPU, whose XLA convolution is slow; frames pass in chunks whose tiles stay in cache.
"""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from akm_jax.ops.chunks import chunk_frames, join_chunks

# Floats of the input maps of one chunk; the gradients hold tiles of two maps, so their chunks are half as large.
CHUNK_FLOATS = 1 << 19
GRADIENT_CHUNK_FLOATS = 1 << 18


def winograd(x: Float[Array, "F H W D"], kernel: Float[Array, "3 3 D E"]) -> Float[Array, "F H W E"]:
    """Convolve with padding 1; H and W even."""
    products = _kernel_tiles(kernel)
    chunks = chunk_frames(x, CHUNK_FLOATS // x[0].size)
    return join_chunks(lax.map(lambda frames: _convolve(frames, products), chunks), len(x))


def winograd_gradients(
    x: Float[Array, "F H W D"], kernel: Float[Array, "3 3 D E"], dy: Float[Array, "F H W E"]
) -> tuple[Float[Array, "F H W D"], Float[Array, "3 3 D E"]]:
    """Gradients of `winograd` for the input and the kernel, given that of its output.

    The kernel's is summed over chunks in the transformed domain and transformed back once. Both come out of one loop:
    in two, the compiler would keep `dy` of many layers until it gets to the kernels.
    """
    flipped = _kernel_tiles(jnp.swapaxes(kernel[::-1, ::-1], 2, 3))

    def advance(total, chunk):
        frames, dy = chunk
        pairs = zip(_input_tiles(frames), _output_tiles_transposed(dy), strict=True)
        products = [a.reshape(-1, a.shape[-1]).T @ b.reshape(-1, b.shape[-1]) for a, b in pairs]
        return total + jnp.stack(products), _convolve(dy, flipped)

    frames = GRADIENT_CHUNK_FLOATS // x[0].size
    start = jnp.zeros((16, x.shape[-1], dy.shape[-1]), x.dtype)
    total, dx = lax.scan(advance, start, (chunk_frames(x, frames), chunk_frames(dy, frames)))
    return join_chunks(dx, len(x)), _kernel_tiles_transposed(total)


def _convolve(frames, products):
    tiles = _input_tiles(frames)
    rows = [t.reshape(-1, t.shape[-1]) @ u for t, u in zip(tiles, products, strict=True)]
    return _output_tiles([r.reshape(*tiles[0].shape[:3], -1) for r in rows])


def _kernel_rows(a, b, c):
    return [a, (a + b + c) * 0.5, (a - b + c) * 0.5, c]


def _kernel_tiles(kernel):
    """G g G^T: sixteen matrices (D, E)."""
    return [u for row in _kernel_rows(*kernel) for u in _kernel_rows(*row)]


def _kernel_rows_transposed(a, b, c, d):
    return [a + (b + c) * 0.5, (b - c) * 0.5, (b + c) * 0.5 + d]


def _kernel_tiles_transposed(u):
    """G^T u G, the transpose of `_kernel_tiles`: (16, D, E) to (3, 3, D, E)."""
    columns = [jnp.stack(_kernel_rows_transposed(*u[i : i + 4])) for i in range(0, 16, 4)]
    return jnp.stack(_kernel_rows_transposed(*columns))


def _differences(a, b, c, d):
    return [a - c, b + c, c - b, b - d]


def _input_tiles(x):
    """B^T d B of every 4 x 4 tile: sixteen arrays (F, H/2, W/2, D)."""
    _, h, w, _ = x.shape
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows = _differences(*[x[:, i : i + h - 1 : 2] for i in range(4)])
    return [t for r in rows for t in _differences(*[r[:, :, j : j + w - 1 : 2] for j in range(4)])]


def _output_tiles(m):
    """A^T m A: sixteen arrays (F, h, w, E) to (F, 2 h, 2 w, E)."""
    frames, h, w, features = m[0].shape
    rows = [(m[i] + m[i + 1] + m[i + 2], m[i + 1] - m[i + 2] - m[i + 3]) for i in range(0, 16, 4)]
    y = [[rows[0][j] + rows[1][j] + rows[2][j] for j in (0, 1)], [rows[1][j] - rows[2][j] - rows[3][j] for j in (0, 1)]]
    return jnp.stack([jnp.stack(r, 3) for r in y], 2).reshape(frames, 2 * h, 2 * w, features)


def _output_tiles_transposed(dy):
    """A dy A^T, the transpose of `_output_tiles`: (F, 2 h, 2 w, E) to sixteen arrays (F, h, w, E)."""
    a, b = dy[:, 0::2], dy[:, 1::2]
    out = []
    for r in (a, a + b, a - b, -b):
        c, d = r[:, :, 0::2], r[:, :, 1::2]
        out += [c, c + d, c - d, -d]
    return out
