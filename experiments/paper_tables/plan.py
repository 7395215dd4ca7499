"""What the runs of a table take, roughly, before any is started: time on two CPU cores, and memory.

AKMNet's time comes from its operations and the speed measured in docs/performance.md, or from the frames a second of a
finished run of the table; that of other methods from what they say of their cost. Good to a factor of two or so.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from akm_jax.files import read_json
from akm_jax.loso.rules import trainings_of
from akm_jax.methods import find_method
from akm_jax.progress import duration
from experiments.command import console
from experiments.paper_tables.runs import PlannedRun, is_finished

if TYPE_CHECKING:
    from akm_jax.config import AKMNetConfig

# Operations a second of AKMNet's step on two cores (docs/performance.md), and of the other networks.
AKMNET_RATE, NETWORK_RATE = 214e9, 60e9
# However small a network is, a step costs something beside its operations.
MOST_FRAMES_A_SECOND = 4000
COMPILE_S = 45.0
PROCESS_GIB = 0.7


@dataclasses.dataclass(frozen=True)
class Expected:
    """Expected seconds on two cores, and GiB at the peak."""

    seconds: float
    gib: float


def expect(one: PlannedRun) -> Expected:
    """What a run takes from its start."""
    options, config = one.experiment.options, one.experiment.config
    lengths, folds = one.clip_set.lengths, len(one.folds)
    trainings = folds * options.seeds * len(trainings_of(options.chosen_rules)) + 2 * options.check_leaks
    learned = trainings * float(np.mean([len(fold.train) for fold in one.folds])) / len(lengths)
    kind = find_method(one.experiment.method_name)
    if one.experiment.method_name == "akmnet":
        return _akmnet(config, _frames(config, lengths), learned, trainings - learned, _measured(one))
    if kind.clip_seconds:
        return Expected(len(lengths) * kind.clip_seconds + trainings, PROCESS_GIB)
    steps = getattr(config, "steps_per_epoch", 0)
    pictures = steps * config.clips_per_step * trainings if steps else len(lengths) * learned
    operations = 3e9 * kind.clip_gflop * _shrunk(config) * pictures * config.epochs
    method = one.method()
    together = folds if method.all_folds_at_once else 1
    copies = 16 * together * (method.num_parameters(len(one.clip_set.class_names)) or 0)
    gib = PROCESS_GIB + copies / 2**30 + method.memory_gib(len(lengths))
    return Expected(COMPILE_S + operations / NETWORK_RATE, gib)


def _frames(config: "AKMNetConfig", lengths: np.ndarray) -> np.ndarray:
    """Frames of each clip that the network sees."""
    mining = getattr(config.model, "mining", "")
    return np.full(len(lengths), int(mining[4:])) if mining.startswith("norm") else lengths


def _akmnet(
    config: "AKMNetConfig", frames: np.ndarray, learned: float, tested: float, measured: float | None
) -> Expected:
    from akm_jax.train.memory import MAPS_PER_STAGE, PARAMETER_COPIES, map_values
    from experiments.benchmarks.operations import inference_operations, training_operations

    model, train = config.model, config.train
    passed = int(frames.sum()) * train.epochs
    forward, step = inference_operations(model), training_operations(model)
    rate = measured or min(AKMNET_RATE / step, MOST_FRAMES_A_SECOND)
    seconds = COMPILE_S + passed * (learned + tested * forward / step) / rate
    if config.pretrain.people:
        seconds += config.pretrain.people * config.pretrain.stills * config.pretrain.epochs / rate
    of_step = train.clips_per_step * float(frames.mean())
    held = int(frames.sum()) * (model.image_size**2 + model.crop_source_size**2)
    parameters = 4 * PARAMETER_COPIES * 11.2e6 * (model.widths[-1] / 512) ** 2
    maps = 4 * MAPS_PER_STAGE * map_values(model) * of_step
    return Expected(seconds, PROCESS_GIB + (2 * (held + parameters) + maps) / 2**30)


def _measured(one: PlannedRun) -> float | None:
    """Frames a second of this run, or of another of the same network, where one is finished."""
    for path in [one.experiment.run_dir, *sorted(one.experiment.run_dir.parent.glob("*"))]:
        file = path / "summary.json"
        summary = read_json(file) if file.is_file() else {}
        if summary.get("config", {}).get("method") == "akmnet" and "frames_per_second" in summary:
            return float(summary["frames_per_second"])
    return None


def _shrunk(config: Any) -> float:
    """Share of the published operations that other features leave."""
    usual = getattr(type(config)(), "features", None)
    return (config.features / usual) ** 2 if usual else 1.0


def print_plan(planned: Sequence[PlannedRun], folder: Path) -> None:
    """Print each run with folds, seeds, rules, time and memory, then the sum of what is left."""
    from rich.table import Table

    table = Table("run", "folds x seeds", "rules", "time", "memory", title=f"runs below {folder}", title_justify="left")
    left = 0.0
    for one in planned:
        options = one.experiment.options
        folds = len(one.folds)
        name = one.experiment.run_dir.name
        if one.why_not:
            table.add_row(name, "", "", f"not run: {one.why_not}", "")
            continue
        if is_finished(one):
            table.add_row(name, f"{folds} x {options.seeds}", options.rules, "finished", "")
            continue
        expected = expect(one)
        left += expected.seconds
        row = (name, f"{folds} x {options.seeds}", options.rules, duration(expected.seconds), f"{expected.gib:.1f} GiB")
        table.add_row(*row)
    console.print(table)
    console.print(
        f"about {duration(left)} left on two CPU cores, one run after another; unfinished folds count whole",
        soft_wrap=True,
    )
