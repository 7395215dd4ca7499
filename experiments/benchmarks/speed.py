"""`train` and `infer`: our step and our evaluation, side by side with PyTorch's on the same clips."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from akm_jax.train.memory import training_bytes
from akm_jax.train.step import compilations
from experiments.benchmarks import theirs, timing
from experiments.benchmarks.machine import GIB, has_accelerator, matmul_peak, peak_memory_gib, program_memory_gib
from experiments.benchmarks.operations import inference_operations, training_operations
from experiments.benchmarks.ours import Ours

Measured = tuple[list[dict[str, Any]], dict[str, float]]


def measure(work: str, ours: Ours, rivals: Mapping[str, Any], *, rounds: int) -> Measured:
    """Time `work`, "train" or "infer": in every round a training step, or an evaluation of the clips of one.

    The first round tries all of PyTorch's programs; the others leave of them the plain one, `torch_eager`, and the
    fastest of the rest, `torch_best`.

    Args:
        work: what to time.
        ours: our program.
        rivals: PyTorch's for this work (`theirs.start`), or none.
        rounds: rounds, at least 1.

    Returns:
        One row a program and the ratios to ours. Where the plain program turns out the fastest of
        PyTorch's, it is the one that `torch_best`'s ratio is of.
    """
    if work == "train" and ours.training is None:
        ours.compile()
    programs: dict[str, timing.Program] = {"ours": ours.train if work == "train" else ours.evaluate}
    programs |= {f"torch_{name}": _theirs(work, program, ours.clips) for name, program in rivals.items()}
    warm_ups = {} if has_accelerator() else _short_warm_ups(work, rivals, ours)
    seconds = timing.interleave(programs, rounds=range(1), warm_ups=warm_ups)
    others = [name for name in programs if name not in ("ours", "torch_eager")]
    best = min(others, key=lambda name: seconds[name], default=None)
    kept = {name: programs[name] for name in ("ours", "torch_eager", best) if name in programs}
    for name, more in timing.interleave(kept, rounds=range(1, rounds), warm_ups=warm_ups).items():
        seconds[name] += more
    rows = [_row(work, name, taken, ours) for name, taken in seconds.items()]
    rows[0] |= _details(work, ours)
    if not rivals:
        return rows, {}
    for row in rows:
        if best is not None and row["name"] == f"{work}/{best}":
            row |= {"name": f"{work}/torch_best", "variant": best.removeprefix("torch_")}
    fastest = min((name for name in kept if name != "ours"), key=lambda name: np.median(seconds[name]))
    compared = {"torch_eager": seconds["torch_eager"], "torch_best": seconds[fastest]}
    return rows, {f"{work}/{name}": timing.ratio(taken, seconds["ours"]) for name, taken in compared.items()}


def _theirs(work: str, program: Any, clips: Callable[[int], np.ndarray]) -> timing.Program:
    return lambda i: theirs.run(program, work, clips(i))


def _short_warm_ups(work: str, rivals: Mapping[str, Any], ours: Ours) -> dict[str, timing.Program]:
    """On the CPU one clip at a time is warm after the longest, whose memory serves the others."""
    clip_by_clip = {name: program for name, program in rivals.items() if not program.variant.packed}
    return {f"torch_{name}": _theirs(work, program, ours.longest_clip) for name, program in clip_by_clip.items()}


def _row(work: str, name: str, seconds: list[float], ours: Ours) -> dict[str, Any]:
    count = training_operations if work == "train" else inference_operations
    frames = [ours.step(i).num_frames for i in range(len(seconds))]
    speeds = np.array(frames) / np.array(seconds)
    model = ours.setup.config.model
    rate, peak = float(np.median(speeds)) * count(model), matmul_peak(model.trunk_dtype)
    return {
        "name": f"{work}/{name}",
        **timing.describe(seconds),
        "frames_per_s": round(float(np.median(speeds)), 2),
        "flops_per_s": round(rate),
        "matmul_peak_flops_per_s": round(peak),
        "share_of_matmul_peak": round(rate / peak, 3),
    }


def _details(work: str, ours: Ours) -> dict[str, Any]:
    """What only our own row says."""
    details: dict[str, Any] = {
        "padding_share": round(ours.padding_share, 4),
        "frames_per_step": ours.setup.frames_per_step,
    }
    details |= {"peak_memory_gib": peak_memory_gib(), "compilations": compilations()}
    if work != "train":
        return details
    setup = ours.setup
    formula = training_bytes(setup.config.model, ours.state, setup.clips, setup.frames_per_step, parts=setup.parts)
    planned = program_memory_gib(ours.training)  # of each device
    return details | {
        "planned_memory_gib": None if planned is None else round(setup.parts * planned, 3),
        "memory_formula_gib": round(formula / GIB, 3),
    }
