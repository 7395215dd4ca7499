"""What classifying a clip needs."""

from akm_jax.config import ModelConfig
from akm_jax.train.memory import prediction_bytes


def test_a_frame_of_the_published_network_needs_three_megabytes():
    # The compiler plans 2.5 MB a frame for 400 and 800 frames.
    assert 2.5e6 < prediction_bytes(ModelConfig(), 1000) / 1000 < 3.5e6
