"""How fast training and inference are, beside PyTorch on the same clips, and what else a run costs.

    python -m experiments.benchmark train --against=torch      a training step, ours and PyTorch's in turn
    python -m experiments.benchmark all --json=FILE            all but scaling, results to a file
    python -m experiments.benchmark magnify                    motion magnification beside pyrtools
    python -m experiments.benchmark flow                       TV-L1 optical flow beside OpenCV's
    python -m experiments.benchmark descriptors                texture descriptors, LBP-TOP beside scikit-image's
    python -m experiments.benchmark softnet --against=torch    a step of SOFTNet's training, as many folds as devices
    python -m experiments.benchmark ststnet --against=torch    epochs of STSTNet's composite run, folds together

train, infer: seconds a step of 8 clips. epoch: everything but the steps. loader: a streamed set. compile: until the
step is ready. scaling: against clips, frames, pixels, folds, spread of lengths; it compiles many programs and takes as
long as all others. magnify, flow, descriptors, softnet, ststnet: not in `all`. Needs neither data nor
tensorflow-datasets; `experiments.pictures` draws a file of results.
"""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import tyro
from rich.table import Table

from akm_jax.config import AKMNetConfig, ModelConfig, TrainConfig
from akm_jax.data.clip_set import ClipSet
from akm_jax.files import write_json
from akm_jax.progress import track as shown
from akm_jax.train.parts import split_cpu
from akm_jax.versions import versions
from experiments.benchmarks import compiling, epoch, loader, machine, optical_flow, scaling, softnet, speed, theirs
from experiments.benchmarks.ours import Ours
from experiments.benchmarks.workload import draw_lengths, noise_clips
from experiments.command import command_line, console, parse, require_writable, run_command

LIBRARIES = ("akm_jax", "jax", "jaxlib", "flax", "optax", "numpy", "torch", "scikit-learn", "scikit-image")
SOFTNET_STEPS = 300
Work = Literal[
    "train",
    "infer",
    "epoch",
    "loader",
    "compile",
    "scaling",
    "magnify",
    "flow",
    "descriptors",
    "softnet",
    "ststnet",
    "all",
]


@dataclasses.dataclass(frozen=True)
class BenchmarkConfig:
    """What to measure, and how long."""

    work: tyro.conf.Positional[Work]
    """What to measure."""
    against: Literal["nothing", "torch", "torch_all"] = "nothing"
    """Measure PyTorch beside ours (train, infer, softnet, ststnet): the ways to run it worth a trial, or all."""
    json: Path | None = None
    """File of results, written after each part."""
    lengths: Literal["casme", "casme2", "smic", "samm"] = "casme2"
    """Set whose published number of clips and clip lengths are drawn."""
    clips: int = 0
    """Only the first so many clips of it; 0: all."""
    clips_per_step: int = 8
    """Clips a step."""
    image_size: int = 128
    """Side of the frames, pixels."""
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    """Channels of the trunk's four stages."""
    trunk_dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Number format of the trunk; auto: bfloat16 on an accelerator, float32 on the CPU."""
    threads: int = 2
    """CPUs both sides may use; on a machine with an NVIDIA GPU no limit is set."""
    train_rounds: int = 3
    """Rounds of a training step of each program; after the first, of PyTorch's only the plain and the fastest."""
    infer_rounds: int = 3
    """Rounds of an evaluation of each program, likewise."""
    epochs: int = 2
    """Epochs of `epoch`, of which the first, which compiles, does not count; of each fold in a round of `ststnet`."""
    folds: int = 4
    """Folds of `ststnet`."""
    steps: int = -1
    """Steps of an epoch of `epoch` (0: all; -1: all on an accelerator, one on the CPU) or of a round of `softnet` (-1:
    300)."""


@command_line(writes=("--json",))
def main(arguments: Sequence[str]) -> None:
    """Parse, measure, print, write."""
    config = parse(BenchmarkConfig, arguments, program="python -m experiments.benchmark", description=__doc__)
    if config.json is not None:
        require_writable("--json", config.json, (".json",))
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # PyTorch shares the device
    machine.use_threads(config.threads)
    machine.keep_memory()
    split_cpu()
    if config.against != "nothing":
        theirs.require_torch()
    rows: list[dict[str, Any]] = []
    ratios: dict[str, float] = {}
    result = {"device": machine.device_name(), "versions": versions(LIBRARIES), "rows": rows, "ratios": ratios}
    with compiling.shared_programs():
        for found, found_ratios in measure(config):
            rows += found
            ratios |= found_ratios
            if config.json is not None:
                write_json(config.json, result)
    show(result)
    if config.json is not None:
        console.print(f"written to {config.json}", soft_wrap=True)


