import pytest

from akm_jax.config import ExperimentConfig, ModelConfig, TrainConfig


@pytest.fixture(scope="session")
def tiny_config() -> ExperimentConfig:
    """The smallest network, an epoch of a few steps, a checkpoint after every epoch."""
    return ExperimentConfig(
        model=ModelConfig(image_size=32, widths=(4, 4, 8, 8), gru_hidden=4),
        train=TrainConfig(epochs=3, clips_per_step=4, learning_rate=0.01),
        checkpoint_interval_s=0,
    )
