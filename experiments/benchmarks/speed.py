"""`train` and `infer`: our step and our evaluation, side by side with PyTorch's on the same clips."""

from collections.abc import Callable
from typing import Any

import numpy as np

from akm_jax.train.memory import training_bytes
from akm_jax.train.step import compilations
from experiments.benchmarks import timing
from experiments.benchmarks.machine import GIB, matmul_peak, peak_memory_gib, program_memory_gib
from experiments.benchmarks.operations import inference_operations, training_operations
from experiments.benchmarks.ours import Ours
from experiments.benchmarks.theirs import Contest

Measured = tuple[list[dict[str, Any]], dict[str, float]]


def measure(work: str, ours: Ours, contest: Contest | None, *, rounds: int) -> Measured:
    """Time `work`, "train" or "infer": one step of 8 clips (or as many as configured) a round.

    Returns:
        One row a program, and the ratios to ours.
    """
    programs: dict[str, Callable[[int], Any]] = {"ours": ours.train if work == "train" else ours.evaluate}
    if contest is not None:
        programs["torch_eager"] = _theirs(work, contest.eager, ours)
        if contest.best[work] is not contest.eager:
            programs["torch_best"] = _theirs(work, contest.best[work], ours)
    if work == "train" and ours.training is None:
        ours.compile()
    seconds = timing.interleave(programs, rounds=rounds)
    frames = [ours.part(i).num_frames for i in range(rounds)]
    rows = [_row(work, name, taken, frames, ours) for name, taken in seconds.items()]
    rows[0] |= _details(work, ours)
    if contest is None:
        return rows, {}
    if contest.best[work] is not contest.eager:
        rows[-1]["variant"] = contest.best[work].variant.name
    fastest = min((name for name in seconds if name != "ours"), key=lambda name: np.median(seconds[name]))
    theirs = {"torch_eager": seconds["torch_eager"], "torch_best": seconds[fastest]}
    return rows, {f"{work}/{name}": timing.ratio(taken, seconds["ours"]) for name, taken in theirs.items()}


def _theirs(work: str, program: Any, ours: Ours) -> Callable[[int], None]:
    call = program.train_step if work == "train" else program.evaluate

    def run(i: int) -> None:
        call(ours.clips(i))
        program.synchronize()

    return run


def _row(work: str, name: str, seconds: list[float], frames: list[int], ours: Ours) -> dict[str, Any]:
    count = training_operations if work == "train" else inference_operations
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
    details: dict[str, Any] = {"padding_share": round(ours.padding_share, 4), "frames_per_step": ours.setup.capacity}
    details |= {"peak_memory_gib": peak_memory_gib(), "compilations": compilations()}
    if work != "train":
        return details
    setup = ours.setup
    formula = training_bytes(setup.config.model, ours.state, setup.clip_set, setup.capacity) / GIB
    planned = program_memory_gib(ours.training)
    return details | {
        "planned_memory_gib": None if planned is None else round(planned, 3),
        "memory_formula_gib": round(formula, 3),
    }
