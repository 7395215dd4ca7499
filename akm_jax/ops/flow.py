"""Optical flow of many pairs of frames: the one function that everything here takes flow from.

TV-L1 is computed by `akm_jax.ops.tvl1` or by OpenCV, which agree as `docs/flow.md` says;
Farneback's, RLOF and DIS only by OpenCV. Work goes through worker threads on the CPU, in chunks on an accelerator.

Parameters of the others, where none are given, are OpenCV's own except for Farneback's, which are those in use in this
field: (pyramid 0.5, 3 levels, window 15, 3 iterations, neighbourhood 5, sigma 1.2).
"""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, get_args

import cv2
import jax
import numpy as np
from jaxtyping import Float, UInt8

from akm_jax.machine import num_cores
from akm_jax.ops.tvl1 import TVL1Config, tvl1

Method = Literal["tvl1", "farneback", "rlof", "dis"]
Backend = Literal["auto", "jax", "opencv"]
PairFlow = Callable[[np.ndarray, np.ndarray], np.ndarray]

DEFAULTS = TVL1Config()
PAIRS_PER_CALL = 64  # on an accelerator; not tuned on one
_opencv: Any = cv2  # its stubs lack what opencv-contrib adds
RLOF_GRID, RLOF_NEIGHBOURS = 6, 128  # OpenCV's defaults
FARNEBACK = (0.5, 3, 15, 3, 5, 1.2, 0)


def flow(
    first: UInt8[np.ndarray, "N H W"],
    second: UInt8[np.ndarray, "N H W"],
    method: Method = "tvl1",
    *,
    backend: Backend = "auto",
    config: TVL1Config = DEFAULTS,
    threads: int | None = None,
    pairs_per_call: int | None = None,
) -> Float[np.ndarray, "N H W 2"]:
    """Flow from each first to each second frame.

    Args:
        first: grey frames, uint8.
        second: as many of the same size.
        method: algorithm.
        backend: "jax" is ours (TV-L1 only), "opencv" OpenCV's; "auto" takes ours wherever there is one: it was measured
            faster on the CPU too.
        config: settings of TV-L1.
        threads: worker threads on the CPU; None for one a CPU that this process may use.
        pairs_per_call: pairs that the JAX back end computes together; None for 1 on the CPU and 64 elsewhere. Changes
            speed and memory only.

    Returns:
        (u, v) of every pixel in pixels, float32, u to the right and v down: what `first` shows at (x, y),
        `second` shows at (x + u, y + v).

    Raises:
        ValueError: frames of a wrong shape or type, an unknown method or back end, one that the method does not have,
            or an option out of range.
    """
    first, second = np.asarray(first), np.asarray(second)
    _check(first, second, method, backend, threads, pairs_per_call)
    if method == "tvl1":
        config.validate()
    elif config != DEFAULTS:
        raise ValueError(f"config holds settings of TV-L1, but method is {method!r}; leave it out")
    threads = threads or num_cores()
    if method == "tvl1" and backend != "opencv":
        return _with_jax(first, second, config, threads, pairs_per_call)
    return _with_opencv(first, second, opencv_flow(method, config), threads)


