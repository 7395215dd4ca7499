import jax.numpy as jnp
import numpy as np
import pytest

from akm_jax.config import TrainConfig
from akm_jax.optim import adam, apply_updates, learning_rate, optimizer


def test_code_schedule_goes_down_and_up_two_and_a_half_times():
    config = TrainConfig(epochs=40)
    rates = [learning_rate(config, e) for e in range(1, 41)]
    assert rates[0] == pytest.approx(1e-3)
    assert rates[8] == pytest.approx(1e-8)
    assert rates[16] == pytest.approx(1e-3)
    assert rates[32] == pytest.approx(1e-3)
    assert rates[4] == pytest.approx((1e-3 + 1e-8) / 2)


def test_paper_schedule_only_falls():
    config = TrainConfig(epochs=40, schedule="paper")
    rates = [learning_rate(config, e) for e in range(1, 41)]
    assert rates == sorted(rates, reverse=True)


def test_updates_are_those_of_torch_sgd():
    torch = pytest.importorskip("torch")
    config = TrainConfig()
    start, gradients = np.array([1.0, -2.0, 3.0], np.float32), [np.array([0.5, 0.1, -0.2], np.float32)] * 3
    theirs = torch.nn.Parameter(torch.from_numpy(start.copy()))
    sgd = torch.optim.SGD([theirs], lr=0.1, momentum=config.momentum, weight_decay=config.weight_decay)
    ours = jnp.asarray(start)
    rule = optimizer(config)
    state = rule.init(ours)
    for gradient in gradients:
        theirs.grad = torch.from_numpy(gradient)
        sgd.step()
        updates, state = rule.update(jnp.asarray(gradient), state, ours)
        ours = apply_updates(ours, updates, jnp.float32(0.1))
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-6)


def test_updates_of_adam_are_exact_to_float32_from_the_first_step_on():
    """Kingma and Ba's algorithm 1, in float64."""
    rng = np.random.default_rng(0)
    params, first, second = np.float32([1, -2, 3, 0.5]), np.zeros(4), np.zeros(4)
    rule = adam(0.1)
    state = rule.init(jnp.asarray(params))
    for t in range(1, 21):
        gradient = rng.normal(size=4).astype(np.float32)
        updates, state = rule.update(jnp.asarray(gradient), state, jnp.asarray(params))
        decayed = gradient + 0.1 * params.astype(np.float64)
        first, second = 0.9 * first + 0.1 * decayed, 0.999 * second + 0.001 * decayed**2
        expected = first / (1 - 0.9**t) / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)
        # Updates are shares of the rate, of about 1 and less; optax is 6e-6 off at the first step.
        np.testing.assert_allclose(updates, expected, rtol=0, atol=1e-6, err_msg=f"step {t}")


def test_updates_of_adam_are_those_of_torch():
    torch = pytest.importorskip("torch")
    start = np.float32([1, -2, 3])
    theirs, ours = torch.nn.Parameter(torch.from_numpy(start.copy())), jnp.asarray(start)
    torch_adam, rule = torch.optim.Adam([theirs], lr=0.1, weight_decay=0.01), adam(0.01)
    state = rule.init(ours)
    for gradient in np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32):
        theirs.grad = torch.from_numpy(gradient)
        torch_adam.step()
        updates, state = rule.update(jnp.asarray(gradient), state, ours)
        ours = apply_updates(ours, updates, jnp.float32(0.1))
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-6)
