"""Training on a streamed set: the predictions of the set held in memory, and runs that go on the other way."""

import dataclasses

import numpy as np
import pytest
from rich.console import Console

from akm_jax.config import DataConfig
from akm_jax.methods.akmnet import AKMNet
from akm_jax.observe import Observer
from akm_jax.run import run_loso
from akm_jax.train.setup import SHORT_CALL, set_up

HELD, STREAMED = DataConfig(memory_gib=4.0), DataConfig(memory_gib=0.0)


class StopAfterTheFirstEpoch(Observer):
    def epoch_done(self, place, entry):
        raise KeyboardInterrupt


def run(config, clip_set, data, run_dir, *observers):
    options = {"folds": "1", "rules": "last", "checkpoint_interval_s": 0.0, "data": data}
    return run_loso(AKMNet(config), clip_set, run_dir, observers=observers, console=Console(quiet=True), **options)


def test_held_streamed_and_switched_runs_give_the_same_predictions(tiny_config, small_smic, tmp_path):
    train = dataclasses.replace(tiny_config.train, epochs=2, steps_per_call=1)  # two calls an epoch
    config = dataclasses.replace(tiny_config, train=train)
    for name, data in (("held", HELD), ("streamed", STREAMED)):
        assert run(config, small_smic, data, tmp_path / name)["compilations"] == 1
    for name, first, then in (("one", HELD, STREAMED), ("other", STREAMED, HELD)):
        with pytest.raises(KeyboardInterrupt):
            run(config, small_smic, first, tmp_path / name, StopAfterTheFirstEpoch())
        run(config, small_smic, then, tmp_path / name)
    predictions = {path.read_bytes() for path in tmp_path.glob("*/predictions.csv")}
    assert len(list(tmp_path.glob("*/predictions.csv"))) == 4
    assert len(predictions) == 1


def test_a_call_is_short_where_data_are_streamed(tiny_config, held, streamed, monkeypatch):
    def steps_per_call(clips, **settings):
        config = dataclasses.replace(tiny_config, train=dataclasses.replace(tiny_config.train, **settings))
        training = np.arange(8), np.zeros(len(clips.lengths), np.int32)
        return set_up(config, clips, [training], num_classes=3).steps_per_call

    monkeypatch.setattr("jax.default_backend", lambda: "gpu")
    assert steps_per_call(held, clips_per_step=1) == 8  # the epoch of the largest fold
    assert steps_per_call(streamed, clips_per_step=1) == SHORT_CALL
    assert steps_per_call(streamed, clips_per_step=1, steps_per_call=3) == 3
