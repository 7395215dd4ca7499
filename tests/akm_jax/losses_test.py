import jax
import jax.numpy as jnp
import numpy as np

from akm_jax.clips import pack
from akm_jax.losses import clip_losses, global_sparsity, mean_margin
from akm_jax.models.akmnet import AKMNetOutput
from akm_jax.models.key_frames import KeyFrames, select

LENGTHS = (5, 1, 3)


def make_case(beta=None):
    clips = pack([np.zeros((n, 1, 1), np.float32) for n in LENGTHS], [1, 0, 2], num_frames=10, num_clips=4)
    beta = jax.random.uniform(jax.random.key(0), (10,)) if beta is None else beta
    threshold = clips.mean(beta)
    return clips, KeyFrames(beta, beta, threshold, select(beta, threshold, clips, "code"))


def test_sparsity_counts_key_frames_beyond_the_first():
    clips, key_frames = make_case()
    counts = [int(np.asarray(key_frames.selected)[np.asarray(clips.clip_ids) == c].sum()) for c in range(3)]
    np.testing.assert_array_equal(global_sparsity(key_frames, clips)[:3], [n - 1 for n in counts])


def test_margin_is_two_minus_the_difference_of_means():
    clips, key_frames = make_case()
    for c in (0, 2):
        beta = np.asarray(key_frames.beta)[np.asarray(clips.clip_ids) == c]
        expected = 2 - (beta[beta > beta.mean()].mean() - beta[beta < beta.mean()].mean())
        np.testing.assert_allclose(mean_margin(key_frames, clips)[c], expected, rtol=1e-6)


def test_margin_without_two_sides_is_two_with_gradient_zero():
    clips, key_frames = make_case()
    assert mean_margin(key_frames, clips)[1] == 2  # one frame

    def margin(beta):
        return mean_margin(key_frames._replace(beta=beta, threshold=clips.mean(beta)), clips)[1]

    np.testing.assert_array_equal(jax.grad(margin)(key_frames.beta), 0)


def test_empty_slots_lose_nothing_and_terms_add_up():
    clips, key_frames = make_case()
    output = AKMNetOutput(jax.random.normal(jax.random.key(1), (4, 3)), key_frames)
    losses = clip_losses(output, clips, sparsity_weight=0.5, margin_weight=2.0)
    assert all(float(term[3]) == 0 for term in losses)
    log_p = jax.nn.log_softmax(output.logits)
    np.testing.assert_allclose(losses.cross_entropy[:3], -log_p[jnp.arange(3), clips.labels[:3]], rtol=1e-4)
    expected = losses.cross_entropy + 0.5 * losses.sparsity + 2 * losses.margin
    np.testing.assert_allclose(losses.total, expected, rtol=1e-6)
