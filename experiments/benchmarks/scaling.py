"""`scaling`: cost of a training step against clips, frames a clip, image size and spread of lengths, and of folds.

On the CPU with a slim network, and still minutes, most of them compiling; the published one on an accelerator.
"""

import dataclasses
import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from akm_jax.config import AKMNetConfig, ModelConfig, RunOptions, TrainConfig
from akm_jax.loso.driver import run_folds
from akm_jax.methods.akmnet import AKMNet
from akm_jax.observe import Observer
from experiments.benchmarks import timing
from experiments.benchmarks.ours import Ours
from experiments.benchmarks.workload import noise_clips

SLIM = ModelConfig(image_size=64, widths=(16, 32, 64, 128))
CLIPS = (4, 8, 16, 32)
FRAMES = (16, 32, 64, 128)
SIZES = (32, 64, 96, 128)
SPREADS = (0.0, 0.3, 0.6, 0.9)
FOLDS = (2, 4, 8)


def measure(model: ModelConfig, *, rounds: int, track) -> list[dict[str, Any]]:
    """One row a curve: `x`, median seconds and `frames` of a step, and `exponent`, 1 where cost is linear in x."""
    small = dataclasses.replace(model, image_size=32)
    runs: dict[str, list[tuple[float, ModelConfig, np.ndarray]]] = {
        "clips": [(n, model, np.full(n, 32)) for n in CLIPS],
        "frames_a_clip": [(n, model, np.full(8, n)) for n in FRAMES],
        "pixels": [(s * s, dataclasses.replace(model, image_size=s), np.full(8, 16)) for s in SIZES],
        "spread": [(spread, model, _spread(spread)) for spread in SPREADS],
    }
    points = [(curve, *point) for curve, of_curve in runs.items() for point in of_curve]
    found: dict[str, list[tuple[float, float]]] = {curve: [] for curve in runs}
    for curve, x, shape, lengths in track(points, "Scaling"):
        found[curve].append((x, _step_seconds(shape, lengths, rounds)))
    rows = [_row(curve, of_curve) for curve, of_curve in found.items()]
    for row, of_curve in zip(rows, runs.values(), strict=True):
        row["frames"] = [int(lengths.sum()) for _, _, lengths in of_curve]
    return [*rows, _row("folds", _fold_seconds(small))]


def _spread(spread: float) -> np.ndarray:
    """Eight lengths of 64 frames in the mean, from (1 - spread) to (1 + spread) times that."""
    return np.round(64 * (1 + spread * np.linspace(-1, 1, 8))).astype(int)


def _step_seconds(model: ModelConfig, lengths: np.ndarray, rounds: int) -> float:
    """Median seconds of a step of exactly these clips."""
    both = np.concatenate([lengths, lengths])  # the clips of two people, of whom one is left out
    subjects = np.repeat([0, 1], len(lengths))
    config = AKMNetConfig(model=model, train=TrainConfig(clips_per_step=len(lengths)))
    ours = Ours(config, noise_clips(both, subjects, model))
    ours.compile()
    return float(np.median(timing.interleave({"ours": ours.train}, rounds=range(rounds))["ours"]))


def _fold_seconds(model: ModelConfig) -> list[tuple[int, float]]:
    """Seconds of a whole run against its folds, all of the same size; the first run, which compiles, does not count."""
    method = AKMNet(AKMNetConfig(model=model, train=TrainConfig(epochs=1))).on_this_machine(0)
    subjects = np.repeat(np.arange(max(FOLDS)), 4)
    clip_set = noise_clips(np.full(len(subjects), 16), subjects, model)
    seconds = []
    for count in (1, *FOLDS):
        options = RunOptions(folds=",".join(str(s) for s in range(count)), rules="last")
        with tempfile.TemporaryDirectory(prefix="akm_jax_folds_") as folder:
            run = functools.partial(
                run_folds, method, clip_set, Path(folder), options=options, observer=Observer(), described={}
            )
            seconds.append((count, timing.timed(run)[1]))
    return seconds[1:]


def _row(curve: str, points: Sequence[tuple[float, float]]) -> dict[str, Any]:
    x, seconds = (np.array(column, float) for column in zip(*points, strict=True))
    row = {"name": f"scaling/{curve}", "x": x.tolist(), "median_s": seconds.round(4).tolist()}
    if curve == "spread":
        return row | {"slowest_over_fastest": round(float(seconds.max() / seconds.min()), 3)}
    return row | {"exponent": round(float(np.polyfit(np.log(x), np.log(seconds), 1)[0]), 3)}
