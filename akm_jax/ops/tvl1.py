"""TV-L1 optical flow of many pairs of frames, step by step as OpenCV's `DualTVL1OpticalFlow` computes it on the CPU.

OpenCV's habits that are imitated, since TV-L1 is chaotic and its results are what published features were made from:

- pyramid by repeated bilinear resize with the factor 0.8, without a filter; a level below 16 pixels ends it;
- the second picture and both its gradients are sampled bicubically (a = -0.75) at places rounded to 1/32 pixel, and
  are 0 outside;
- dual variables start at 0 once a level, not once a warp;
- the median filter runs before every outer iteration, on the flow itself, its border replicated;
- one mean squared change below epsilon^2 ends inner and outer iterations of a warp, the last step being kept.

Every number is rounded where OpenCV's is, so that flows are the same to the last bit on processors that join a product
with the sum after it, as those of the last ten years do: OpenCV lets them when it samples and resizes, and not in its
iterations, where a product times a 1 that the compiler does not know is kept apart from the sum; a length is rounded
once. gamma is 0 and there is no initial flow.

Pairs of one call run together until the slowest has ended; one that ended earlier no longer changes, so that a pair's
flow does not depend on the others'. Pairs end at very different times and a pair alone stays in the CPU's cache: there,
call with one pair at a time, as `akm_jax.ops.flow` does.

Axis letters: N pairs, H W pixels, h w pixels of a level; flow has its components u (right), v (down) first in here.

Source: Zach, Pock & Bischof, "A duality based approach for realtime TV-L1 optical flow", DAGM 2007; opencv_contrib
`optflow/src/tvl1flow.cpp`.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float, Int, Shaped

from akm_jax.ops.median import median_filter

SMALLEST_LEVEL = 16  # pixels
FRACTIONS = 32  # places between two pixels at which pictures are sampled
CUBIC = np.float32(-0.75)
MARGIN = 4  # zeros around a picture that is sampled: all places a window can reach that overlaps it


@dataclasses.dataclass(frozen=True)
class TVL1Config:
    """Settings of TV-L1; the defaults are OpenCV's."""

    tau: float = 0.25
    """Step of the dual variables."""
    attachment: float = 0.15
    """Weight of the brightness difference (lambda); smaller is smoother."""
    theta: float = 0.3
    """Tightness of the coupling between both halves of the problem."""
    scales: int = 5
    """Levels of the pyramid, fewer where a level would be below 16 pixels."""
    scale_step: float = 0.8
    """Size of a level over that of the next finer one."""
    warps: int = 5
    """Times a level samples the second picture anew."""
    epsilon: float = 0.01
    """Root mean square change, pixels, that ends a warp; 0: always all iterations."""
    inner: int = 30
    """Most iterations between two median filters."""
    outer: int = 10
    """Most median filters a warp."""
    median: int = 5
    """Side of the median filter, pixels: 3 or 5; 1 for none."""

    @classmethod
    def fixed(
        cls, *, scales: int = 5, warps: int = 5, outer: int = 1, inner: int = 30, median: int = 5
    ) -> "TVL1Config":
        """The same number of iterations for every pair."""
        return cls(scales=scales, warps=warps, outer=outer, inner=inner, median=median, epsilon=0.0)

    def validate(self) -> None:
        """Raise ValueError on values outside what the algorithm is defined for."""
        for name in ("tau", "attachment", "theta"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"TV-L1: {name} must be a positive number, got {getattr(self, name)}")
        for name in ("scales", "warps", "inner", "outer"):
            if getattr(self, name) < 1:
                raise ValueError(f"TV-L1: {name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.scale_step < 1:
            raise ValueError(f"TV-L1: scale_step must lie between 0 and 1, got {self.scale_step}")
        if not (math.isfinite(self.epsilon) and self.epsilon >= 0):
            raise ValueError(f"TV-L1: epsilon must be a finite number of at least 0, got {self.epsilon}")
        if self.median not in (1, 3, 5):
            raise ValueError(f"TV-L1: median must be 1 (none), 3 or 5, got {self.median}")


@dataclasses.dataclass(frozen=True)
class _Numbers:
    """The settings that a compiled program takes as arguments."""

    theta: Float[Array, ""] | np.float32
    step: Float[Array, ""] | np.float32
    limit: Float[Array, ""] | np.float32
    epsilon_squared: Float[Array, ""] | np.float32
    warps: Int[Array, ""] | np.int32
    outer: Int[Array, ""] | np.int32
    inner: Int[Array, ""] | np.int32
    one: Float[Array, ""] | np.float32
    """1, which the compiler does not know: a product times it is rounded before it is added to anything."""


@dataclasses.dataclass(frozen=True)
class _Warped:
    """What a warp fixes: the second picture's gradient at the sampled places, and the constant part of rho."""

    gradient: Float[Array, "2 N h w"]
    constant: Float[Array, "N h w"]


jax.tree_util.register_dataclass(_Numbers)
jax.tree_util.register_dataclass(_Warped)


def tvl1(
    first: Shaped[Array, "N H W"] | Shaped[np.ndarray, "N H W"],
    second: Shaped[Array, "N H W"] | Shaped[np.ndarray, "N H W"],
    config: TVL1Config = TVL1Config(),
) -> Float[Array, "N H W 2"]:
    """Flow from each first to each second frame, pixels: `second(x + u, y + v)` shows what `first(x, y)` does.

    Args:
        first: grey frames, 0 to 255 in any number format.
        second: as many of the same size.
        config: settings. A program is compiled for each number and size of pairs, pyramid and side of the median.

    Raises:
        ValueError: shapes differ or are not (pairs, height, width), or a setting is out of range.
    """
    config.validate()
    if first.ndim != 3 or first.shape != second.shape or min(first.shape[1:]) < 2:
        raise ValueError(
            "TV-L1 takes two arrays of the same shape (pairs, height, width), at least 2 x 2 pixels, "
            f"got {first.shape} and {second.shape}"
        )
    numbers = _Numbers(
        theta=np.float32(config.theta),
        step=np.float32(config.tau / config.theta),
        limit=np.float32(config.attachment * config.theta),
        epsilon_squared=np.float32(config.epsilon**2),
        warps=np.int32(config.warps),
        outer=np.int32(config.outer),
        inner=np.int32(config.inner),
        one=np.float32(1),
    )
    first, second = (jnp.asarray(frames).astype(jnp.float32) for frames in (first, second))
    return solve(first, second, numbers, scales=config.scales, scale_step=config.scale_step, median=config.median)


@functools.partial(jax.jit, static_argnames=("scales", "scale_step", "median"))
def solve(
    first: Float[Array, "N H W"],
    second: Float[Array, "N H W"],
    numbers: _Numbers,
    *,
    scales: int,
    scale_step: float,
    median: int,
) -> Float[Array, "N H W 2"]:
    """The compiled part of `tvl1`.

    Numbers of turns are arguments, so that XLA cannot take a loop of one turn apart: it would then compute the median
    filter anew for every pixel that asks for it.
    """
    levels = [(first, second)]
    for size in level_sizes(first.shape[1:], scales, scale_step)[1:]:
        a, b = levels[-1]
        levels.append((_resize(a, size, 1 / scale_step), _resize(b, size, 1 / scale_step)))
    flow = jnp.zeros((2, *levels[-1][0].shape), jnp.float32)
    for level, pictures in reversed(list(enumerate(levels))):
        flow = _solve_level(*pictures, flow, numbers, median)
        if level > 0:
            flow = _resize(flow, levels[level - 1][0].shape[1:]) * np.float32(1 / scale_step)
    return jnp.moveaxis(flow, 0, -1)


def level_sizes(size: Sequence[int], scales: int, scale_step: float) -> list[tuple[int, int]]:
    """Height and width of each level, the finest first."""
    sizes = [(int(size[0]), int(size[1]))]
    while len(sizes) < scales:
        smaller = (round(sizes[-1][0] * scale_step), round(sizes[-1][1] * scale_step))
        if min(smaller) < SMALLEST_LEVEL:
            break
        sizes.append(smaller)
    return sizes


def _resize(x: Float[Array, "*n h w"], size: Sequence[int], ratio: float | None = None) -> Float[Array, "*n H W"]:
    """Bilinear, pixel centres aligned, border replicated; `ratio`: old to new pixels where not that of sizes."""
    for axis, length in ((x.ndim - 1, size[1]), (x.ndim - 2, size[0])):
        places = (np.arange(length) + 0.5) * (ratio or x.shape[axis] / length) - 0.5
        left = np.clip(np.floor(places), 0, x.shape[axis] - 1).astype(np.int32)
        right = np.minimum(left + 1, x.shape[axis] - 1)
        part = np.clip(places - left, 0, 1).astype(np.float32)
        part = part.reshape((-1,) + (1,) * (x.ndim - 1 - axis))
        start = jnp.take(x, left, axis=axis)
        x = start + (jnp.take(x, right, axis=axis) - start) * part
    return x


def _solve_level(
    first: Float[Array, "N h w"],
    second: Float[Array, "N h w"],
    flow: Float[Array, "2 N h w"],
    numbers: _Numbers,
    median: int,
) -> Float[Array, "2 N h w"]:
    pictures = jnp.stack([second, _central_difference(second, 2), _central_difference(second, 1)])
    pictures = jnp.pad(pictures, [(0, 0), (0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)])

    def warp(_, state):
        flow, *dual = state
        sampled, gradient_x, gradient_y = _sample(pictures, flow, numbers)
        one = numbers.one
        constant = sampled - gradient_x * flow[0] * one - gradient_y * flow[1] * one - first
        return _iterate(flow, *dual, _Warped(jnp.stack([gradient_x, gradient_y]), constant), numbers, median)

    dual = (jnp.zeros_like(flow), jnp.zeros_like(flow))
    return lax.fori_loop(0, numbers.warps, warp, (flow, *dual))[0]


def _iterate(
    flow: Float[Array, "2 N h w"],
    dual_x: Float[Array, "2 N h w"],
    dual_y: Float[Array, "2 N h w"],
    warped: _Warped,
    numbers: _Numbers,
    median: int,
) -> tuple[Float[Array, "2 N h w"], ...]:
    """The iterations of one warp; a pair that has converged keeps its flow and dual variables."""
    pixels = flow.shape[2] * flow.shape[3]
    smallest = numbers.epsilon_squared * pixels

    def inner(state):
        turn, active, *variables = state
        new, change = _step(*variables, warped, numbers)
        return turn + 1, active & (change > smallest), *_keep(active, new, variables)

    def outer(state):
        turn, active, flow, *dual = state
        (flow,) = _keep(active, (median_filter(flow, median),), (flow,))
        state = lax.while_loop(functools.partial(_goes_on, numbers.inner), inner, (0, active, flow, *dual))
        return turn + 1, *state[1:]

    state = (0, jnp.ones(flow.shape[1], bool), flow, dual_x, dual_y)
    return lax.while_loop(functools.partial(_goes_on, numbers.outer), outer, state)[2:]


def _goes_on(turns: Int[Array, ""] | np.int32, state: tuple) -> Bool[Array, ""]:
    return (state[0] < turns) & state[1].any()


def _keep(active: Bool[Array, " N"], new: Sequence[Array], old: Sequence[Array]) -> tuple[Array, ...]:
    """`new` of active pairs, `old` of others; a pair alone is active, or its loop would have ended."""
    if len(active) == 1:
        return tuple(new)
    return tuple(jnp.where(active[:, None, None], a, b) for a, b in zip(new, old, strict=True))


def _step(
    flow: Float[Array, "2 N h w"],
    dual_x: Float[Array, "2 N h w"],
    dual_y: Float[Array, "2 N h w"],
    warped: _Warped,
    numbers: _Numbers,
) -> tuple[tuple[Float[Array, "2 N h w"], ...], Float[Array, " N"]]:
    """One inner iteration: new flow and dual variables, and each pair's sum of squared changes of the flow."""
    one = numbers.one
    pull = _threshold(flow, warped, numbers)
    new = flow + pull * warped.gradient * one + numbers.theta * _divergence(dual_x, dual_y) * one
    change = jnp.square(new - flow).sum(axis=(0, 2)).sum(axis=1)
    slope_x, slope_y = _forward_difference(new, 3), _forward_difference(new, 2)
    shrink = 1 + numbers.step * _length(slope_x, slope_y) * one
    moved = (dual_x + numbers.step * slope_x * one, dual_y + numbers.step * slope_y * one)
    return (new, moved[0] / shrink, moved[1] / shrink), change


def _threshold(flow: Float[Array, "2 N h w"], warped: _Warped, numbers: _Numbers) -> Float[Array, "N h w"]:
    """How far along the gradient the flow is pulled to lessen the brightness difference."""
    (x, y), one, limit = warped.gradient, numbers.one, numbers.limit
    squared = x * x * one + y * y * one
    rho = warped.constant + (x * flow[0] * one + y * flow[1] * one)
    middle = jnp.where(squared > np.finfo(np.float32).eps, -rho / squared, 0)
    return jnp.where(rho < -limit * squared, limit, jnp.where(rho > limit * squared, -limit, middle))


def _length(x: Float[Array, "*s"], y: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """Length of a vector, on a CPU rounded once as OpenCV does; elsewhere rounding is another anyhow."""

    def rounded_once(x, y):
        with jax.enable_x64(True):
            x, y = x.astype(jnp.float64), y.astype(jnp.float64)
            return jnp.sqrt(x * x + y * y).astype(jnp.float32)

    return lax.platform_dependent(x, y, cpu=rounded_once, default=lambda x, y: jnp.sqrt(x * x + y * y))


def _sample(
    pictures: Float[Array, "3 N H W"], flow: Float[Array, "2 N h w"], numbers: _Numbers
) -> Float[Array, "3 N h w"]:
    """Each picture, which has a margin of zeros, at the places that the flow leads to, bicubically.

    As in OpenCV's vector code 16 pixels are summed column by column, at the border one after the other.
    """
    one = numbers.one
    num_pairs, height, width = flow.shape[1:]
    padded_height, padded_width = pictures.shape[2:]
    column, weights_x = _taps(flow[0] + jnp.arange(width, dtype=jnp.float32), width)
    row, weights_y = _taps(flow[1] + jnp.arange(height, dtype=jnp.float32)[:, None], height)
    whole = (column >= MARGIN) & (column <= width + MARGIN - 4) & (row >= MARGIN) & (row <= height + MARGIN - 4)
    corner = (jnp.arange(num_pairs)[:, None, None] * padded_height + row) * padded_width + column
    flat = pictures.reshape(len(pictures), -1)

    def total(*_) -> Float[Array, "3 N h w"]:
        lanes, running = [one - 1] * 4, one - 1  # not 0, which the compiler would leave out
        for i, j in itertools.product(range(4), repeat=2):
            weight = weights_y[i] * weights_x[j]
            tap = flat.at[:, corner + (i * padded_width + j)].get(mode="promise_in_bounds")
            lanes[j] = lanes[j] + weight * tap
            running = running + (weight * one) * tap * one
        return jnp.where(whole, (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]), running)

    # A loop, so that XLA keeps its result; else every use of a pixel would sample it anew.
    nothing = jnp.zeros((len(pictures), *flow.shape[1:]), jnp.float32)
    return lax.fori_loop(0, one.astype(np.int32), total, nothing)


def _taps(places: Float[Array, "N h w"], length: int) -> tuple[Int[Array, "N h w"], Float[Array, "4 N h w"]]:
    """First of four pixels around each place, counted from the margin's start, and their weights."""
    fine = jnp.round(jnp.clip(places, -MARGIN, length + MARGIN) * FRACTIONS).astype(jnp.int32)
    start = jnp.clip(fine // FRACTIONS, 1 - MARGIN, length + MARGIN - 3) + (MARGIN - 1)
    x = (fine % FRACTIONS).astype(jnp.float32) * np.float32(1 / FRACTIONS)
    first = ((CUBIC * (x + 1) - 5 * CUBIC) * (x + 1) + 8 * CUBIC) * (x + 1) - 4 * CUBIC
    second = ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1
    third = ((CUBIC + 2) * (1 - x) - (CUBIC + 3)) * (1 - x) * (1 - x) + 1
    return start, jnp.stack([first, second, third, 1 - first - second - third])


def _cut(x: Array, axis: int, start: int, stop: int) -> Array:
    return lax.slice_in_dim(x, start, x.shape[axis] + stop, axis=axis)


def _pad(x: Array, axis: int, before: int, after: int) -> Array:
    return jnp.pad(x, [(before, after) if i == axis else (0, 0) for i in range(x.ndim)])


def _central_difference(x: Float[Array, "N h w"], axis: int) -> Float[Array, "N h w"]:
    """Half the difference of both neighbours, at the border of the pixel itself and its one neighbour."""
    padded = jnp.pad(x, [(1, 1) if i == axis else (0, 0) for i in range(x.ndim)], mode="edge")
    return np.float32(0.5) * (_cut(padded, axis, 2, 0) - _cut(padded, axis, 0, -2))


def _forward_difference(x: Float[Array, "2 N h w"], axis: int) -> Float[Array, "2 N h w"]:
    """Next minus this; 0 at the far border."""
    return _pad(_cut(x, axis, 1, 0) - _cut(x, axis, 0, -1), axis, 0, 1)


def _divergence(x: Float[Array, "2 N h w"], y: Float[Array, "2 N h w"]) -> Float[Array, "2 N h w"]:
    """By differences to the one before, which is 0 before the first; the first column is summed in another order."""
    left, above = _pad(_cut(x, 3, 0, -1), 3, 1, 0), _pad(_cut(y, 2, 0, -1), 2, 1, 0)
    return jnp.where(np.arange(x.shape[3]) > 0, (x - left) + (y - above), (x + y) - above)
