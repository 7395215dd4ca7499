"""Batch norm over a batch: the formula, rows that do not count, Caffe's averages."""

import jax.numpy as jnp
import numpy as np

from akm_jax.ops.batch_norm import BatchNorm

X = np.random.default_rng(0).normal(2, 3, (5, 4, 6, 3)).astype(np.float32)
EVERYONE = np.ones(5, bool)


def test_it_is_the_formula():
    norm = BatchNorm(3)
    y = norm(jnp.asarray(X), EVERYONE, train=True)
    mean, var = X.mean((0, 1, 2)), X.var((0, 1, 2))
    np.testing.assert_allclose(y, (X - mean) / np.sqrt(var + 1e-5), atol=1e-5)
    np.testing.assert_allclose(norm.mean[...], 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(norm.var[...], 0.9 + 0.1 * X.var((0, 1, 2), ddof=1), rtol=1e-5)
    evaluated = norm(jnp.asarray(X), EVERYONE, train=False)
    np.testing.assert_allclose(evaluated, (X - norm.mean[...]) / np.sqrt(norm.var[...] + 1e-5), atol=1e-5)


def test_rows_that_do_not_count_change_nothing():
    mask = np.array([True, False, True, True, False])
    filled, alone = BatchNorm(3), BatchNorm(3)
    y = filled(jnp.where(mask[:, None, None, None], X, 1e4), mask, train=True)
    expected = alone(jnp.asarray(X[mask]), np.ones(3, bool), train=True)
    np.testing.assert_allclose(y[mask], expected, atol=1e-5)
    np.testing.assert_allclose(filled.var[...], alone.var[...], rtol=1e-5)


def test_an_empty_batch_leaves_the_averages():
    norm = BatchNorm(3, corrected=True)
    norm(jnp.asarray(X), np.zeros(5, bool), train=True)
    assert norm.weight[...] == 0
    np.testing.assert_array_equal(norm.mean[...], 0)


def test_caffes_averages_are_decayed_sums_over_their_weight():
    norm, decay = BatchNorm(3, momentum=0.25, corrected=True), 0.75
    total, weight = np.zeros(3), 0.0
    for i in range(3):
        norm(jnp.asarray((i + 1) * X), EVERYONE, train=True)
        total, weight = decay * total + (i + 1) * X.mean((0, 1, 2)), decay * weight + 1
        np.testing.assert_allclose(norm.mean[...], total / weight, rtol=1e-5)


def test_a_batch_that_replaces_the_averages_leaves_nothing_of_them():
    """However small its mean is beside what was there."""
    norm, small = BatchNorm(3, momentum=1.0), 1e-4 * jnp.asarray(X)
    norm.mean[...] = jnp.full(3, 0.1)
    norm(small, EVERYONE, train=True)
    np.testing.assert_allclose(norm.mean[...], np.asarray(small, np.float64).mean((0, 1, 2)), rtol=3e-7)
