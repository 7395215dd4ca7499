"""The fused stem against its four layers one after another, on the CPU's way and on the other back ends'."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akm_jax.clips import pack
from akm_jax.ops import stem as module
from akm_jax.ops.conv import conv_lax
from akm_jax.ops.norm import normalise_per_clip
from akm_jax.ops.pool import max_pool
from akm_jax.ops.stem import stem, stem_evaluated

LENGTHS, FRAMES = (3, 1, 5), 11
CLIPS = pack([np.zeros((n, 4, 4), np.float32) for n in LENGTHS], num_frames=FRAMES, num_clips=4)


def layers(frames, kernel, scale, bias):
    return max_pool(jax.nn.relu(normalise_per_clip(conv_lax(frames, kernel, 2), scale, bias, CLIPS)[0]))


def arguments(height=64, width=32, features=8):
    keys = jax.random.split(jax.random.key(0), 4)
    frames = jax.random.uniform(keys[0], (FRAMES, height, width, 1))
    kernel = jax.random.normal(keys[1], (5, 5, 1, features))
    scale = (1 + 0.1 * jax.random.normal(keys[2], (features,))) * jnp.resize(jnp.array([1.0, -1.0, 1.0]), features)
    return frames, kernel, scale, jnp.linspace(-0.2, 0.2, features)


@pytest.fixture(params=["one chunk", "chunks of one frame", "other back ends"])
def way(request, monkeypatch):
    if request.param == "chunks of one frame":
        monkeypatch.setattr(module, "CHUNK_FLOATS", 1)
    if request.param == "other back ends":
        monkeypatch.setattr(jax.lax, "platform_dependent", lambda *args, cpu, default: default(*args))
    return request.param


def close(a, b):
    # float32 sums in another order.
    np.testing.assert_allclose(a, b, atol=5e-6 * float(jnp.abs(b).max()))


def test_value_and_gradients_are_those_of_the_layers(way):
    given = arguments()
    real = sum(LENGTHS)
    expected, pullback = jax.vjp(layers, *given)
    (ours, mean, var), our_pullback = jax.vjp(lambda *a: stem(*a, CLIPS), *given)
    close(ours[:real], expected[:real])
    dy = jax.random.normal(jax.random.key(1), expected.shape).at[real:].set(0)
    for a, b in zip(our_pullback((dy, jnp.zeros_like(mean), jnp.zeros_like(var))), pullback(dy), strict=True):
        close(a, b)


def test_statistics_are_those_of_the_convolution(way):
    frames, kernel, scale, bias = arguments()
    _, mean, var = stem(frames, kernel, scale, bias, CLIPS)
    first = conv_lax(frames, kernel, 2)[: LENGTHS[0]]
    close(mean[0], first.mean((0, 1, 2)))
    close(var[0], first.var((0, 1, 2)))


def test_evaluation_applies_the_fixed_map(way):
    frames, kernel, factor, shift = arguments()
    expected = max_pool(jax.nn.relu(conv_lax(frames, kernel, 2) * factor + shift))
    close(stem_evaluated(frames, kernel, factor, shift), expected)


def test_padding_frames_change_nothing():
    frames, *rest = arguments()
    noisy = frames.at[sum(LENGTHS) :].set(9.0)

    def loss(kernel, frames):
        return jnp.sum(stem(frames, kernel, *rest[1:], CLIPS)[0][: sum(LENGTHS)] ** 2)

    np.testing.assert_array_equal(*[jax.grad(loss)(rest[0], f) for f in (frames, noisy)])


@pytest.mark.parametrize("call", [lambda f, k, s, b: stem(f, k, s, b, CLIPS), stem_evaluated])
def test_sizes_that_do_not_pool_are_refused(call):
    with pytest.raises(ValueError, match="multiples of 4"):
        call(*arguments(height=30))
