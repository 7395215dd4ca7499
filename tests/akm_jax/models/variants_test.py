"""Every variant of AKMNet on hand-made features: what it computes, and which parts its gradients reach."""

import dataclasses
import functools
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from akm_jax.clips import pack
from akm_jax.config import AKMNetConfig, Mining, ModelConfig
from akm_jax.losses import clip_losses, mean_margin
from akm_jax.models.akmnet import AKMNet

# Mean features of the frames of two clips: what they do shows in the third number, the peak of each in frame 2 and 1.
FEATURES = [
    np.array([[1, 1, 0.1, 0.3], [1, 0.9, 0.7, 0.2], [0.8, 1, 2.0, 0.2], [1, 1, 0.4, 0.3], [0.9, 1.2, 0.1, 0.4]]),
    np.array([[0.5, 2, 0.2, 1.0], [0.6, 1.8, 1.5, 0.8], [0.5, 2.1, 0.3, 1.1]]),
]
KERNEL, BIAS = np.array([[0.3], [-0.6], [0.9], [0.2]]), 0.1
NUM_CLASSES, HIDDEN = 3, 2
PARTS_OFF = ("s123", "s12", "s13", "s23", "all")
CHOSEN_BEFOREHAND = ("random", "norm16")


class Given(nnx.Module):
    """A trunk that gives its frames back: the test's own feature maps, at one position."""

    def __call__(self, frames, clips, *, train):
        return frames


def network(mining: Mining, variant="code") -> AKMNet:
    config = ModelConfig(image_size=32, widths=(1, 1, 1, 4), gru_hidden=HIDDEN, mining=mining, variant=variant)
    model = AKMNet(config, NUM_CLASSES, rngs=nnx.Rngs(3))
    model.trunk = Given()
    model.mining.kernel[...], model.mining.bias[...] = jnp.asarray(KERNEL, jnp.float32), jnp.array([BIAS])
    return model


def packed(features=FEATURES):
    """The clips with two frames of padding, which hold something."""
    frames, labels = [np.zeros((len(f), 1, 1), np.float32) for f in features], [0, 2][: len(features)]
    clips = pack(frames, labels, num_frames=10, max_frames=5)
    filled = np.concatenate([*features, np.full((10 - sum(map(len, features)), 4), 0.7)])
    return dataclasses.replace(clips, frames=jnp.asarray(filled[:, None, None, :], jnp.float32))


def attention(p):
    return 1 / (1 + np.exp(-(p @ KERNEL[:, 0]) - BIAS))


def correlation(p, alpha):
    g = (alpha[:, None] * p).sum(0)
    return p @ g / np.linalg.norm(p, axis=1) / np.linalg.norm(g)


def defined(mining: str, p):
    """Weight of every frame by the variant's definition, 0 where it is not seen."""
    ones = np.ones(len(p))
    if mining == "s12":
        return correlation(p, attention(p))
    if mining in ("s123", "s13", "s23"):
        score = {
            "s123": lambda: correlation(p, attention(p)),
            "s13": lambda: attention(p),
            "s23": lambda: correlation(p, ones),
        }[mining]()
        return (score >= score.mean()).astype(float)
    return ones


@pytest.mark.parametrize("mining", PARTS_OFF)
def test_a_variant_computes_what_its_definition_says(mining):
    model = network(mining)
    found = model(packed())
    weights = [defined(mining, p) for p in FEATURES]
    seen = packed([w[w > 0, None] * p[w > 0] for w, p in zip(weights, FEATURES, strict=True)])  # others: not there
    fused = model.fusion(seen.frames, (seen.clip_ids < 2).astype(jnp.float32), seen)
    expected = fused @ model.head_kernel[...] + model.head_bias[...]
    np.testing.assert_allclose(found.logits, expected, rtol=1e-5, atol=1e-6)
    chosen = np.split(np.asarray(found.key_frames.selected), [5, 8])
    for selected, p in zip(chosen, FEATURES, strict=False):
        np.testing.assert_array_equal(selected, defined(mining, p) > 0)
    assert not chosen[2].any()


def test_the_variants_with_parts_left_out_choose_differently():
    """Else the test above would show little."""
    chosen = {mining: tuple((defined(mining, FEATURES[0]) > 0).tolist()) for mining in ("s123", "s13", "s23", "s12")}
    assert len(set(chosen.values())) >= 3, chosen


@functools.cache
def gradients(mining, variant):
    """Of the loss that the variant is trained with: by its parameters, and by every frame's features."""
    config = AKMNetConfig(model=ModelConfig(mining=mining)).applicable.train
    clips = packed()
    graph, params = nnx.split(network(mining, variant))

    def loss(params, frames):
        given = dataclasses.replace(clips, frames=frames)
        output = nnx.merge(graph, params)(given)
        weights = {"sparsity_weight": config.sparsity_weight, "margin_weight": config.margin_weight}
        return jnp.sum(clip_losses(output, given, **weights).total)

    of_params, of_frames = jax.grad(loss, argnums=(0, 1))(params, clips.frames)
    return of_params, np.abs(np.asarray(of_frames)).sum((1, 2, 3))


@pytest.mark.parametrize(
    ("mining", "variant"),
    [(mining, variant) for mining in PARTS_OFF for variant in ("code", "paper")]
    + [(mining, "code") for mining in CHOSEN_BEFOREHAND],
)
def test_gradients_reach_exactly_the_parts_that_are_on(mining, variant):
    of_params, of_frames = gradients(mining, variant)
    attended = np.abs(np.asarray(of_params["mining"]["kernel"][...])).max()
    if "1" in ModelConfig(mining=mining).mining_parts:
        assert attended > 1e-4
    else:
        assert attended == 0
        assert of_params["mining"]["bias"][...] == 0
    for leaf in (*jax.tree.leaves(of_params["fusion"]), of_params["head_kernel"][...], of_params["head_bias"][...]):
        assert np.abs(np.asarray(leaf)).max() > 0
    assert (of_frames[:8] > 1e-6).all()  # through scores or recurrence, every frame of every clip
    assert (of_frames[8:] == 0).all()


