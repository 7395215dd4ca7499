"""What the compared networks are trained by, each as its method sets it: running averages, rates, optimisers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from akm_jax.methods.atnet import ATNet
from akm_jax.methods.macro2micro import Macro2Micro
from akm_jax.methods.micro_attention import MicroAttention
from akm_jax.methods.rcn import RCN
from akm_jax.methods.sssnet import SSSNet
from akm_jax.methods.strcn import STRCN
from akm_jax.methods.ststnet import STSTNet
from akm_jax.ops.batch_norm import BatchNorm
from akm_jax.optim import adam, apply_updates, sgd

# A step moves the averages by a share (PyTorch, MatConvNet), or sums decay and are divided by their weight (Caffe).
SHARES = [(STSTNet(), 0.1), (SSSNet(), 0.1), (RCN(), 0.1), (STRCN(), 0.3), (STRCN(share=True), 0.3)]
DECAYS = [(Macro2Micro(), 0.999), (MicroAttention(), 0.999), (ATNet(), 0.999)]
BATCHES = [np.random.default_rng(i).normal(i, 2, (size, 3, 2, 4)) for i, size in enumerate((5, 2, 4))]


def of_network(method):
    return nnx.eval_shape(lambda: method.network(3, nnx.Rngs(0)))


def moved(norm):
    """Averages of a norm with the settings of another one, after the batches, beside rows that do not count."""
    fresh = BatchNorm(4, momentum=norm.momentum, corrected=norm.corrected)
    for batch in BATCHES:
        rows = np.concatenate([batch, batch + 1e3]).astype(np.float32)
        fresh(jnp.asarray(rows), np.arange(len(rows)) < len(batch), train=True)
    return np.asarray(fresh.mean[...]), np.asarray(fresh.var[...])


def norms_of(method):
    norms = [module for _, module in nnx.iter_modules(of_network(method)) if isinstance(module, BatchNorm)]
    assert norms
    return {(norm.momentum, norm.corrected): norm for norm in norms}.values()


@pytest.mark.parametrize(("method", "share"), SHARES, ids=lambda value: getattr(value, "name", None))
def test_running_averages_move_by_the_methods_share(method, share):
    mean, var = np.zeros(4), np.ones(4)
    for batch in BATCHES:
        mean = (1 - share) * mean + share * batch.mean((0, 1, 2))
        var = (1 - share) * var + share * batch.var((0, 1, 2), ddof=1)
    for norm in norms_of(method):
        np.testing.assert_allclose(moved(norm), (mean, var), rtol=1e-5)  # float32


@pytest.mark.parametrize(("method", "decay"), DECAYS, ids=lambda value: getattr(value, "name", None))
def test_running_averages_are_caffes_sums_over_their_weight(method, decay):
    """Variances corrected by n / (n - 1); nothing is left of what was there before the first batch."""
    weights = np.array([decay**2, decay, 1]) / (decay**2 + decay + 1)
    mean = sum(w * batch.mean((0, 1, 2)) for w, batch in zip(weights, BATCHES, strict=True))
    var = sum(w * batch.var((0, 1, 2), ddof=1) for w, batch in zip(weights, BATCHES, strict=True))
    for norm in norms_of(method):
        np.testing.assert_allclose(moved(norm), (mean, var), rtol=1e-5)


def test_the_rate_of_rcn_is_halved_after_ten_epochs():
    recipe = RCN().recipe(3)
    assert [recipe.rate(epoch) for epoch in (1, 10, 11, 20, 21)] == [5e-4, 5e-4, 2.5e-4, 2.5e-4, 1.25e-4]
    assert (recipe.epochs, recipe.steps_per_epoch) == (20, 0)


def test_the_rate_of_strcn_falls_by_a_fifth_after_each_pass():
    recipe = STRCN().recipe(3)
    np.testing.assert_allclose([recipe.rate(epoch) for epoch in (1, 2, 3)], [1e-3, 8e-4, 6.4e-4], rtol=1e-12)
    assert (recipe.epochs, recipe.steps_per_epoch) == (3, 0)  # an epoch is a pass


def steps(optimizer, start, gradients, rate):
    params = {"kernel": jnp.asarray(start)}
    state = optimizer.init(params)
    for gradient in gradients:
        updates, state = optimizer.update({"kernel": jnp.asarray(gradient)}, state, params)
        params = apply_updates(params, updates, jnp.float32(rate))
    return params["kernel"]


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_looks_ahead_where_it_is_nesterovs(nesterov):
    """As PyTorch has it: v <- m v + g, p <- p - rate (g + m v) or, without, p - rate v."""
    start = np.float32([1, -2, 3])
    gradients = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    found = steps(sgd(0.9, 0.01, nesterov=nesterov), start, gradients, 0.1)
    params, velocity = start.astype(np.float64), np.zeros(3)
    for gradient in gradients:
        decayed = gradient + 0.01 * params
        velocity = 0.9 * velocity + decayed
        params = params - 0.1 * (decayed + 0.9 * velocity if nesterov else velocity)
    np.testing.assert_allclose(found, params, rtol=1e-5)


def updates_of(optimizer, params, gradient, times=2):
    """Updates after some steps of the same gradient, by path; the moments of all tensors were moved alike."""
    gradients = jax.tree.map(lambda p: np.full(p.shape, gradient, p.dtype), params)

    @jax.jit  # one program in place of many
    def last_of_all(params, gradients):
        state = optimizer.init(params)
        for _ in range(times):
            updates, state = optimizer.update(gradients, state, params)
        return updates

    updates = last_of_all(params, gradients)
    return {"/".join(map(str, path)): np.asarray(leaf[...]) for path, leaf in nnx.to_flat_state(updates)}


def params_of(method, value=1.0):
    shapes = nnx.state(of_network(method), nnx.Param)
    return jax.tree.map(lambda leaf: np.full(leaf.shape, value, leaf.dtype), shapes)


@pytest.mark.parametrize(("variant", "undecayed"), [("paper", ("bias", "scale")), ("port", ())])
def test_what_of_ststnet_decays(variant, undecayed):
    """In MATLAB kernels alone: a gradient of 0 leaves biases and batch norms where they are."""
    method = STSTNet(variant=variant, weight_decay=0.1)
    found = updates_of(method.recipe(3).optimizer, params_of(method), gradient=0.0)
    assert len(found) == 14
    still = {path for path, update in found.items() if not update.any()}
    assert still == {path for path in found if path.endswith(undecayed)}
    assert len(still) == (10 if undecayed else 0)


def test_kernels_decay_as_under_plain_adam():
    params = {"kernel": jnp.full((2, 2), 3.0), "bias": jnp.full(2, 3.0)}
    gradients = jax.tree.map(lambda p: jnp.full(p.shape, 0.5), params)
    found, plain, without = (
        rule.update(gradients, rule.init(params), params)[1][1].mu
        for rule in (adam(0.1, kernels_only=True), adam(0.1), adam(0.0))
    )
    np.testing.assert_array_equal(found["kernel"], plain["kernel"])
    np.testing.assert_array_equal(found["bias"], without["bias"])
    assert (np.asarray(plain["bias"]) != np.asarray(without["bias"])).all()


@pytest.mark.parametrize("share", [False, True])
def test_of_strcn_the_first_convolution_alone_is_slowed(share):
    method = STRCN(features=2, share=share)
    params = params_of(method)
    found = updates_of(method.recipe(4).optimizer, params, gradient=1.0)
    expected = updates_of(sgd(0.9, method.weight_decay, nesterov=True), params, gradient=1.0)
    assert found.keys() == expected.keys()
    slow = {path for path in found if not np.array_equal(found[path], expected[path])}
    assert slow == {"stem/conv/kernel"}
    np.testing.assert_allclose(found["stem/conv/kernel"], 1e-4 * expected["stem/conv/kernel"], rtol=1e-6)
