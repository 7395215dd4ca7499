"""Training on a streamed set: the predictions of the set held in memory, and runs that go on the other way."""

import dataclasses

import pytest

from akm_jax.loso.driver import run_loso
from akm_jax.loso.run_dir import open_run
from akm_jax.observe import Observer
from akm_jax.train.setup import SHORT_CALL, set_up


class StopAfterTheFirstEpoch(Observer):
    def epoch_done(self, place, entry):
        raise KeyboardInterrupt


def run(config, clip_set, run_dir, observer=None):
    limit = dataclasses.replace(config.data, memory_gib=0.0 if clip_set.streamed else 4.0)
    config = dataclasses.replace(config, data=limit)
    with open_run(run_dir, config, clip_set):
        return run_loso(config, clip_set, run_dir, observer=observer)


def test_held_streamed_and_switched_runs_give_the_same_predictions(tiny_config, held, streamed, tmp_path):
    train = dataclasses.replace(tiny_config.train, epochs=2, steps_per_call=1)  # two calls an epoch
    config = dataclasses.replace(tiny_config, train=train, folds="1", rules="last")
    for name, clip_set in (("held", held), ("streamed", streamed)):
        assert run(config, clip_set, tmp_path / name)["compilations"] == 1
    for name, first, then in (("one", held, streamed), ("other", streamed, held)):
        with pytest.raises(KeyboardInterrupt):
            run(config, first, tmp_path / name, StopAfterTheFirstEpoch())
        run(config, then, tmp_path / name)
    predictions = {path.read_bytes() for path in tmp_path.glob("*/predictions.csv")}
    assert len(list(tmp_path.glob("*/predictions.csv"))) == 4
    assert len(predictions) == 1


def test_a_call_is_short_where_data_are_streamed(tiny_config, held, streamed, monkeypatch):
    monkeypatch.setattr("jax.default_backend", lambda: "gpu")
    train = dataclasses.replace(tiny_config.train, clips_per_step=1)
    config = dataclasses.replace(tiny_config, train=train)
    assert set_up(config, held)[0].steps_per_call == 8  # the epoch of the largest fold
    assert set_up(config, streamed)[0].steps_per_call == SHORT_CALL
    config = dataclasses.replace(config, train=dataclasses.replace(train, steps_per_call=3))
    assert set_up(config, streamed)[0].steps_per_call == 3
