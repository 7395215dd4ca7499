"""`flow`: TV-L1, ours and OpenCV's in turn on the same pairs of drawn faces, each with as many threads as CPUs.

At fixed iterations both do the same work; at the defaults each pair ends when its own flow has settled. Of drawn clips
the first frame is paired with later ones, some with so little motion that they end early. The first call of ours, which
compiles, is reported apart.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from akm_jax.machine import num_cores
from akm_jax.ops.flow import Backend, flow
from akm_jax.ops.tvl1 import TVL1Config
from datasets_tfds.synthetic import ClipSpec, draw_clip
from experiments.benchmarks import timing
from experiments.benchmarks.speed import Measured

PAIRS, SIZE = 8, 128
SETTINGS = {"fixed": TVL1Config.fixed(), "defaults": TVL1Config()}
BACKENDS: tuple[Backend, ...] = ("jax", "opencv")


def measure(*, rounds: int) -> Measured:
    """Rows of both back ends at both settings, and how many times as fast ours is."""
    first, second = drawn_pairs(PAIRS, SIZE)
    rows: list[dict[str, Any]] = []
    ratios: dict[str, float] = {}
    for setting, config in SETTINGS.items():
        compute = functools.partial(flow, first, second, config=config)
        _, compile_s = timing.timed(lambda: compute(backend="jax"))  # noqa: B023
        versions: dict[str, timing.Program] = {name: _program(compute, name) for name in BACKENDS}
        difference = np.abs(compute(backend="jax") - compute(backend="opencv"))
        seconds = timing.interleave(versions, rounds=range(rounds), warm=False)
        for name, taken in seconds.items():
            rows.append(
                {
                    "name": f"flow/{setting}/{name}",
                    **timing.describe(taken),
                    "pairs_per_s": round(PAIRS / float(np.median(taken)), 2),
                }
            )
        rows[-2] |= {
            "what": f"{PAIRS} pairs of {SIZE} x {SIZE}, {num_cores()} threads",
            "first_call_s": round(compile_s, 3),
            "mean_difference_px": float(f"{difference.mean():.2g}"),
        }
        ratios[f"flow/{setting}/opencv"] = timing.ratio(seconds["opencv"], seconds["jax"])
    return rows, ratios


def _program(compute: Callable[..., np.ndarray], backend: Backend) -> timing.Program:
    return lambda _round: compute(backend=backend)


def drawn_pairs(count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The first frame of each of some drawn faces, and a later one; both uint8 (count, size, size)."""
    first, second = [], []
    for i in range(count):
        spec = ClipSpec(0, i, 0, "happiness", strength=(0.06, 1.0)[i % 2], min_frames=32, max_frames=32, size=size)
        frames = draw_clip(spec).frames
        first.append(frames[0])
        second.append(frames[8 + 4 * (i % 4)])
    return np.stack(first), np.stack(second)
