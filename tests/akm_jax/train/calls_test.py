"""Clips that are classified one by one: padded, so that they share programs, and read as they are."""

import jax
import numpy as np
import pytest
from flax import nnx

from akm_jax.clips import pack, padded_length
from akm_jax.config import ModelConfig
from akm_jax.models.akmnet import AKMNet
from akm_jax.train import calls
from akm_jax.train.calls import classify

MODEL = ModelConfig(image_size=32, widths=(4, 4, 8, 8), gru_hidden=4)


@pytest.mark.parametrize(
    ("frames", "padded"), [(1, 8), (8, 8), (9, 16), (64, 64), (127, 128), (129, 144), (256, 256), (257, 288)]
)
def test_lengths_are_padded_by_an_eighth_at_most(frames, padded):
    assert padded_length(frames) == padded


@pytest.mark.parametrize("mining", ["s123", "s13", "all"])
def test_clips_of_about_a_length_share_a_program_and_padding_is_never_seen(mining):
    network = AKMNet(ModelConfig(**{**vars(MODEL), "mining": mining}), 3, rngs=nnx.Rngs(0))
    draws = np.random.default_rng(0)
    clips = [draws.integers(0, 256, (length, 32, 32), np.uint8) for length in (8, 3, 1)]
    before = calls._apply._cache_size()
    found = classify(network, clips)
    assert calls._apply._cache_size() == before + 1
    for clip, logits, beta, selected in zip(clips, found.logits, found.beta, found.selected, strict=True):
        alone = jax.device_get(nnx.jit(lambda network, packed: network(packed))(network, pack([clip])))
        np.testing.assert_allclose(logits, alone.logits[0], rtol=0, atol=1e-5)
        np.testing.assert_allclose(beta, alone.key_frames.beta, rtol=0, atol=1e-5)
        np.testing.assert_array_equal(selected, alone.key_frames.selected)
