"""A run started from weights goes on with these only."""

import numpy as np
import pytest
from flax import nnx

from akm_jax.config import AKMNetConfig, RunOptions
from akm_jax.interop.torch import to_state_dict
from akm_jax.loso.run_dir import describe_run, open_run
from akm_jax.methods._held_weights import hold_to
from akm_jax.methods.akmnet import AKMNet
from akm_jax.models.akmnet import AKMNet as Network
from akm_jax.train.start_weights import checksum, copy_weights


def test_the_same_weights_and_no_others(tmp_path):
    record, place = tmp_path / "pretrained" / "init.json", tmp_path / "weights.pt"
    for _ in range(2):
        hold_to(record, place, "00c0ffee")
    with pytest.raises(ValueError, match=r"weights\.pt: checksum 00000001, but the run was started from .* 00c0ffee"):
        hold_to(record, place, "00000001")


def test_the_checksum_is_of_what_was_copied(tmp_path):
    network = Network(AKMNetConfig.preset("tiny").model, 3, rngs=nnx.Rngs(0))
    weights = to_state_dict(nnx.state(network))
    one = checksum(copy_weights(weights, network, tmp_path))
    assert checksum(copy_weights(weights | {"of another program": np.zeros(3)}, network, tmp_path)) == one
    assert checksum(copy_weights(weights | {"conv1.weight": weights["conv1.weight"] + 1}, network, tmp_path)) != one


def test_a_run_from_fresh_weights_does_not_go_on_from_others(tmp_path, make_clip_set):
    clip_set = make_clip_set(2, 3)
    fresh = describe_run(AKMNet(AKMNetConfig()), RunOptions())
    started = describe_run(AKMNet(AKMNetConfig(init=tmp_path / "a.pt")), RunOptions())
    with open_run(tmp_path / "run", fresh, clip_set):
        pass
    with pytest.raises(ValueError, match="config.init: there None, now"), open_run(tmp_path / "run", started, clip_set):
        pass
