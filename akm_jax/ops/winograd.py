"""Winograd's 3 x 3 convolutions of stride 1 in plain `jnp`, as matrix products over tiles of the maps.

F(m x n, 3 x 3) computes m x n outputs from a tile of (m + 2) x (n + 2) inputs with as many products, where the
definition takes 9 m n (Lavin and Gray 2016, arXiv 1509.09308): 16 for 36 with 2 x 2, 24 for 72 with 2 x 4, 36 for 144
with 4 x 4. Larger tiles round more coarsely; the largest serves the gradients only. For the CPU, whose XLA convolution
is slow; frames pass in chunks whose tiles stay in cache.
"""

import dataclasses
import functools
import operator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from akm_jax.ops.chunks import chunk_length, scan_chunks

# Floats of the input maps of one chunk, 2 MiB in float32, and the fewest rows of a chunk's products.
CHUNK_FLOATS = 1 << 19
CHUNK_ROWS = 256
# Features from which fewer products outweigh a larger tile's costlier output transform.
MANY_FEATURES = 256


@dataclasses.dataclass(frozen=True)
class Transforms:
    """The matrices of F(m, 3) along one axis: m outputs are A^T [(G g) * (B^T d)].

    Attributes:
        m: outputs of a tile.
        from_input: B^T (m + 2, m + 2).
        from_kernel: G (m + 2, 3).
        to_output: A^T (m, m + 2).
    """

    m: int
    from_input: np.ndarray
    from_kernel: np.ndarray
    to_output: np.ndarray


class Room(NamedTuple):
    """Where `Tiling.convolve` writes.

    Attributes:
        whole: the convolution of all frames, as rows and columns of tiles.
        stored: of tiles four columns wide, one chunk after the transform along rows: at (i, p) row i of the tiles and
            product p of those of a row. Stored, it costs less than what XLA does otherwise: compute it again
            for every column. None for two columns, where storing costs more.
    """

    whole: Float[Array, "F h m w n E"]
    stored: Float[Array, "m p f h w E"] | None


