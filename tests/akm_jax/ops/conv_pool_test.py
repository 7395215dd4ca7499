import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akm_jax.ops.conv_pool import _conv_max_lax, conv_max


@pytest.mark.parametrize("shape", [(3, 12, 18), (1, 6, 6)])
def test_it_is_the_convolution_then_the_pool_and_so_are_its_gradients(shape):
    rng = np.random.default_rng(0)
    x, kernel = rng.standard_normal(shape), rng.standard_normal((5, 5, 2))
    with jax.enable_x64(True):
        x, kernel = jnp.asarray(x), jnp.asarray(kernel)
        results = []
        for function in (conv_max, _conv_max_lax):
            value, gradients = jax.jit(lambda x, k, f=function: jax.vjp(f, x, k))(x, kernel)
            results.append([value, *gradients(jnp.cos(jnp.arange(value.size)).reshape(value.shape))])
        for ours, plain in zip(*results, strict=True):
            np.testing.assert_allclose(ours, plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("shape", "kernel"), [((1, 8, 6), (5, 5, 2)), ((1, 6, 6), (3, 3, 2)), ((6, 6), (5, 5, 2))])
def test_other_shapes_are_refused(shape, kernel):
    with pytest.raises(ValueError, match="multiples of 6"):
        conv_max(jnp.ones(shape), jnp.ones(kernel))
