"""What a run of a method takes, roughly, before it is started: time on two CPU cores, and memory.

AKMNet's time comes from its operations and the speed measured in docs/performance.md, or from a speed that is given;
that of other methods from what they say of their cost. Good to a factor of two or so.
"""

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from akm_jax.config import RunOptions
from akm_jax.loso.rules import trainings_of
from akm_jax.methods.protocol import Method

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


@dataclasses.dataclass(frozen=True)
class Work:
    """What a run works on.

    Attributes:
        lengths: of the clips, frames.
        learned: training clips of each fold.
        num_classes: K.
    """

    lengths: np.ndarray
    learned: list[int]
    num_classes: int


def expect(method: Method, options: RunOptions, work: Work, *, frames_a_second: float | None = None) -> Expected:
    """What a run takes from its start.

    Args:
        method: with its settings.
        options: of the run.
        work: on what.
        frames_a_second: of AKMNet's training, where it is known.
    """
    config, lengths, folds = method.config, work.lengths, len(work.learned)
    trainings = (folds * options.seeds + 2 * options.check_leaks) * len(trainings_of(options.chosen_rules))
    learned = trainings * float(np.mean(work.learned)) / len(lengths)
    if method.name == "akmnet":
        return _akmnet(config, _frames(config, lengths), learned, trainings - learned, frames_a_second)
    if method.clip_seconds:
        return Expected(len(lengths) * method.clip_seconds + trainings, PROCESS_GIB)
    steps = getattr(config, "steps_per_epoch", 0)
    pictures = steps * config.clips_per_step * trainings if steps else len(lengths) * learned
    operations = 3e9 * method.clip_gflop * _shrunk(config) * pictures * config.epochs
    together = folds if method.all_folds_at_once else 1
    copies = 16 * together * (method.num_parameters(work.num_classes) or 0)
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


def _shrunk(config: Any) -> float:
    """Share of the published operations that other features leave."""
    usual = getattr(type(config)(), "features", None)
    return (config.features / usual) ** 2 if usual else 1.0
