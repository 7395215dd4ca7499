"""Which PyTorch programs take part, and where."""

import types

import jax
import numpy as np
import pytest

from akm_jax.config import ModelConfig, TrainConfig
from akm_jax.train.state import initial_state
from experiments.benchmarks import theirs
from experiments.benchmarks.workload import noise_clips

# What torch.compile imports uses parts of PyTorch that PyTorch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*")

MODEL = ModelConfig(image_size=32, widths=(16, 32, 64, 128), gru_hidden=4)


def fake_torch(cuda):
    return types.SimpleNamespace(__version__="0.0", cuda=types.SimpleNamespace(is_available=lambda: cuda))


def test_both_sides_use_the_same_device(monkeypatch):
    assert theirs._device(fake_torch(cuda=True)) == "cpu"
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert theirs._device(fake_torch(cuda=True)) == "cuda"
    with pytest.raises(ValueError, match="JAX computes on 'gpu', where PyTorch 0.0 cannot"):
        theirs._device(fake_torch(cuda=False))


def test_a_way_that_fails_is_left_out_and_says_why(monkeypatch):
    pytest.importorskip("torch")
    run = theirs._try

    def without_compiler(program, clips):
        if program.variant.compiled:
            raise RuntimeError("no C++ compiler found")
        return run(program, clips)

    monkeypatch.setattr(theirs, "_try", without_compiler)
    clip_set = noise_clips(np.array([3, 4, 5]), np.array([0, 0, 1]), MODEL)
    state = initial_state(jax.random.key(0), model=MODEL, train=TrainConfig(), num_classes=4)
    contest = theirs.hold_contest(MODEL, clip_set, state, threads=1, track=lambda items, _: items)
    assert contest.eager.variant.name == "eager"
    failed = {trial["name"]: trial["error"] for trial in contest.trials if "error" in trial}
    assert failed == {"trial/torch_channels_last+compiled": "RuntimeError: no C++ compiler found"}
    measured = [trial for trial in contest.trials if "error" not in trial]
    assert [trial["name"] for trial in measured] == ["trial/torch_channels_last", "trial/torch_packed+channels_last"]
    assert all(trial["train_s"] > 0 < trial["infer_s"] for trial in measured)
    assert not any(program.variant.compiled for program in contest.best.values())
