import jax
import jax.numpy as jnp
import numpy as np

from akm_jax.clips import pack
from akm_jax.ops.norm import ClipBatchNorm, joined_updates, normalise_per_clip, successive_updates

LENGTHS = (3, 1, 5)


def make_batch(num_frames=11, num_clips=4):
    clips = pack([np.zeros((n, 2, 2), np.float32) for n in LENGTHS], num_frames=num_frames, num_clips=num_clips)
    x = 3 + 2 * jax.random.normal(jax.random.key(0), (num_frames, 4, 4, 6))
    return x, clips


def by_clip(x):
    return np.split(np.asarray(x)[: sum(LENGTHS)], np.cumsum(LENGTHS)[:-1])


def test_each_clip_is_normalised_by_its_own_statistics():
    x, clips = make_batch()
    y = ClipBatchNorm(6)(x, clips, train=True)
    for ours, part in zip(by_clip(y), by_clip(x), strict=True):
        expected = (part - part.mean((0, 1, 2))) / np.sqrt(part.var((0, 1, 2)) + 1e-5)
        np.testing.assert_allclose(ours, expected, atol=2e-6)


def test_running_averages_are_those_of_successive_updates():
    x, clips = make_batch()
    norm = ClipBatchNorm(6)
    norm(x, clips, train=True)
    mean, var = np.zeros(6), np.ones(6)
    for part in by_clip(x):
        mean = 0.9 * mean + 0.1 * part.mean((0, 1, 2))
        var = 0.9 * var + 0.1 * part.var((0, 1, 2), ddof=1)
    np.testing.assert_allclose(norm.mean[...], mean, rtol=1e-6)
    np.testing.assert_allclose(norm.var[...], var, rtol=1e-6)


def test_empty_slots_between_clips_update_nothing():
    running, per_clip = jnp.ones(2), jnp.array([[1.0, 2.0], [9.0, 9.0], [3.0, 4.0]])
    ours = successive_updates(running, per_clip, jnp.array([True, False, True]))
    expected = 0.9 * (0.9 * running + 0.1 * per_clip[0]) + 0.1 * per_clip[2]
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_parts_of_a_step_join_to_what_all_clips_give():
    running, per_clip = jnp.ones(2), jax.random.normal(jax.random.key(0), (5, 2))
    parts = [successive_updates(running, clips, jnp.ones(len(clips), bool)) for clips in (per_clip[:3], per_clip[3:])]
    together = successive_updates(running, per_clip, jnp.ones(5, bool))
    np.testing.assert_allclose(joined_updates(running, jnp.stack(parts), jnp.array([3, 2])), together, rtol=1e-6)
    without = joined_updates(running, jnp.stack([parts[0], running]), jnp.array([3, 0]))
    np.testing.assert_allclose(without, parts[0], rtol=1e-6)


def test_gradients_are_those_of_the_formula():
    x, clips = make_batch(num_frames=sum(LENGTHS), num_clips=3)
    weight = jax.random.normal(jax.random.key(1), x.shape)
    scale, bias = 1 + 0.1 * jnp.arange(6.0), 0.1 * jnp.arange(6.0)

    def formula(x, scale, bias):
        parts = jnp.split(x, np.cumsum(LENGTHS)[:-1])
        out = [(p - p.mean((0, 1, 2))) / jnp.sqrt(p.var((0, 1, 2)) + 1e-5) * scale + bias for p in parts]
        return jnp.sum(weight * jnp.concatenate(out))

    def ours(x, scale, bias):
        return jnp.sum(weight * normalise_per_clip(x, scale, bias, clips)[0])

    for a, b in zip(
        jax.grad(ours, (0, 1, 2))(x, scale, bias), jax.grad(formula, (0, 1, 2))(x, scale, bias), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-5 * float(jnp.abs(b).max()))


def test_evaluation_uses_the_running_averages_and_keeps_them():
    x, clips = make_batch()
    norm = ClipBatchNorm(6)
    norm.mean[...], norm.var[...] = jnp.full(6, 3.0), jnp.full(6, 4.0)
    y = norm(x, clips, train=False)
    np.testing.assert_allclose(y, (x - 3) / np.sqrt(4 + 1e-5), atol=1e-6)
    np.testing.assert_array_equal(norm.mean[...], np.full(6, 3.0))


def test_padding_frames_change_nothing():
    x, clips = make_batch()
    noisy = x.at[sum(LENGTHS) :].set(1e4)
    a, b = ClipBatchNorm(6), ClipBatchNorm(6)
    n = sum(LENGTHS)
    np.testing.assert_array_equal(a(x, clips, train=True)[:n], b(noisy, clips, train=True)[:n])
    np.testing.assert_array_equal(a.var[...], b.var[...])
