"""Differences against numbers worked out by hand."""

import itertools

import numpy as np
import pytest

from akm_jax.loso.comparison import Hits, hits_of, mcnemar, optimism, paired_bootstrap, shuffle_labels


def hits(*rows, subjects="aabbcc"):
    correct = np.array([[mark == "1" for mark in row] for row in rows])
    return Hits(tuple(f"clip {i}" for i in range(correct.shape[1])), tuple(subjects), correct)


def result(subject, seed, **rules):
    """A fold whose clips all have label 1; each rule gives its predictions."""
    clips = {
        rule: {"clips": {f"{subject}_{i}": {"label": 1, "prediction": p} for i, p in enumerate(predictions)}}
        for rule, predictions in rules.items()
    }
    return {"subject": subject, "seed": seed, "rules": clips}


def test_bootstrap_interval_is_that_of_all_27_draws_of_three_subjects():
    """By subject two clips each: +1, 0, -1 of 2; every draw of three subjects is equally likely."""
    one, other = hits("111000"), hits("101010")
    drawn = sorted(sum(chosen) / 6 for chosen in itertools.product([1, 0, -1], repeat=3))
    found = paired_bootstrap(one, other, draws=200_000)
    assert found.value == 0.0
    assert (found.low, found.high) == (pytest.approx(drawn[0]), pytest.approx(drawn[-1]))
    narrow = paired_bootstrap(one, other, draws=200_000, level=0.5)
    assert (narrow.low, narrow.high) == (pytest.approx(-1 / 6), pytest.approx(1 / 6))  # 10 of 27 below 0, 7 at it
    assert found.p == 1.0


def test_subjects_weigh_by_their_clips():
    """Subject b has one clip and is lost: of the four draws aa, ab, ba, bb the differences are .5, .2, .2 and -1."""
    one, other = hits("11000", subjects="aaaab"), hits("00001", subjects="aaaab")
    found = paired_bootstrap(one, other, draws=100_000, level=0.6)
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == (pytest.approx(-1), pytest.approx(0.5))
    assert found.p == pytest.approx(2 * 0.25, abs=0.02)


def test_seeds_are_drawn_too_and_one_seed_serves_all():
    found = paired_bootstrap(hits("111111", "000000"), hits("000000", "000000"), draws=100_000)
    assert found.value == 0.5
    assert found.by_seed == (1.0, 0.0)
    assert (found.low, found.high) == (0.0, 1.0)
    assert found.p == pytest.approx(2 * 0.25, abs=0.02)  # both seeds the second one
    assert paired_bootstrap(hits("111111", "000000"), hits("000000")).by_seed == (1.0, 0.0)
    uneven = paired_bootstrap(hits("111111", "000000"), hits(*["000000"] * 3))  # means: seeds cannot be paired
    assert uneven.by_seed == (0.5,)
    assert (uneven.low, uneven.high) == (0.5, 0.5)


def test_mcnemar_is_the_binomial_sum():
    """Five clips only one gets right, one only the other: 2 (C(6,0) + C(6,1)) / 2^6."""
    found = mcnemar(hits("11111010", subjects="aabbccdd"), hits("00000110", subjects="aabbccdd"))
    assert (found.only_one, found.only_other) == (5, 1)
    assert found.p == pytest.approx(2 * (1 + 6) / 64)
    assert mcnemar(hits("110000"), hits("110000")).p == 1.0


def test_optimism_is_test_less_last():
    results = [
        result("a", 0, last=[1, 0], test=[1, 1]),
        result("b", 0, last=[0, 0], test=[0, 1]),
        result("a", 1, last=[1, 1], test=[1, 1]),
        result("b", 1, last=[0, 1], test=[0, 1]),
    ]
    found = optimism(results)
    assert found.by_seed == (0.5, 0.0)
    assert found.value == 0.25
    assert (found.low, found.high) == (0.0, 0.5)
    assert hits_of(results, "last").accuracy == 0.5
    assert hits_of(results, "test").num_correct == 3.0


def test_shuffled_labels_are_the_same_labels_elsewhere(make_clip_set):
    clips = make_clip_set(4, 6)
    shuffled = shuffle_labels(clips, seed=1)
    assert not np.array_equal(shuffled.labels, clips.labels)
    np.testing.assert_array_equal(np.bincount(shuffled.labels), np.bincount(clips.labels))
    assert shuffled.name == "test, labels shuffled"
    np.testing.assert_array_equal(shuffle_labels(clips, seed=1).labels, shuffled.labels)


def test_what_cannot_be_compared_is_named():
    with pytest.raises(ValueError, match=r"6 and 4 clips differ in \['clip 4', 'clip 5'\]"):
        paired_bootstrap(hits("111111"), hits("1111", subjects="aabb"))
    with pytest.raises(ValueError, match="differ in the subjects they are filed under"):
        mcnemar(hits("111111"), hits("111111", subjects="aabbcd"))
    with pytest.raises(ValueError, match="rule 'test': expected results of folds that have it"):
        optimism([result("a", 0, last=[1])])
    with pytest.raises(ValueError, match=r"seeds \[0, 1\] have results of other clips"):
        hits_of([result("a", 0, last=[1]), result("b", 1, last=[1])], "last")
