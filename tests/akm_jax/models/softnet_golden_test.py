"""SOFTNet against the recorded results of the released program; see the recordings' `meta`."""

import functools
import json
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from akm_jax.models.softnet import SOFTNet, SOFTNetConfig
from akm_jax.optim import apply_updates
from akm_jax.spotting.training import batch_loss

# In float64 the mathematics must agree to rounding; in float32 the scores, sums of 400 terms of about 1, to 1e-5.
FLOAT64, FLOAT32 = 1e-9, 1e-5
PLACES = ["streams/0", "streams/1", "streams/2", "hidden", "output"]
LEARNING_RATE = 5e-4


@functools.partial(jax.jit, static_argnames="graph")
def score(graph, weights, x):
    return nnx.merge(graph, weights)(x)


@functools.partial(jax.jit, static_argnames="graph")
def loss_and_gradients(graph, *arguments):
    return jax.value_and_grad(batch_loss, argnums=1)(graph, *arguments)


def rng(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def load(folder, name):
    results = np.load(folder / f"{name}.npz")
    return results, json.loads(str(results["meta"]))


def build(prefix, dtype):
    """The network with the recorded weights, in the order of the recording."""
    model = SOFTNet(SOFTNetConfig(param_dtype=dtype), rngs=nnx.Rngs(0))
    parameters = [p for place in PLACES for p in (layer(model, place).kernel, layer(model, place).bias)]
    for i, parameter in enumerate(parameters):
        value = rng(f"{prefix}softnet/{i}").standard_normal(parameter.shape)
        fan_in = np.prod(parameter.shape[:-1])
        scale = {4: np.sqrt(2 / fan_in), 2: np.sqrt(1 / fan_in), 1: 0.1}[value.ndim]
        parameter[...] = jnp.asarray((value * scale).astype(np.float32), dtype)
    return model


def layer(module, place):
    for part in place.split("/"):
        module = module[int(part)] if part.isdigit() else getattr(module, part)
    return module


def in_order(state):
    flat = {"/".join(map(str, path)): np.asarray(leaf[...]) for path, leaf in nnx.to_flat_state(state)}
    return [flat[f"{place}/{name}"] for place in PLACES for name in ("kernel", "bias")]


def planes(x, dtype):
    return jnp.asarray(np.moveaxis(x, -1, 0), dtype)


def test_scores_are_those_of_the_released_program(golden_dir):
    results, meta = load(golden_dir, "softnet")
    x = rng(meta["prefix"] + "softnet/input").uniform(0, 1, (meta["num_inputs"], 42, 42, 3))
    scores = score(*nnx.split(build(meta["prefix"], "float32")), planes(x, "float32"))
    np.testing.assert_allclose(scores, results["softnet/output"], rtol=0, atol=FLOAT32)


def test_steps_of_training_are_those_of_the_released_program(golden_dir):
    with jax.enable_x64(True):
        results, meta = load(golden_dir, "softnet_train")
        total = sum(meta["batches"])
        x = rng(meta["prefix"] + "softnet_train/input").uniform(0, 1, (total, 42, 42, 3))
        y = rng(meta["prefix"] + "softnet_train/target").integers(0, 2, total).astype(np.float64)
        graph, weights = nnx.split(build(meta["prefix"], "float64"))

        def scores():
            return score(graph, weights, planes(x, "float64"))

        np.testing.assert_allclose(scores(), results["output_before"], rtol=0, atol=FLOAT64)
        start = 0
        for step, size in enumerate(meta["batches"]):
            part = slice(start, start + size)
            loss, gradients = loss_and_gradients(graph, weights, planes(x[part], "float64"), jnp.asarray(y[part]), size)
            assert loss == pytest.approx(results[f"step{step}/loss"], abs=FLOAT64)
            check(results, f"step{step}/grad", in_order(gradients))
            weights = apply_updates(weights, gradients, LEARNING_RATE)
            check(results, f"step{step}/param", in_order(weights))
            start += size
        np.testing.assert_allclose(scores(), results["output_after"], rtol=0, atol=FLOAT64)


def check(results, prefix, arrays):
    for i, array in enumerate(arrays):
        assert np.linalg.norm(array) == pytest.approx(results[f"{prefix}_norm/{i}"], abs=FLOAT64)
        head = results[f"{prefix}_head/{i}"]
        np.testing.assert_allclose(array.ravel()[: head.size], head, rtol=0, atol=FLOAT64)
        if f"{prefix}_full/{i}" in results:
            np.testing.assert_allclose(array, results[f"{prefix}_full/{i}"], rtol=0, atol=FLOAT64)
    np.testing.assert_allclose(arrays[6][::28, ::20], results[f"{prefix}_dense_sample"], rtol=0, atol=FLOAT64)
