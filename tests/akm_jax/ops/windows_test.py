"""Pooling against the windows written out."""

import jax.numpy as jnp
import numpy as np
import pytest

from akm_jax.ops.windows import max_windows, max_windows_caffe, mean_grid, mean_windows

X = np.random.default_rng(0).normal(size=(2, 11, 14, 3)).astype(np.float32)


@pytest.mark.parametrize(("size", "stride", "pad"), [(2, 2, (0, 0)), (3, 3, (1, 1)), (3, 2, (1, 1)), (4, 4, (0, 0))])
def test_the_largest_of_each_window(size, stride, pad):
    padded = np.pad(X, ((0, 0), pad, pad, (0, 0)), constant_values=-np.inf)
    rows, columns = ((n - size) // stride + 1 for n in padded.shape[1:3])
    expected = [
        [padded[:, i * stride :, j * stride :][:, :size, :size].max((1, 2)) for j in range(columns)]
        for i in range(rows)
    ]
    np.testing.assert_array_equal(max_windows(jnp.asarray(X), size, stride, pad), np.moveaxis(expected, 2, 0))


def test_caffe_rounds_up():
    found = max_windows_caffe(jnp.asarray(X))
    assert found.shape == (2, 5, 7, 3)
    np.testing.assert_array_equal(found[:, 0, 6], X[:, :3, 12:].max((1, 2)))


def test_the_mean_of_each_window():
    expected = X[:, :10].reshape(2, 5, 2, 7, 2, 3).mean((2, 4))
    np.testing.assert_allclose(mean_windows(jnp.asarray(X), 2), expected, atol=1e-6)


def test_cells_overlap_where_they_do_not_come_out_even():
    found = mean_grid(jnp.asarray(X), 5)
    np.testing.assert_allclose(found[:, 1, 4], X[:, 2:5, 11:].mean((1, 2)), atol=1e-6)
