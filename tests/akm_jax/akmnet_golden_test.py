"""AKMNet against results recorded from the released program in float64.

The tolerances stand in tests/conftest.py, where the PyTorch baseline is held to the same ones.
"""

import contextlib
import dataclasses
import functools
import os
import unittest.mock
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from akm_jax.clips import PackedClips, from_padded, pack, pad, unpack
from akm_jax.config import ModelConfig, TrainConfig
from akm_jax.interop.torch import akmnet_from_state_dict, load_state_dict, to_state_dict
from akm_jax.models import fusion
from akm_jax.ops.gru_kernel import gru_kernel
from akm_jax.train.state import TrainState, merge, new_state
from akm_jax.train.step import Gradients, apply_gradients, compute_gradients, train_step


def precision(name):
    return jax.enable_x64(True) if name == "float64" else contextlib.nullcontext()


@pytest.fixture(scope="module")
def state_dict(recorded_weights, tmp_path_factory):
    """The recording's weights, saved by PyTorch and read back through our import."""
    torch = pytest.importorskip("torch")
    path = tmp_path_factory.mktemp("weights") / "akmnet.pt"
    torch.save({k: torch.from_numpy(v) for k, v in recorded_weights.items()}, path)
    return load_state_dict(path)


def make_model(recording, state_dict, dtype):
    config = ModelConfig(dropout=recording.meta["dropout"], param_dtype=dtype, trunk_dtype=dtype)
    return akmnet_from_state_dict(state_dict, config)


def batch(recording, clips, form):
    """Clips with padding frames and an empty slot, packed or with one row a clip; both have the same shapes."""
    frames = [recording.clip(name, length) for name, length, *_ in clips]
    labels = [entry[2] if len(entry) > 2 else 0 for entry in clips]
    trained = len(clips[0]) > 2
    of_kind = recording.meta["train_clips" if trained else "eval_clips"]
    longest = max(length for _, length, *_ in of_kind)
    slots = (recording.clips_per_step if trained else len(of_kind)) + 1
    packed = pack(frames, labels, num_frames=slots * longest, num_clips=slots, max_frames=longest)
    if form == "packed":
        return packed
    padded, mask = pad(packed.frames, packed)
    return from_padded(padded, mask, packed.labels)


def check_step(checks, step, group, clips, result):
    beta, selected = (unpack(getattr(result.output.key_frames, k), clips) for k in ("beta", "selected"))
    for i, (name, *_) in enumerate(group):
        checks.trained(
            step,
            name,
            beta=beta[i],
            selected=selected[i],
            logits=result.output.logits[i],
            cross_entropy=result.losses.cross_entropy[i],
            margin=result.losses.margin[i],
            sparsity=result.losses.sparsity[i],
        )


def scale(tree, factor):
    return jax.tree.map(lambda leaf: leaf * factor, tree)


def train_config(recording):
    meta = recording.meta
    return TrainConfig(
        momentum=meta["momentum"],
        weight_decay=meta["weight_decay"],
        sparsity_weight=meta["lambda_sparsity"],
        margin_weight=meta["lambda_margin"],
    )


# These programs run longer than they compile: where the others are compiled without care, they are with a little.
OPTIONS = {"xla_backend_optimization_level": 1} if "optimization_level=0" in os.environ.get("XLA_FLAGS", "") else None
jit = functools.partial(jax.jit, compiler_options=OPTIONS)


def jit_step():
    return jit(lambda *args, **static: train_step(*args, **static), static_argnames=("graph", "config"))


def jit_evaluation():
    return jit(lambda state, clips, graph: merge(graph, state)(clips), static_argnames="graph")


# Compiled once a number format: the forms of a batch have the same shapes.
STEP, EVALUATE = jit_step(), jit_evaluation()
GRADIENTS = jit(compute_gradients, static_argnames=("graph", "config"))
APPLY = jit(apply_gradients, static_argnames=("config",))


@pytest.fixture
def with_gru_kernel(monkeypatch):
    """Programs traced anew with the recurrence of a GPU, run by Pallas' interpreter."""
    kernel = unittest.mock.Mock(side_effect=functools.partial(gru_kernel, interpret=True))
    monkeypatch.setattr(fusion, "bidirectional_gru", kernel)
    monkeypatch.setitem(globals(), "STEP", jit_step())
    monkeypatch.setitem(globals(), "EVALUATE", jit_evaluation())
    yield
    assert kernel.called


# A step takes a minute and a half of a core in float64 and one in float32: `make test` trains in the form and format of
# a user and evaluates both forms; `make test-long` runs the rest.
CASES = [
    ("packed", "float32"),
    pytest.param(("packed", "float64"), marks=pytest.mark.long),
    pytest.param(("padded", "float64"), marks=pytest.mark.long),
    pytest.param(("padded", "float32"), marks=pytest.mark.long),
]


class Steps(NamedTuple):
    """The optimiser steps of a case: what each gave, and the statistics calibrated with the fresh weights."""

    form: str
    dtype: str
    graph: nnx.GraphDef
    steps: list[tuple[TrainState, Gradients]]
    calibrated: TrainState


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def case(request, recording, state_dict) -> Steps:
    return train(recording, state_dict, *request.param)


