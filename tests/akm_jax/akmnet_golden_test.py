"""AKMNet against results recorded from the released program in float64.

The tolerances stand in tests/conftest.py, where the PyTorch baseline is held to the same ones.
"""

import contextlib
import dataclasses

import jax
import jax.numpy as jnp
import pytest

from akm_jax.clips import PackedClips, from_padded, pack, pad, unpack
from akm_jax.config import ModelConfig, TrainConfig
from akm_jax.interop.torch import akmnet_from_state_dict, load_state_dict, to_state_dict
from akm_jax.train.compiling import jit
from akm_jax.train.state import merge, new_state
from akm_jax.train.step import apply_gradients, compute_gradients, train_step


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


# Compiled once a number format: the forms of a batch have the same shapes.
STEP = jit(train_step, static_argnames=("graph", "config"))
GRADIENTS = jit(compute_gradients, static_argnames=("graph", "config"))
EVALUATE = jit(lambda state, clips, graph: merge(graph, state)(clips), static_argnames="graph")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("form", ["packed", "padded"])
def test_golden_evaluation(recording, golden_checks, state_dict, dtype, form):
    """Statistics calibrated on the training clips, then evaluation: same frames selected, same scores."""
    checks, config = golden_checks(dtype), train_config(recording)
    with precision(dtype):
        graph, state = new_state(make_model(recording, state_dict, dtype), config)
        for group in recording.steps:  # a step that learns nothing advances the statistics
            clips = batch(recording, group, form)
            state, _ = STEP(state, clips, jax.random.key(0), jnp.asarray(0, dtype), graph=graph, config=config)
        checks.running("calibrated/", to_state_dict(state.stats))
        clips = batch(recording, recording.meta["eval_clips"], form)
        output = EVALUATE(state, clips, graph)
        beta, selected = (unpack(getattr(output.key_frames, k), clips) for k in ("beta", "selected"))
        for i, (name, _) in enumerate(recording.meta["eval_clips"]):
            checks.evaluated(name, beta=beta[i], selected=selected[i], logits=output.logits[i])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("form", ["packed", "padded"])
def test_golden_training_steps(recording, golden_checks, state_dict, dtype, form):
    """Optimiser steps from the fresh weights: losses, selection, gradients, parameters, running averages."""
    checks, config = golden_checks(dtype), train_config(recording)
    with precision(dtype):
        graph, state = new_state(make_model(recording, state_dict, dtype), config)
        rate = jnp.asarray(recording.meta["lr"], dtype)
        for i, group in enumerate(recording.steps):
            clips = batch(recording, group, form)
            state, gradients = STEP(state, clips, jax.random.key(0), rate, graph=graph, config=config)
            check_step(checks, i, group, clips, gradients.result)
            checks.gradients(i, to_state_dict(gradients.params))
            checks.parameters(i, to_state_dict(state.params))
            checks.running(f"train/step{i}/running/", to_state_dict(state.stats))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
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
            state = apply_gradients(state, one._replace(params=total), rate, config=config)
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