def scores(mining, p):
    """Scores of one clip's frames by the variant's definition, (T,)."""
    alpha = jax.nn.sigmoid(p @ KERNEL[:, 0] + BIAS) if "1" in mining else jnp.ones(len(p))
    total = alpha @ p
    cosine = p @ total / jnp.linalg.norm(p, axis=1) / jnp.linalg.norm(total)
    return cosine if "2" in mining else alpha


@pytest.mark.parametrize("variant", ["code", "paper"])
@pytest.mark.parametrize("mining", ["s123", "s13", "s23"])
def test_the_selection_passes_its_gradient_to_the_scores(mining, variant):
    """In the released program to those of all frames, in the paper to those of the selected ones (eq. 16-17)."""
    model, clips = network(mining, variant), packed()
    wanted = np.random.default_rng(0).uniform(1, 2, 10)

    def selected(frames):
        given = dataclasses.replace(clips, frames=frames)
        return jnp.sum(jnp.asarray(wanted, jnp.float32) * model.mining(frames, given).selected)

    found = np.asarray(jax.grad(selected)(clips.frames))[:, 0, 0]
    for p, of_clip, weights in zip(FEATURES, (found[:5], found[5:8]), (wanted[:5], wanted[5:8]), strict=True):
        above = defined(mining, p) if variant == "paper" else 1
        expected = jax.grad(lambda p, weights=weights * above: weights @ scores(mining, p))(jnp.asarray(p))
        np.testing.assert_allclose(of_clip, expected, rtol=1e-3, atol=1e-5)
    assert not found[8:].any()


@pytest.mark.parametrize(("variant", "expected"), [("code", [1, 1, 0]), ("paper", [1, 0, 0])])
def test_a_frame_that_scores_the_mean_is_a_key_frame_in_the_released_program_alone(variant, expected):
    """Attention of 1, .5 and 0, whose mean is .5 to the last digit."""
    values = (np.array([30, 0, -30]) - BIAS) / KERNEL[2, 0]
    clips = packed([values[:, None] * np.array([0, 0, 1, 0])])
    found = network("s13", variant)(clips).key_frames
    assert found.beta[1] == found.threshold[0] == 0.5
    np.testing.assert_array_equal(found.selected[:3], expected)


@pytest.mark.parametrize("mining", ["s13", "s23"])
def test_a_clip_of_equal_frames_keeps_them_all_in_both(mining):
    for variant in ("code", "paper"):
        found = network(mining, variant)(packed([np.ones((4, 4))])).key_frames
        np.testing.assert_array_equal(found.selected[:4], 1)


def test_what_selects_nothing_is_the_same_in_both():
    for mining in ("s12", "all"):
        code, paper = (network(mining, variant)(packed()) for variant in ("code", "paper"))
        np.testing.assert_array_equal(code.logits, paper.logits)
        for one, other in zip(*(jax.tree.leaves(gradients(mining, v)) for v in ("code", "paper")), strict=True):
            np.testing.assert_array_equal(one, other)


def test_variants_that_choose_frames_beforehand_have_the_network_without_mining():
    for mining in set(get_args(Mining)) - set(PARTS_OFF):
        assert ModelConfig(mining=mining).mining_parts == ModelConfig(mining="all").mining_parts == ""


def test_without_selection_only_cross_entropy_is_learned_from():
    for mining in get_args(Mining):
        train = AKMNetConfig(model=ModelConfig(mining=mining)).applicable.train
        learned = (train.sparsity_weight, train.margin_weight)
        assert learned == ((0.1, 1.0) if mining in ("s123", "s13", "s23") else (0.0, 0.0))


@pytest.mark.parametrize(("mining", "margin"), [("s13", "alpha"), ("s23", "cosine to the plain sum")])
def test_the_margin_of_a_variant_is_that_of_its_scores(mining, margin):
    clips = packed()
    losses = clip_losses(network(mining)(clips), clips)
    for clip, p in enumerate(FEATURES):
        score = attention(p) if mining == "s13" else correlation(p, np.ones(len(p)))
        above = score > score.mean()
        assert losses.margin[clip] == pytest.approx(2 - (score[above].mean() - score[~above].mean()), rel=1e-5)


def test_without_global_correlation_a_frame_scores_by_itself():
    """The margin's gradient of s13 at a frame is that of its own alpha, of which nothing else knows."""
    clips, model = packed(), network("s13")

    def margins(frames):
        given = dataclasses.replace(clips, frames=frames)
        return jnp.sum(mean_margin(model.mining(frames, given), given))

    found = jax.grad(margins)(clips.frames)[:, 0, 0]
    for p, of_clip in zip(FEATURES, (found[:5], found[5:8]), strict=True):
        alpha = attention(p)
        above = alpha > alpha.mean()
        share = np.where(above, -1 / above.sum(), 1 / (~above).sum())
        expected = (share * alpha * (1 - alpha))[:, None] * KERNEL[:, 0]
        np.testing.assert_allclose(of_clip, expected, rtol=1e-4, atol=1e-6)


def test_an_unknown_variant_is_named():
    with pytest.raises(ValueError, match=r"--model\.mining=s124: expected one of s123, s12"):
        ModelConfig(mining="s124").validate()  # type: ignore[arg-type]
