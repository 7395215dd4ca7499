import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akm_jax.ops.pool import max_pool, max_pool_gradient, max_pool_places


@pytest.mark.parametrize("side", [8, 7, 1])
def test_max_pool_is_the_maximum_of_each_window(side):
    x = np.asarray(jax.random.normal(jax.random.key(0), (2, side, side, 3)))
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    out = (side + 1) // 2
    expected = np.array(
        [[padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max((1, 2)) for j in range(out)] for i in range(out)]
    ).transpose(2, 0, 1, 3)
    np.testing.assert_array_equal(max_pool(jnp.asarray(x)), expected)


def test_max_pool_gives_the_gradient_of_a_tie_to_one_value():
    gradient = jax.grad(lambda x: max_pool(x).sum())(jnp.ones((1, 4, 4, 1)))
    assert set(np.unique(gradient)) <= {0.0, 1.0, 2.0, 4.0}
    assert gradient.sum() == 4


def test_gradient_from_places_is_that_of_the_maximum():
    x = jax.random.normal(jax.random.key(0), (2, 8, 6, 3)).round(1)  # some values tie
    largest, pullback = jax.vjp(max_pool, x)
    dy = jax.random.normal(jax.random.key(1), largest.shape)
    _, places = max_pool_places(x)
    expected = pullback(dy)[0]
    for i, rows in enumerate(max_pool_gradient(dy, places)):
        for j, quarter in enumerate(rows):
            np.testing.assert_allclose(quarter, expected[:, i::2, j::2], atol=1e-6)
