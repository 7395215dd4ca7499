"""Every convolution the trunk meets, and odd sizes, against lax.conv."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akm_jax.ops.conv import conv, conv_lax, product
from akm_jax.ops.winograd import CHUNK_FLOATS

TRUNK = [  # kernel, stride, side, channels in, channels out
    (5, 2, 128, 1, 64),
    (3, 1, 32, 64, 64),
    (3, 2, 32, 64, 128),
    (1, 2, 32, 64, 128),
    (3, 1, 16, 128, 128),
    (3, 2, 16, 128, 256),
    (3, 1, 8, 256, 256),
    (3, 2, 8, 256, 512),
    (3, 1, 4, 512, 512),
]
ODD = [(3, 1, 7, 3, 4), (3, 2, 7, 3, 4), (5, 2, 31, 1, 8), (1, 2, 5, 4, 6), (3, 1, 1, 8, 8), (3, 1, 2, 8, 8)]


def value_and_gradients(convolution):
    """The output and the gradients of picture and kernel, one program."""

    @functools.partial(jax.jit, static_argnums=3)
    def compute(x, kernel, dy, stride):
        value, pullback = jax.vjp(lambda x, k: convolution(x, k, stride), x, kernel)
        return value, *pullback(dy)

    return compute


@pytest.mark.parametrize(("size", "stride", "side", "inputs", "outputs"), TRUNK + ODD)
def test_value_and_gradients_are_those_of_lax_conv(size, stride, side, inputs, outputs):
    keys = jax.random.split(jax.random.key(0), 3)
    x = jax.random.normal(keys[0], (3, side, side, inputs))
    kernel = jax.random.normal(keys[1], (size, size, inputs, outputs)) / np.sqrt(size * size * inputs)
    dy = jax.random.normal(keys[2], conv_lax(x, kernel, stride).shape)
    # float32 products summed in another order; Winograd's transforms add a small factor.
    found, expected = (value_and_gradients(f)(x, kernel, dy, stride) for f in (conv, conv_lax))
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, atol=1e-5 * float(jnp.abs(b).max()))


@pytest.mark.parametrize("stride", [1, 2])
def test_chunks_do_not_change_the_result(stride):
    frames = 2 * CHUNK_FLOATS // (16 * 16 * 32) + 3  # several chunks; the last shares frames with the one before
    x = jax.random.normal(jax.random.key(0), (frames, 16, 16, 32))
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 32, 32)) / 17
    dy = conv_lax(x, kernel, stride)
    found, expected = (value_and_gradients(f)(x, kernel, dy, stride) for f in (conv, conv_lax))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * float(jnp.abs(b).max()))


@pytest.mark.parametrize(("size", "part"), [(147, 128), (300, 128), (1021, 128), (64, 128)])
def test_sums_in_parts_are_the_same_sums(size, part):
    rng = np.random.default_rng(0)
    x, matrix = rng.normal(size=(3, 2, 2, size)), rng.normal(size=(size, 300))
    dy = rng.normal(size=(3, 2, 2, 300))
    expected = x @ matrix, dy @ matrix.T, np.einsum("fhwp,fhwe->pe", x, dy)
    y, back = jax.vjp(lambda x, m: product(x, m, part), *(jnp.asarray(a, jnp.float32) for a in (x, matrix)))
    for actual, exact in zip((y, *back(jnp.asarray(dy, jnp.float32))), expected, strict=True):
        np.testing.assert_allclose(actual, exact, rtol=0, atol=2e-6 * np.abs(exact).max())  # float32 sums


def test_long_sums_in_parts_are_rounded_less():
    rng = np.random.default_rng(0)
    x, matrix = rng.normal(size=(8, 4, 4, 1024)), rng.normal(size=(1024, 64))
    given = [jnp.asarray(a, jnp.float32) for a in (x, matrix)]
    exact = np.einsum("fhwp,pe->fhwe", *(np.asarray(a, np.float64) for a in given))
    in_parts, at_once = (np.sqrt(np.mean((np.asarray(product(*given, part)) - exact) ** 2)) for part in (128, None))
    assert in_parts <= 0.7 * at_once