def _check(
    first: np.ndarray, second: np.ndarray, method: str, backend: str, threads: int | None, pairs_per_call: int | None
) -> None:
    if method not in get_args(Method):
        raise ValueError(f"unknown flow method {method!r}: expected one of {', '.join(get_args(Method))}")
    if backend not in get_args(Backend):
        raise ValueError(f"unknown flow back end {backend!r}: expected one of {', '.join(get_args(Backend))}")
    if backend == "jax" and method != "tvl1":
        raise ValueError(f"method {method!r} has no back end 'jax', only 'opencv'; leave backend out")
    for name, frames in (("first", first), ("second", second)):
        if frames.ndim != 3 or frames.dtype != np.uint8:
            raise ValueError(
                f"{name} must be grey frames, uint8 of shape (pairs, height, width), got {frames.dtype} {frames.shape}"
            )
    if first.shape != second.shape:
        raise ValueError(f"first and second must be of the same shape, got {first.shape} and {second.shape}")
    if min(first.shape[1:]) < 16:
        raise ValueError(f"flow needs frames of at least 16 x 16 pixels, got {first.shape[1]} x {first.shape[2]}")
    if method == "rlof" and np.prod(np.array(first.shape[1:]) // RLOF_GRID) < RLOF_NEIGHBOURS:
        raise ValueError(
            f"RLOF needs larger frames, got {first.shape[1]} x {first.shape[2]}: OpenCV tracks a point every "
            f"{RLOF_GRID} pixels and crashes with fewer than {RLOF_NEIGHBOURS}; 80 x 80 pixels are enough"
        )
    for name, value in (("threads", threads), ("pairs_per_call", pairs_per_call)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")


def _with_jax(
    first: np.ndarray, second: np.ndarray, config: TVL1Config, threads: int, pairs_per_call: int | None
) -> np.ndarray:
    """Ours; on the CPU every thread runs calls of its own, since one pair is too small to be shared by cores."""
    on_cpu = jax.default_backend() == "cpu"
    size = pairs_per_call or (1 if on_cpu else PAIRS_PER_CALL)
    found = np.empty((*first.shape, 2), np.float32)

    def compute(chunk: np.ndarray) -> None:
        filled = np.resize(chunk, size)  # the last chunk repeats its pairs: all calls share a program
        found[chunk] = np.asarray(tvl1(first[filled], second[filled], config))[: len(chunk)]

    _share(compute, _chunks(first, second, size), threads if on_cpu else 1)
    return found


def _chunks(first: np.ndarray, second: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Numbers of the pairs of each chunk; pairs that differ about as much, and so take about as long, are together."""
    order = np.arange(len(first))
    if size > 1:
        difference = [float(cv2.norm(a, b, cv2.NORM_L1)) for a, b in zip(first, second, strict=True)]
        order = np.argsort(difference, kind="stable")
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _with_opencv(first: np.ndarray, second: np.ndarray, pair_flow: PairFlow, threads: int) -> np.ndarray:
    """OpenCV's, a pair a thread."""
    found = np.empty((*first.shape, 2), np.float32)

    def compute(pair: int) -> None:
        found[pair] = pair_flow(first[pair], second[pair])

    with _opencv_threads(1 if threads > 1 else cv2.getNumThreads()):
        _share(compute, range(len(first)), threads)
    return found


@contextlib.contextmanager
def _opencv_threads(count: int) -> Iterator[None]:
    """OpenCV's own threads, which in worker threads would only wait for each other; afterwards as they were."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _share(work: Callable, items: Iterator | range, threads: int) -> None:
    """Work on all items in threads; an error in any is raised."""
    if threads == 1:
        for item in items:
            work(item)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, items):
            pass


def opencv_flow(method: Method, config: TVL1Config = DEFAULTS) -> PairFlow:
    """OpenCV's function of one pair, which any number of threads may call: each gets an object of its own."""
    own = threading.local()
    make = functools.partial(_MAKERS[method], config)

    def compute(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if not hasattr(own, "compute"):
            own.compute = make()
        return own.compute(a, b)

    return compute


def _make_tvl1(config: TVL1Config) -> PairFlow:
    found = _opencv.optflow.DualTVL1OpticalFlow_create(
        config.tau, config.attachment, config.theta, config.scales, config.warps, config.epsilon
    )
    found.setInnerIterations(config.inner)
    found.setOuterIterations(config.outer)
    found.setScaleStep(config.scale_step)
    found.setMedianFiltering(config.median)
    return lambda a, b: found.calc(a, b, None)


def _make_farneback(_: TVL1Config) -> PairFlow:
    return lambda a, b: _opencv.calcOpticalFlowFarneback(a, b, None, *FARNEBACK)


def _make_rlof(_: TVL1Config) -> PairFlow:
    colour = functools.partial(cv2.cvtColor, code=cv2.COLOR_GRAY2BGR)  # it takes nothing else
    return lambda a, b: _opencv.optflow.calcOpticalFlowDenseRLOF(colour(a), colour(b), None)


def _make_dis(_: TVL1Config) -> PairFlow:
    found = _opencv.DISOpticalFlow_create(_opencv.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return lambda a, b: found.calc(a, b, None)


_MAKERS = {"tvl1": _make_tvl1, "farneback": _make_farneback, "rlof": _make_rlof, "dis": _make_dis}
