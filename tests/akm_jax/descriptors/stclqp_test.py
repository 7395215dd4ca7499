"""STCLQP: codes against their formula, codebooks, and that these come from the training clips alone."""

import numpy as np
import pytest

from akm_jax.descriptors import stclqp
from akm_jax.descriptors.blocks import PLANES
from akm_jax.descriptors.codebooks import (
    CodebookConfig,
    block_histograms,
    clip_histograms,
    features,
    fisher_ratios,
    learn_codebook,
    learn_codebooks,
)
from akm_jax.descriptors.lbp_top import LBPTopConfig
from akm_jax.descriptors.local_binary_patterns import centres, rounded_offsets, uniform_table
from akm_jax.descriptors.stclqp import COMPONENTS, STCLQPConfig, component_codes

AXES = {"XY": (2, 1), "XT": (2, 0), "YT": (1, 0)}


def large(distances):
    return sum((one >= distances.mean()).astype(int) << p for p, one in enumerate(distances))


def around_centres(values, plane, radii, distance):
    near = [centres(values, radii, tuple(offset)) for offset in rounded_offsets(plane, 8, radii)]
    return np.stack([distance(one, centres(values, radii)) for one in near])


def circular(one, other):
    far = np.abs(one - other)
    return np.minimum(far, 2 * np.pi - far)


@pytest.mark.parametrize("radii", [(1, 1, 1), (1, 1, 2), (3, 2, 1)])
def test_codes_are_those_of_the_formula(noise, radii):
    """Angles are kept to 1/65536 of the circle, so a bit in thousands falls to the other side of the mean."""
    codes = component_codes(noise, radii=radii)
    padded = np.pad(noise.astype(float), 1, mode="edge")
    for plane in PLANES:
        first, second = ((np.roll(padded, -1, a) - np.roll(padded, 1, a))[1:-1, 1:-1, 1:-1] for a in AXES[plane])
        angles = np.arctan2(second, first)
        greys = around_centres(noise.astype(float), plane, radii, lambda one, other: np.abs(one - other))
        np.testing.assert_array_equal(codes[plane, "magnitude"], large(greys))
        turns = around_centres(angles, plane, radii, circular)
        assert np.mean(codes[plane, "orientation"] != large(turns)) < 3e-3


def test_magnitudes_of_the_known_volume(golden_volume, monkeypatch):
    """Their threshold is that of the sums which the codes are made by, and parts the differences."""
    summed, real = [], stclqp._sum
    monkeypatch.setattr(stclqp, "_sum", lambda seen: summed.append((real(seen), seen.size)) or summed[-1][0])
    codes = component_codes(golden_volume)["XY", "magnitude"]
    total, count = np.sum(summed[:8], axis=0)  # of 8 neighbours; the other components and planes come after
    assert total / count == pytest.approx(93.45714285714286, abs=1e-12)
    assert int(codes.sum()) == 35187
    greys = around_centres(golden_volume.astype(float), "XY", (1, 1, 1), lambda one, other: np.abs(one - other))
    is_large = np.stack([codes >> p & 1 for p in range(8)]).astype(bool)
    assert greys[~is_large].max() < total / count <= greys[is_large].min()


def test_what_grey_levels_change(noise):
    dark = noise // 4
    codes, brighter, doubled = (component_codes(clip) for clip in (dark, dark + 40, dark * 2))
    rising = np.sort(np.random.default_rng(1).permutation(256)[:64]).astype(np.uint8)
    for plane in PLANES:
        for component in COMPONENTS:
            np.testing.assert_array_equal(codes[plane, component], brighter[plane, component])
        np.testing.assert_array_equal(codes[plane, "magnitude"], doubled[plane, "magnitude"])
        np.testing.assert_array_equal(codes[plane, "sign"], component_codes(rising[dark])[plane, "sign"])


@pytest.fixture(scope="module")
def drawn():
    """Counts of 12 clips of three classes and four subjects: classes differ in texture."""
    rng = np.random.default_rng(2)
    config = STCLQPConfig(2, 2, 1, radii=(1, 1, 1))
    labels = np.arange(12) % 3
    clips = [rng.integers(0, 256 >> 2 * k, (6, 14, 14), dtype=np.uint8) // (1 + k) for k in labels.tolist()]
    return np.stack([config(clip) for clip in clips]), labels, clips


def test_counts_hold_lbp_top(drawn):
    """Without quantisation the sign part is the histogram of all codes; with the uniform table that of 59 bins."""
    counts, _, clips = drawn
    top = LBPTopConfig(2, 2, 1, radii=(1, 1, 1), patterns="all")
    whole = learn_codebooks(clip_histograms(counts), np.arange(12) % 3, words_per_class=16, words=256)
    signs = features(block_histograms(counts), whole).reshape(12, 3, 3, 4, 256)[:, :, 0]
    uniform = features(block_histograms(counts), np.tile(uniform_table(8), (9, 1))).reshape(12, 3, 3, 4, 59)[:, :, 0]
    for clip, of_all, of_59 in zip(clips, signs, uniform, strict=True):
        expected = top.histograms(clip).reshape(4, 3, 256).transpose(1, 0, 2)
        np.testing.assert_allclose(of_all, expected, atol=1e-7)  # single precision
        counted = np.stack([np.bincount(uniform_table(8), h, 59) for h in expected.reshape(12, 256)])
        np.testing.assert_allclose(of_59.reshape(12, 59), counted, atol=1e-6)


def test_codebooks_do_not_depend_on_the_order_of_clips(drawn):
    counts, labels, _ = drawn
    clips, order = clip_histograms(counts), np.random.default_rng(0).permutation(12)
    settings = {"words_per_class": 6, "words": 8}
    learned = learn_codebooks(clips, labels, **settings)
    np.testing.assert_array_equal(learned, learn_codebooks(clips[order], labels[order], **settings))
    assert learned.shape == (9, 256)
    assert learned.max() == 7


def test_words_that_tell_classes_apart_are_kept():
    """Two groups of codes far from each other, each of one class, and a third that both classes have."""
    clips = np.zeros((4, 256))
    clips[:2, 0b00000000], clips[2:, 0b11111111] = (0.5, 0.6), (0.55, 0.5)
    clips[:, 0b00001111] = 1 - clips.sum(1)
    table = learn_codebook(clips, np.array([0, 0, 1, 1]), 2, 2)
    assert table[0b00000000] != table[0b11111111]
    assert table[0b00000001] == table[0b00000000]
    assert table[0b01111111] == table[0b11111111]
    assert set(table) == {0, 1}


def test_fisher_ratio():
    values, labels = np.array([[1.0, 5, 2, 0], [3, 5, 2, 1], [4, 5, 3, 0], [8, 5, 3, 1]]), np.array([0, 0, 1, 1])
    found = fisher_ratios(values, labels)
    between, within = 2 * (2 - 4) ** 2 + 2 * (6 - 4) ** 2, 2 * 1 + 2 * 4
    np.testing.assert_allclose(found, [between / within, 0, np.inf, 0])


def test_bad_clips_and_settings_are_refused(noise):
    with pytest.raises(ValueError, match="a clip of 4 frames is too short .* at least 5"):
        component_codes(noise[:4], radii=(1, 1, 2))
    with pytest.raises(ValueError, match="type uint8, got float64"):
        component_codes(noise.astype(float))
    with pytest.raises(ValueError, match="at least 1 word"):
        CodebookConfig(words=())
    with pytest.raises(ValueError, match="at least 1 word"):
        CodebookConfig(words_per_class=0)
