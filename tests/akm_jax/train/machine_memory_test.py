"""What classifying a clip needs, and what the machine has."""

import os

from akm_jax.config import ModelConfig
from akm_jax.train.memory import machine_bytes, prediction_bytes


def test_a_frame_of_the_published_network_needs_three_megabytes():
    # The compiler plans 2.5 MB a frame for 400 and 800 frames.
    assert 2.5e6 < prediction_bytes(ModelConfig(), 1000) / 1000 < 3.5e6


def test_the_machine_says_how_much_it_has_or_0(monkeypatch):
    assert machine_bytes() > 1e8
    monkeypatch.delattr(os, "sysconf")
    assert machine_bytes() == 0
