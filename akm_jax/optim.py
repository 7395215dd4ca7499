"""Optimisers: AKMNet's SGD with a cosine that comes back up, and those of the compared networks."""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from akm_jax.config import TrainConfig


def learning_rate(config: TrainConfig, epoch: int) -> float:
    """Learning rate of an epoch, counted from 1.

    final + (peak - final) (1 + cos(pi (epoch - 1) / half_period)) / 2, with half_period = epochs / 5 for schedule
    "code" (it goes down and up 2.5 times) and epochs for "paper" (one decay).
    """
    half_period = config.epochs / 5 if config.schedule == "code" else config.epochs
    share = (1 + math.cos(math.pi * (epoch - 1) / half_period)) / 2
    return config.final_learning_rate + (config.learning_rate - config.final_learning_rate) * share


def optimizer(config: TrainConfig) -> optax.GradientTransformation:
    """Weight decay added to every gradient, then momentum without Nesterov; `apply_updates` scales by the rate."""
    return sgd(config.momentum, config.weight_decay)


def apply_updates(params, updates, learning_rate):
    """Params - learning_rate * updates; the rate is a value, so that a new epoch does not recompile."""
    return jax.tree.map(lambda p, u: p - (learning_rate * u).astype(p.dtype), params, updates)


def adam(weight_decay: float = 0.0, *, kernels_only: bool = False) -> optax.GradientTransformation:
    """Adam as `torch.optim.Adam` has it: weight decay is added to the gradient; `apply_updates` scales by the rate.

    With `kernels_only` biases and batch norms do not decay, as MATLAB has it.
    """
    chosen = (lambda params: jax.tree.map(lambda p: p.ndim > 1, params)) if kernels_only else None
    return optax.chain(optax.add_decayed_weights(weight_decay, chosen), _scale_by_adam())


def _scale_by_adam(first: float = 0.9, second: float = 0.999, eps: float = 1e-8) -> optax.GradientTransformation:
    """`optax.scale_by_adam` with 1 - beta^t to float32's last digits.

    Optax subtracts 0.999^t from 1 in float32, which is off by 1.3e-5 at the first step, and every update by half of it.
    """

    def update(updates, state, params=None):
        del params
        mu = jax.tree.map(lambda m, g: first * m + (1 - first) * g, state.mu, updates)
        nu = jax.tree.map(lambda v, g: second * v + (1 - second) * g**2, state.nu, updates)
        count = optax.safe_increment(state.count)
        mean, square = _unbiased(mu, first, count), _unbiased(nu, second, count)
        scaled = jax.tree.map(lambda m, v: m / (jnp.sqrt(v) + eps), mean, square)
        return scaled, optax.ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformation(optax.scale_by_adam().init, update)


def _unbiased(averages, decay: float, count):
    """Running averages that began at 0, divided by 1 - decay^count."""
    share = -jnp.expm1(count.astype(float) * math.log(decay))
    return jax.tree.map(lambda average: average / share.astype(average.dtype), averages)


def sgd(momentum: float, weight_decay: float, *, nesterov: bool = False) -> optax.GradientTransformation:
    """SGD as PyTorch has it: weight decay, then momentum; `apply_updates` scales by the rate."""
    return optax.chain(optax.add_decayed_weights(weight_decay), optax.trace(decay=momentum, nesterov=nesterov))


def caffe_sgd(momentum: float, weight_decay: float) -> optax.GradientTransformation:
    """SGD as Peng's Caffe networks have it: biases learn twice as fast, that of the classifier does not decay.

    Where the rate drops, Caffe's momentum keeps steps of the old rate, and this one, like PyTorch's, does not.
    """
    return optax.chain(
        optax.add_decayed_weights(weight_decay, _named(lambda path: "'head'" not in path or "'bias'" not in path)),
        optax.trace(decay=momentum),
        _scaled("['bias']", 2.0),
    )


def slowed(optimizer: optax.GradientTransformation, where: str, factor: float) -> optax.GradientTransformation:
    """The same, but parameters whose path contains `where` learn `factor` times as fast."""
    return optax.chain(optimizer, _scaled(where, factor))


def _scaled(where: str, factor: float) -> optax.GradientTransformation:
    return optax.masked(optax.scale(factor), _named(lambda path: where in path))


def _named(chosen: Callable[[str], bool]) -> Callable:
    """Mask of the parameters whose path is chosen."""
    return functools.partial(jax.tree_util.tree_map_with_path, lambda path, _: chosen(jax.tree_util.keystr(path)))
