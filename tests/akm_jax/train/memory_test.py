"""The memory formula against what the compiler plans."""

import jax
import numpy as np
import pytest

from akm_jax.config import AKMNetConfig, ModelConfig, TrainConfig
from akm_jax.train.memory import training_bytes
from experiments.benchmarks.machine import GIB, program_memory_gib
from experiments.benchmarks.ours import Ours
from experiments.benchmarks.workload import noise_clips


@pytest.mark.parametrize(
    ("model", "clips", "frames"),
    [
        (ModelConfig(widths=(16, 32, 64, 128)), 4, 60),
        pytest.param(ModelConfig(image_size=64, widths=(32, 64, 128, 256)), 8, 40, marks=pytest.mark.long),
    ],
)
def test_the_formula_is_within_twenty_percent_of_the_plan(model, clips, frames, quick_compilation):
    lengths, subjects = np.full(2 * clips, frames), np.repeat([0, 1], clips)
    config = AKMNetConfig(model=model, train=TrainConfig(clips_per_step=clips))
    ours = Ours(config, noise_clips(lengths, subjects, model))
    compiled = ours.lower(ours.step(0), ours.data).compile(compiler_options=quick_compilation)  # planned all the same
    expected = training_bytes(model, ours.state, ours.setup.clips, ours.setup.frames_per_step)
    assert program_memory_gib(compiled) * GIB == pytest.approx(expected, rel=0.2)
    assert expected < 2 * GIB, jax.devices()