def measure(config: BenchmarkConfig) -> Iterator[speed.Measured]:
    """Rows and ratios of what was asked for, part by part."""
    chosen = ("train", "infer", "epoch", "loader", "compile") if config.work == "all" else (config.work,)
    experiment = experiment_config(config)
    experiment.validate()
    model = experiment.model
    lengths, subjects = draw_lengths(config.lengths)
    count = config.clips or len(lengths)
    if "compile" in chosen:
        console.print("compile: two fresh processes", soft_wrap=True)
        yield compiling.measure(config.lengths, model), {}
    if {"train", "infer", "epoch", "loader"} & set(chosen):
        clip_set = noise_clips(lengths[:count], subjects[:count], model)
    if compared := [work for work in ("train", "infer") if work in chosen]:
        yield from compare(config, experiment, clip_set, compared)
    if "epoch" in chosen:
        console.print("epoch: one fold", soft_wrap=True)
        steps = config.steps if config.steps >= 0 else int(not machine.has_accelerator())
        yield [epoch.measure(experiment, clip_set, epochs=config.epochs, steps=steps)], {}
    if "loader" in chosen:
        console.print("loader: held and streamed", soft_wrap=True)
        few = dataclasses.replace(experiment, train=TrainConfig(clips_per_step=max(1, config.clips_per_step // 2)))
        yield loader.measure(few, clip_set, rounds=3, steps=2), {}
    if "magnify" in chosen:
        from experiments.benchmarks import magnification  # here: needs pyrtools

        console.print("magnify: one clip, and two processes for the memory", soft_wrap=True)
        yield magnification.measure(rounds=config.train_rounds)
    if "flow" in chosen:
        console.print("flow: ours and OpenCV's in turn", soft_wrap=True)
        yield optical_flow.measure(rounds=config.train_rounds)
    if "descriptors" in chosen:
        from experiments.benchmarks import descriptors  # here: needs scikit-image

        console.print(f"descriptors: {count} clips are drawn, then seen by four methods", soft_wrap=True)
        yield from descriptors.measure(lengths[:count], subjects[:count], rounds=config.train_rounds)
    if "softnet" in chosen:
        steps = config.steps if config.steps > 0 else SOFTNET_STEPS
        console.print(f"softnet: {config.train_rounds} rounds of {steps} steps", soft_wrap=True)
        against_torch = config.against != "nothing"
        yield softnet.measure(
            rounds=config.train_rounds, steps=steps, threads=config.threads, against_torch=against_torch
        )
    if "ststnet" in chosen:
        from experiments.benchmarks import ststnet  # here: what trains small networks takes seconds to import

        console.print(f"ststnet: {config.train_rounds} rounds of {config.epochs} epochs of {config.folds} folds")
        yield ststnet.measure(
            rounds=config.train_rounds,
            epochs=config.epochs,
            folds=config.folds,
            threads=config.threads,
            against_torch=config.against != "nothing",
        )
    if "scaling" in chosen:
        shape = model if machine.has_accelerator() else scaling.SLIM
        yield scaling.measure(shape, rounds=3, track=track), {}


def compare(
    config: BenchmarkConfig, experiment: AKMNetConfig, clip_set: ClipSet, works: Sequence[str]
) -> Iterator[speed.Measured]:
    """Rows and ratios of "train" and "infer", ours alone or beside PyTorch's."""
    ours = Ours(experiment, clip_set)
    rivals: dict[str, dict[str, Any]] = {work: {} for work in works}
    if config.against != "nothing":
        every = config.against == "torch_all"
        rivals, first_calls = theirs.start(
            experiment.model, clip_set, ours, works=works, every=every, threads=config.threads, track=track
        )
        yield first_calls, {}
    for work in works:
        rounds = config.train_rounds if work == "train" else config.infer_rounds
        console.print(f"{work}: {rounds} rounds", soft_wrap=True)
        yield speed.measure(work, ours, rivals[work], rounds=rounds)


def experiment_config(config: BenchmarkConfig) -> AKMNetConfig:
    """The network and training that are measured."""
    dtype: Any = config.trunk_dtype
    if dtype == "auto":
        dtype = "bfloat16" if machine.has_accelerator() else "float32"
    model = ModelConfig(image_size=config.image_size, widths=config.widths, trunk_dtype=dtype)
    return AKMNetConfig(model=model, train=TrainConfig(clips_per_step=config.clips_per_step))


def track(items: Iterable[Any], what: str) -> Iterable[Any]:
    """Progress of a long list of measurements."""
    items = list(items)
    return shown(items, what, len(items), console)


def show(result: dict[str, Any]) -> None:
    """Print rows and ratios."""
    table = Table(title=result["device"])
    for column in ("what", "median", "frames/s", "more"):
        table.add_column(column, overflow="fold")
    hidden = {"name", "median_s", "frames_per_s", "seconds"}
    for row in result["rows"]:
        more = ", ".join(f"{k} {v}" for k, v in row.items() if k not in hidden)
        table.add_row(
            row["name"],
            _seconds(row.get("median_s", row.get("median_ms", 0) / 1000 or None)),
            str(row.get("frames_per_s", "")),
            more,
        )
    console.print(table)
    for name, value in result["ratios"].items():
        console.print(f"{name}: {value:.2f} times as fast", soft_wrap=True)


def _seconds(value: Any) -> str:
    return f"{value:.4g} s" if isinstance(value, float) else str(value or "")


if __name__ == "__main__":
    run_command(main)
