import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akm_jax.ops.conv import conv_patches
from akm_jax.ops.conv_norm_pool import conv_norm_pool, conv_norm_pool_evaluated, window_pixels, windows_across
from akm_jax.ops.norm import EPS
from akm_jax.ops.windows import max_windows

SIDE, MASK = 10, np.array([True, False, True, True])
rng = np.random.default_rng(0)
PICTURES = rng.normal(size=(4, SIDE, SIDE, 2))
# A factor below 0 takes the smallest value of a window.
WEIGHTS = {
    "kernel": rng.normal(size=(3, 3, 2, 5)),
    "bias": rng.normal(size=5),
    "scale": np.array([1.0, -0.5, 2.0, -1.0, 0.3]),
    "shift": rng.normal(size=5),
}


def plainly(weights, pad, moments=None):
    """Layer after layer; the maxima, mean and variance."""
    maps = jax.nn.relu(conv_patches(jnp.asarray(PICTURES), weights["kernel"], pad=pad) + weights["bias"])
    real = maps[MASK]
    mean, var = moments or (real.mean((0, 1, 2)), real.var((0, 1, 2)))
    normalised = (maps - mean) / jnp.sqrt(var + EPS) * weights["scale"] + weights["shift"]
    return max_windows(normalised, 3, 3, (1, 1)), mean, var


@pytest.fixture(params=["cpu", "gpu"], autouse=True)
def backend(request, monkeypatch):
    """A program is traced as on the CPU, or as on an accelerator, where it takes all clips at once."""
    monkeypatch.setattr(jax, "default_backend", lambda: request.param)


def by_window(maps, pad, pooled):
    across = windows_across(SIDE, pad)
    return jnp.moveaxis(maps.reshape(*maps.shape[:2], across, across), 1, -1)[:, :pooled, :pooled]


@pytest.mark.parametrize("pad", [1, 2])
def test_values_moments_and_gradients_are_those_of_layer_after_layer(pad):
    with jax.enable_x64(True):
        pixels, side = window_pixels(jnp.asarray(PICTURES), pad), SIDE + 2 * pad - 2
        expected, *moments = plainly(WEIGHTS, pad)
        pooled = expected.shape[1]
        weight = np.random.default_rng(1).normal(size=expected[MASK].shape)

        def in_one(weights):
            maps, mean, var = conv_norm_pool(pixels, **weights, mask=jnp.asarray(MASK), side=side)
            maps = by_window(maps, pad, pooled)[MASK]
            return jnp.sum(maps * weight), (maps, mean, var)

        def in_layers(weights):
            return jnp.sum(plainly(weights, pad)[0][MASK] * weight)

        weights = jax.tree.map(jnp.asarray, WEIGHTS)
        gradients, found = jax.jit(jax.grad(in_one, has_aux=True))(weights)
        for a, b in zip(found, (expected[MASK], *moments), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)  # sums in another order
        for name, gradient in jax.grad(in_layers)(weights).items():
            np.testing.assert_allclose(gradients[name], gradient, atol=1e-10 * np.abs(gradient).max(), err_msg=name)


@pytest.mark.parametrize("pad", [1, 2])
def test_evaluated_with_fixed_moments(pad):
    with jax.enable_x64(True):
        pixels, side = window_pixels(jnp.asarray(PICTURES), pad), SIDE + 2 * pad - 2
        mean, var = np.full(5, 0.2), np.full(5, 2.0)
        factor = WEIGHTS["scale"] / np.sqrt(var + EPS)
        shift = WEIGHTS["shift"] - mean * factor
        maps = conv_norm_pool_evaluated(pixels, WEIGHTS["kernel"], WEIGHTS["bias"], factor, shift, side)
        expected = plainly(WEIGHTS, pad, (mean, var))[0]
        np.testing.assert_allclose(by_window(maps, pad, expected.shape[1]), expected, atol=1e-12)
