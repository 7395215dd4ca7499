import jax.numpy as jnp
import numpy as np
import pytest

from akm_jax.config import TrainConfig
from akm_jax.optim import apply_updates, learning_rate, optimizer


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