@dataclasses.dataclass(frozen=True)
class Tiling:
    """F(m x n, 3 x 3): F(m, 3) along a tile's rows and F(n, 3) along its columns."""

    rows: Transforms
    columns: Transforms

    @property
    def num_products(self) -> int:
        """Products of a tile."""
        return (self.rows.m + 2) * (self.columns.m + 2)

    def divides(self, x: Float[Array, "F H W D"]) -> bool:
        """Whether the maps are made of whole tiles."""
        return x.shape[1] % self.rows.m == 0 and x.shape[2] % self.columns.m == 0

    def chunk_frames(self, x: Float[Array, "F H W D"]) -> int:
        """Frames of a chunk of a map."""
        tile = self.rows.m * self.columns.m
        return max(CHUNK_FLOATS // x[0].size, CHUNK_ROWS * tile // (x.shape[1] * x.shape[2]))

    def kernel_tiles(self, kernel: Float[Array, "3 3 D E"]) -> list[Float[Array, "D E"]]:
        """G g G^T, one matrix a product."""
        rows = _combine(self.rows.from_kernel, kernel)
        return [tile for row in rows for tile in _combine(self.columns.from_kernel, row)]

    def kernel_tiles_transposed(self, tiles: list[Float[Array, "D E"]]) -> Float[Array, "3 3 D E"]:
        """The transpose of `kernel_tiles`."""
        transform = jnp.asarray(np.kron(self.rows.from_kernel, self.columns.from_kernel).T, tiles[0].dtype)
        return (transform @ jnp.stack([t.reshape(-1) for t in tiles])).reshape(3, 3, *tiles[0].shape)

    def input_tiles(self, x: Float[Array, "F H W D"]) -> list[Float[Array, "F h w D"]]:
        """B^T d B of every tile, one array a product; h = H / m, w = W / n."""
        m, n, (height, width) = self.rows.m, self.columns.m, x.shape[1:3]
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        rows = _combine(self.rows.from_input, [x[:, i : i + height - m + 1 : m] for i in range(m + 2)])
        return [
            tile
            for row in rows
            for tile in _combine(self.columns.from_input, [row[:, :, j : j + width - n + 1 : n] for j in range(n + 2)])
        ]

    def output_parts(
        self, products: list[Float[Array, "f h w E"]], stored: Float[Array, "m p f h w E"] | None
    ) -> tuple[list[list[Float[Array, "f h w E"]]], Float[Array, "m p f h w E"] | None]:
        """A^T p A of every tile, the outputs at each row and column of the tiles; and `Room.stored` as it is then."""
        size = self.columns.m + 2
        columns = [_combine(self.rows.to_output, products[i::size]) for i in range(size)]
        rows = [list(row) for row in zip(*columns, strict=True)]
        if stored is not None:
            for i, row in enumerate(rows):
                for j, part in enumerate(row):
                    stored = lax.dynamic_update_slice(stored, part[None, None], (i, j, 0, 0, 0, 0))
            rows = [[stored[i, j] for j in range(size)] for i in range(len(rows))]
        return [_combine(self.columns.to_output, row) for row in rows], stored

    def output_tiles_transposed(self, dy: Float[Array, "F H W E"]) -> list[Float[Array, "F h w E"]]:
        """A dy A^T, the transpose of `output_parts`: one array a product."""
        m, n = self.rows.m, self.columns.m
        rows = _combine(self.rows.to_output.T, [dy[:, i::m] for i in range(m)])
        return [
            tile for row in rows for tile in _combine(self.columns.to_output.T, [row[:, :, j::n] for j in range(n)])
        ]

    def room(self, x: Float[Array, "F H W D"], features: int, chunk: int) -> Room:
        """Room for what `convolve` makes of `x` in chunks of so many frames."""
        m, n, (frames, height, width) = self.rows.m, self.columns.m, x.shape[:3]
        whole = lax.empty((frames, height // m, m, width // n, n, features), x.dtype)
        if n == 2:
            return Room(whole, None)
        return Room(whole, lax.empty((m, n + 2, chunk, height // m, width // n, features), x.dtype))

    def convolve(self, chunk: Float[Array, "f H W D"], kernel_tiles, room: Room, start, *, transposed=False):
        """`room` with the convolution of a chunk at its place, `start` frames from the first.

        Each row and column of the output tiles is written by itself: side by side in one array first, XLA would compute
        every element by asking which part it belongs to. If `transposed`, each of the kernel's tiles is: a product
        takes that at no cost, while a transposed kernel would have to be made.
        """
        tiles = self.input_tiles(chunk)
        products = [_matrix(t) @ (u.T if transposed else u) for t, u in zip(tiles, kernel_tiles, strict=True)]
        parts, stored = self.output_parts([p.reshape(*tiles[0].shape[:3], -1) for p in products], room.stored)
        whole = room.whole
        for i, row in enumerate(parts):
            for j, part in enumerate(row):
                whole = lax.dynamic_update_slice(whole, part[:, :, None, :, None], (start, 0, i, 0, j, 0))
        return Room(whole, stored)


def _transforms(m: int, points: list[float]) -> Transforms:
    """F(m, 3) by Toom and Cook: polynomials multiplied at m + 1 points and at infinity."""
    others = [[q for q in points if q != p] for p in points]
    from_kernel = [np.array([1, p, p**2]) / np.prod(p - np.array(rest)) for p, rest in zip(points, others, strict=True)]
    # `np.poly` begins with the highest power.
    from_input = [np.append(np.poly(rest)[::-1], 0) for rest in others] + [np.poly(points)[::-1]]
    to_output = np.array([[p**i for p in points] + [float(i == m - 1)] for i in range(m)])
    return Transforms(m, np.array(from_input), np.array([*from_kernel, [0, 0, 1]]), to_output)


_TWO = _transforms(2, [0, 1, -1])
# With the usual points 0, +-1, +-2 rounding errors are four times as large.
_FOUR = _transforms(4, [0, 0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5)])
F2X2, F2X4, F4X4 = Tiling(_TWO, _TWO), Tiling(_TWO, _FOUR), Tiling(_FOUR, _FOUR)


@jax.jit
def winograd(x: Float[Array, "F H W D"], kernel: Float[Array, "3 3 D E"]) -> Float[Array, "F H W E"]:
    """Convolve with padding 1; H and W even."""
    tiling = F2X4 if F2X4.divides(x) and kernel.shape[-1] >= MANY_FEATURES else F2X2
    tiles = tiling.kernel_tiles(kernel)
    chunk = chunk_length(len(x), tiling.chunk_frames(x))

    def step(room, start, new, frames):
        return tiling.convolve(frames, tiles, room, start)

    room = scan_chunks(step, tiling.room(x, kernel.shape[-1], chunk), [x], chunk)
    return room.whole.reshape(*x.shape[:-1], -1)


@jax.jit
def winograd_gradients(
    x: Float[Array, "F H W D"], kernel: Float[Array, "3 3 D E"], dy: Float[Array, "F H W E"]
) -> tuple[Float[Array, "F H W D"], Float[Array, "3 3 D E"]]:
    """Gradients of `winograd` for the input and the kernel, given that of its output.

    The kernel's is summed over chunks in the transformed domain and transformed back once. Both come out of one loop:
    in two, the compiler would keep `dy` of many layers until it gets to the kernels.
    """
    for_kernel = F4X4 if F4X4.divides(x) else F2X2
    for_input = for_kernel if x.shape[-1] >= MANY_FEATURES else F2X2
    flipped = for_input.kernel_tiles(kernel[::-1, ::-1])
    chunk = chunk_length(len(x), for_kernel.chunk_frames(x))

    def step(carry, start, new, frames, dy):
        total, dx = carry
        inputs = for_kernel.input_tiles(jnp.where(new[:, None, None, None], frames, 0))
        outputs = for_kernel.output_tiles_transposed(dy)
        total = [t + _matrix(a).T @ _matrix(b) for t, a, b in zip(total, inputs, outputs, strict=True)]
        return total, for_input.convolve(dy, flipped, dx, start, transposed=True)

    total = [jnp.zeros(kernel.shape[2:], x.dtype)] * for_kernel.num_products
    carry = total, for_input.room(x, x.shape[-1], chunk)
    total, dx = scan_chunks(step, carry, [x, dy], chunk)
    return dx.whole.reshape(x.shape), for_kernel.kernel_tiles_transposed(total)


def _matrix(tiles):
    return tiles.reshape(-1, tiles.shape[-1])


def _combine(matrix, parts):
    """Each row of a matrix times a list of arrays, without the zeros."""

    def combined(row):
        terms = [_times(factor, part) for factor, part in zip(row, parts, strict=True) if factor]
        return functools.reduce(operator.add, terms)

    return [combined(row) for row in matrix]


def _times(factor, part):
    return part if factor == 1 else -part if factor == -1 else float(factor) * part
