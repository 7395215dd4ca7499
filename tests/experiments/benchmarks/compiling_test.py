from akm_jax.config import AKMNetConfig, ModelConfig
from akm_jax.train.step import train_steps
from experiments.benchmarks.compiling import step_shapes
from experiments.benchmarks.ours import Ours
from experiments.benchmarks.workload import draw_lengths, noise_clips

TINY = ModelConfig(image_size=32, widths=(4, 4, 8, 8), gru_hidden=4)


def test_the_program_whose_compilation_is_timed_is_the_one_that_trains():
    ours = Ours(AKMNetConfig(model=TINY), noise_clips(*draw_lengths("smic"), TINY))
    arguments, static = step_shapes("smic", TINY)
    assert train_steps.lower(*arguments, **static).as_text() == ours.lower(ours.step(0), ours.data).as_text()
