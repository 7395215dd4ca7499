"""Which PyTorch programs take part, and where."""

import types

import jax
import numpy as np
import pytest

from akm_jax.config import AKMNetConfig, ModelConfig, TrainConfig
from experiments.benchmarks import speed, theirs, timing
from experiments.benchmarks.ours import Ours
from experiments.benchmarks.workload import noise_clips

# What torch.compile imports uses parts of PyTorch that PyTorch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.*")

MODEL = ModelConfig(image_size=32, widths=(16, 32, 64, 128), gru_hidden=4)


def fake_torch(cuda):
    return types.SimpleNamespace(__version__="0.0", cuda=types.SimpleNamespace(is_available=lambda: cuda))


def small_set():
    clip_set = noise_clips(np.array([3, 4, 5, 3, 3, 4, 5, 3]), np.repeat([0, 1], 4), MODEL)
    return Ours(AKMNetConfig(model=MODEL, train=TrainConfig(clips_per_step=2)), clip_set), clip_set


def test_both_sides_use_the_same_device(monkeypatch):
    assert theirs._device(fake_torch(cuda=True)) == "cpu"
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert theirs._device(fake_torch(cuda=True)) == "cuda"
    with pytest.raises(ValueError, match="JAX computes on 'gpu', where PyTorch 0.0 cannot"):
        theirs._device(fake_torch(cuda=False))


def test_a_way_that_fails_is_left_out_and_says_why(monkeypatch):
    pytest.importorskip("torch")
    first_calls = theirs._first_calls

    def without_compiler(program, works, clips):
        if program.variant.compiled:
            raise RuntimeError("no C++ compiler found")
        return first_calls(program, works, clips)

    monkeypatch.setattr(theirs, "_first_calls", without_compiler)
    ours, clip_set = small_set()
    programs, rows = theirs.start(MODEL, clip_set, ours, threads=1, track=lambda items, _: items)
    assert {work: list(of_work) for work, of_work in programs.items()} == {
        "train": ["eager", "channels_last"],
        "infer": ["eager", "channels_last"],
    }
    assert rows[-1] == {
        "name": "first_calls/torch_channels_last+compiled",
        "clips": 2,
        "error": "RuntimeError: no C++ compiler found",
    }
    assert all(row["train_s"] > 0 < row["infer_s"] for row in rows[:-1])


def test_programs_do_only_what_is_asked_for(monkeypatch):
    pytest.importorskip("torch")
    calls = {}

    def first_calls(program, works, clips):
        calls[program.variant.name] = works
        return {}

    monkeypatch.setattr(theirs, "_first_calls", first_calls)
    ours, clip_set = small_set()
    settings = {"threads": 1, "track": lambda items, _: items}
    programs, _ = theirs.start(MODEL, clip_set, ours, works=["train"], **settings)
    assert {work: list(of_work) for work, of_work in programs.items()} == {"train": ["eager", "channels_last"]}
    assert calls == {"eager": ["train"], "channels_last": ["train"]}
    programs, rows = theirs.start(MODEL, clip_set, ours, works=["train"], every=True, **settings)
    assert len(programs["train"]) == len(rows) == 6


class Pretended(int):
    """A program that takes so many seconds, one clip at a time."""

    variant = types.SimpleNamespace(packed=False)


def pretend_programs(monkeypatch, calls):
    """Programs of PyTorch's are `Pretended`, ours takes a second; calls are listed with the number of their clips."""
    now = [0]

    def run(program, work, clips):
        calls.append((program, len(clips)))
        now[0] += program

    def evaluate(self, i):
        now[0] += 1

    monkeypatch.setattr(theirs, "run", run)
    monkeypatch.setattr(Ours, "evaluate", evaluate)
    monkeypatch.setattr(timing, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(speed, "matmul_peak", lambda dtype: 1.0)


@pytest.mark.parametrize(("seconds", "best"), [({"a": 7, "b": 3}, "b"), ({"a": 2, "b": 9}, "a"), ({}, None)], ids=str)
def test_after_the_first_round_the_plain_and_the_fastest_program_remain(monkeypatch, seconds, best):
    seconds, calls = {"eager": 5, **seconds}, []
    pretend_programs(monkeypatch, calls)
    programs = {name: Pretended(taken) for name, taken in seconds.items()}
    rows, ratios = speed.measure("infer", small_set()[0], programs, rounds=3)
    assert {name: calls.count((taken, 2)) for name, taken in seconds.items()} == {
        name: 3 if name in ("eager", best) else 1 for name in seconds
    }
    found = {row["name"]: row for row in rows}
    assert set(found) == {"infer/ours"} | {
        "infer/torch_best" if name == best else f"infer/torch_{name}" for name in seconds
    }
    assert best is None or found["infer/torch_best"]["variant"] == best
    assert ratios == {"infer/torch_eager": 5, "infer/torch_best": min(seconds.values())}


def test_the_plain_program_is_the_best_of_pytorch_where_no_other_is_faster(monkeypatch):
    pretend_programs(monkeypatch, [])
    programs = {"eager": Pretended(5), "a": Pretended(6)}
    _, ratios = speed.measure("infer", small_set()[0], programs, rounds=2)
    assert ratios == {"infer/torch_eager": 5, "infer/torch_best": 5}


def test_a_program_warms_up_on_all_clips_or_on_the_longest_where_it_takes_one_at_a_time(monkeypatch):
    calls = []
    pretend_programs(monkeypatch, calls)
    packed = Pretended(6)
    packed.variant = types.SimpleNamespace(packed=True)
    ours = small_set()[0]
    speed.measure("infer", ours, {"eager": Pretended(5), "packed": packed}, rounds=1)
    assert calls == [(5, 1), (5, 2), (6, 2), (6, 2)]
    lengths = ours.setup.clips.lengths
    assert lengths[ours.longest_clip(0)] == [lengths[ours.clips(0)].max()]
