"""Differences against numbers worked out by hand, and labels of the negative control."""

import dataclasses
import itertools

import numpy as np
import pytest

from akm_jax.config import RunOptions
from akm_jax.data.folds import inner_split, leave_one_subject_out
from akm_jax.data.pooling import pool_clip_sets
from akm_jax.loso.comparison import Hits, draw_labels, hits_of, mcnemar, optimism, paired_bootstrap


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


def hits_by_majority(labels, subjects):
    """Share of clips whose class is the most frequent one of the other subjects: what unbalanced networks lean to."""
    correct = [np.bincount(labels[subjects != name]).argmax() == labels[subjects == name] for name in set(subjects)]
    return np.concatenate(correct).mean()


def test_labels_drawn_at_random_tell_nothing_of_those_left_out(make_clip_set):
    """Which labels left in training tell of, by what is missing there, where they are only dealt out anew."""
    clips = make_clip_set(6, 4, image_size=1)
    subjects = np.array(clips.subjects)
    drawn, dealt = [], []
    for seed in range(400):
        drawn.append(hits_by_majority(draw_labels(clips, seed=seed).labels, subjects))
        dealt.append(hits_by_majority(np.random.default_rng(seed).permutation(clips.labels), subjects))
    error = np.std(drawn) / np.sqrt(len(drawn))
    assert error < 0.01
    assert abs(np.mean(drawn) - 1 / 3) < 3 * error
    assert np.mean(dealt) < 1 / 3 - 20 * error


def test_labels_are_drawn_with_the_shares_of_the_set_and_by_the_seed(make_clip_set):
    clips = make_clip_set(30, 10, image_size=1)
    clips = dataclasses.replace(clips, labels=np.repeat([0, 1, 2], [180, 90, 30]).astype(np.int32))
    drawn = draw_labels(clips, seed=1)
    assert drawn.name == "test, labels drawn at random"
    assert drawn.labels.dtype == clips.labels.dtype
    np.testing.assert_array_equal(drawn.labels, draw_labels(clips, seed=1).labels)
    assert not np.array_equal(drawn.labels, draw_labels(clips, seed=2).labels)
    counts = sum(np.bincount(draw_labels(clips, seed=seed).labels) for seed in range(50))
    np.testing.assert_allclose(counts / counts.sum(), [0.6, 0.3, 0.1], atol=0.015)  # 3 errors at most
    assert not np.array_equal(np.bincount(drawn.labels), np.bincount(clips.labels))  # counts vary: nothing is dealt out


@pytest.mark.parametrize("protocol", ["loso", "leave_one_set_out"])
def test_every_training_has_all_classes_of_drawn_labels(make_clip_set, protocol):
    clips = make_clip_set(3, 3, image_size=1)
    if protocol == "leave_one_set_out":
        sets = [dataclasses.replace(make_clip_set(1, 4, seed=k), name=name) for k, name in enumerate("abc")]
        clips = pool_clip_sets(sets)
    group = clips.sets if protocol == "leave_one_set_out" else clips.subjects
    for seed in range(30):
        labels = draw_labels(clips, RunOptions(protocol=protocol), seed=seed).labels
        assert all(len({who for who, label in zip(group, labels, strict=True) if label == k}) > 1 for k in range(3))


def test_labels_are_drawn_until_rule_inner_can_train(make_clip_set):
    clips, options = make_clip_set(3, 3, image_size=1), RunOptions(rules="last,inner", folds="1", seeds=2, seed=5)
    for seed in range(5):
        drawn = draw_labels(clips, options, seed=seed)
        for fold in leave_one_subject_out(drawn):
            for of_run in (5, 6):
                train, _ = inner_split(drawn, fold, share=options.inner_share, seed=of_run)
                assert set(drawn.labels[train]) == {0, 1, 2}


def test_a_set_too_small_for_drawn_labels_is_refused(make_clip_set):
    message = r"labels of 'test' drawn at random: none of 1000 draws can be trained on .* hold no clip of class"
    with pytest.raises(ValueError, match=message):
        draw_labels(make_clip_set(2, 2, image_size=1))


def test_what_cannot_be_compared_is_named():
    with pytest.raises(ValueError, match=r"6 and 4 clips differ in \['clip 4', 'clip 5'\]"):
        paired_bootstrap(hits("111111"), hits("1111", subjects="aabb"))
    with pytest.raises(ValueError, match="differ in the subjects they are filed under"):
        mcnemar(hits("111111"), hits("111111", subjects="aabbcd"))
    with pytest.raises(ValueError, match="rule 'test': expected results of folds that have it"):
        optimism([result("a", 0, last=[1])])
    with pytest.raises(ValueError, match=r"seeds \[0, 1\] have results of other clips"):
        hits_of([result("a", 0, last=[1]), result("b", 1, last=[1])], "last")