def train(recording, state_dict, form, dtype) -> Steps:
    config, key, steps = train_config(recording), jax.random.key(0), []
    with precision(dtype):
        groups = [batch(recording, group, form) for group in recording.steps]
        graph, fresh = new_state(make_model(recording, state_dict, dtype), config)
        state, rate = fresh, jnp.asarray(recording.meta["lr"], dtype)
        for clips in groups:
            state, gradients = STEP(state, clips, key, rate, graph=graph, config=config)
            steps.append((state, gradients))
        # The first step advanced the statistics by the fresh weights; a step that learns nothing does for the others.
        state = dataclasses.replace(fresh, stats=steps[0][0].stats)
        for clips in groups[1:]:
            state, _ = STEP(state, clips, key, jnp.zeros_like(rate), graph=graph, config=config)
    return Steps(form, dtype, graph, steps, state)


def check_evaluation(checks, recording, form, graph, state):
    clips = batch(recording, recording.meta["eval_clips"], form)
    output = EVALUATE(state, clips, graph)
    beta, selected = (unpack(getattr(output.key_frames, k), clips) for k in ("beta", "selected"))
    for i, (name, _) in enumerate(recording.meta["eval_clips"]):
        checks.evaluated(name, beta=beta[i], selected=selected[i], logits=output.logits[i])


def test_golden_evaluation(recording, golden_checks, case):
    """Statistics calibrated on the training clips, then evaluation: same frames selected, same scores."""
    checks = golden_checks(case.dtype)
    with precision(case.dtype):
        checks.running("calibrated/", to_state_dict(case.calibrated.stats))
        check_evaluation(checks, recording, case.form, case.graph, case.calibrated)


@pytest.mark.parametrize("form", ["packed", "padded"])
def test_golden_evaluation_with_recorded_statistics(recording, golden_checks, state_dict, form):
    """Both forms of a batch, in the format of a user."""
    check_recorded_statistics(recording, golden_checks, state_dict, form)


def check_recorded_statistics(recording, golden_checks, state_dict, form):
    calibrated = state_dict | {k: v.astype(np.float32) for k, v in recording.under("calibrated/").items()}
    graph, state = new_state(make_model(recording, calibrated, "float32"), train_config(recording))
    check_evaluation(golden_checks("float32"), recording, form, graph, state)


def test_golden_evaluation_with_the_gru_kernel(recording, golden_checks, state_dict, with_gru_kernel):
    check_recorded_statistics(recording, golden_checks, state_dict, "packed")


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_golden_training_steps_with_the_gru_kernel(recording, golden_checks, state_dict, dtype, with_gru_kernel):
    check_training_steps(recording, golden_checks, train(recording, state_dict, "packed", dtype))


def test_golden_training_steps(recording, golden_checks, case):
    """Optimiser steps from the fresh weights: losses, selection, gradients, parameters, running averages."""
    check_training_steps(recording, golden_checks, case)


def check_training_steps(recording, golden_checks, case):
    checks = golden_checks(case.dtype)
    with precision(case.dtype):
        for i, (group, (state, gradients)) in enumerate(zip(recording.steps, case.steps, strict=True)):
            check_step(checks, i, group, batch(recording, group, case.form), gradients.result)
            checks.gradients(i, to_state_dict(gradients.params))
            checks.parameters(i, to_state_dict(state.params))
            checks.running(f"train/step{i}/running/", to_state_dict(state.stats))


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_golden_training_one_clip_at_a_time(recording, golden_checks, state_dict, dtype):
    """The released program's own way: one clip after another, gradients averaged, statistics advanced clip by clip."""
    checks, config = golden_checks(dtype), train_config(recording)
    longest = max(length for _, length, _ in recording.meta["train_clips"])
    with precision(dtype):
        graph, state = new_state(make_model(recording, state_dict, dtype), config)
        rate = jnp.asarray(recording.meta["lr"], dtype)
        for i, group in enumerate(recording.steps):
            total = None
            for entry in group:
                clip = recording.clip(entry[0], entry[1])
                clips = pack([clip], [entry[2]], num_frames=longest, max_frames=longest)
                one = GRADIENTS(state, clips, jax.random.key(0), graph=graph, config=config)
                check_step(checks, i, [entry], clips, one.result)
                state = dataclasses.replace(state, stats=one.stats)
                total = one.params if total is None else jax.tree.map(jnp.add, total, one.params)
            total = scale(total, 1 / len(group))
            state = APPLY(state, one._replace(params=total), rate, config=config)
            checks.gradients(i, to_state_dict(total))
            checks.parameters(i, to_state_dict(state.params))
            checks.running(f"train/step{i}/running/", to_state_dict(state.stats))


def test_golden_batches_are_packed_clips(recording):
    """The padded form is the same batch type, with one row a clip, and of the packed form's shapes."""
    clips = recording.meta["train_clips"][:3]
    packed, padded = (batch(recording, clips, form) for form in ("packed", "padded"))
    assert isinstance(padded, PackedClips)
    assert jax.tree.map(jnp.shape, padded) == jax.tree.map(jnp.shape, packed)
    assert padded.clip_ids.tolist() != packed.clip_ids.tolist()
