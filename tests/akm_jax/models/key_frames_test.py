import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from akm_jax.clips import pack
from akm_jax.models.key_frames import KeyFrameMining, select

LENGTHS = (6, 1, 4)


@pytest.fixture(scope="module")
def case():
    clips = pack([np.zeros((n, 1, 1), np.float32) for n in LENGTHS], num_frames=13, num_clips=4)
    maps = jax.random.uniform(jax.random.key(0), (13, 2, 2, 8))
    return KeyFrameMining(8, rngs=nnx.Rngs(0)), maps, clips


def by_clip(values):
    return np.split(np.asarray(values)[: sum(LENGTHS)], np.cumsum(LENGTHS)[:-1])


def test_scores_are_those_of_the_formula(case):
    mining, maps, clips = case
    found = mining(maps, clips)
    kernel, bias = np.asarray(mining.kernel[...]), float(mining.bias[0])
    parts = zip(by_clip(maps), by_clip(found.alpha), by_clip(found.beta), by_clip(found.selected), strict=True)
    for part, alpha, beta, selected in parts:
        p = part.mean((1, 2))
        expected_alpha = 1 / (1 + np.exp(-(p @ kernel)[:, 0] - bias))
        g = (expected_alpha[:, None] * p).sum(0)
        expected_beta = p @ g / np.linalg.norm(p, axis=1) / np.linalg.norm(g)
        np.testing.assert_allclose(alpha, expected_alpha, rtol=1e-5)
        np.testing.assert_allclose(beta, expected_beta, rtol=1e-5)
        np.testing.assert_array_equal(selected, beta >= beta.mean() - 1e-7)


def test_a_clip_of_one_frame_keeps_it(case):
    mining, maps, clips = case
    for variant in ("code", "paper"):
        mining.variant = variant
        assert by_clip(mining(maps, clips).selected)[1].tolist() == [1.0]
    mining.variant = "code"


@pytest.mark.parametrize("variant", ["code", "paper"])
@pytest.mark.parametrize("length", [2, 7, 58, 141])
def test_a_still_clip_always_keeps_a_frame(variant, length):
    """The mean of equal scores may round above all of them."""
    for seed in range(5):
        clips = pack([np.zeros((length, 1, 1), np.float32)])
        frame = jax.random.uniform(jax.random.key(seed), (1, 2, 2, 32))
        mining = KeyFrameMining(32, variant=variant, rngs=nnx.Rngs(seed))
        assert mining(jnp.repeat(frame, length, 0), clips).selected.sum() >= 1


def test_padding_frames_are_never_selected(case):
    mining, maps, clips = case
    np.testing.assert_array_equal(mining(maps, clips).selected[sum(LENGTHS) :], 0)


def test_features_of_zeros_give_finite_scores_and_gradients(case):
    mining, maps, clips = case

    def total(maps):
        return jnp.sum(mining(maps, clips).beta)

    value, gradient = jax.value_and_grad(total)(jnp.zeros_like(maps))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_gradient_of_the_code_variant_reaches_every_frame_of_clips_with_a_threshold_inside_0_1(case):
    clips = case[2]
    beta = jnp.arange(13.0) / 20
    d_selected = jnp.arange(13.0) + 1
    threshold = jnp.array([0.3, 0.0, 1.0, 0.5])
    _, pullback = jax.vjp(lambda b: select(b, threshold, clips, "code"), beta)
    expected = np.where(np.asarray(clips.clip_ids) == 0, d_selected, 0)
    np.testing.assert_array_equal(pullback(d_selected)[0], expected)


def test_gradient_of_the_paper_variant_reaches_frames_above_the_threshold(case):
    clips = case[2]
    beta = jnp.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.9, 0.2, 0.4, 0.3, 0.1, 0.7, 0.7])
    threshold = clips.mean(beta)
    d_selected = jnp.arange(13.0) + 1
    selected, pullback = jax.vjp(lambda b: select(b, threshold, clips, "paper"), beta)
    above = (np.asarray(beta) > np.asarray(clips.spread(threshold))) & (np.asarray(clips.clip_ids) < 4)
    np.testing.assert_array_equal(pullback(d_selected)[0], np.where(above, d_selected, 0))
    assert selected[6] == 1  # one frame, not above its own mean
