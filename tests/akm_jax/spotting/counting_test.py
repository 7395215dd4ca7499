import itertools

import numpy as np
import pytest

from akm_jax.spotting.counting import Counts, count_baseline, count_spans, count_videos, match_spans, span_ious


def draw_spans(rng, number):
    onsets = rng.integers(0, 40, number)
    return np.stack([onsets, onsets + rng.integers(0, 15, number)], axis=1)


@pytest.mark.parametrize("seed", range(20))
def test_ious_are_those_of_sets_of_frames(seed):
    rng = np.random.default_rng(seed)
    found, annotated = draw_spans(rng, 4), draw_spans(rng, 3)
    for (f, a), iou in np.ndenumerate(span_ious(found, annotated)):
        one, other = (set(range(span[0], span[1] + 1)) for span in (found[f], annotated[a]))
        assert iou == len(one & other) / len(one | other)


@pytest.mark.parametrize(
    ("annotated", "found", "iou"),
    [((40, 52), (41, 53), 12 / 14), ((90, 101), (85, 97), 8 / 17), ((60, 72), (52, 64), 5 / 21)],
)
def test_ious_worked_out_by_hand(spans, annotated, found, iou):
    assert span_ious(spans(found), spans(annotated))[0, 0] == pytest.approx(iou)


# Annotated, found, counts of `code`, of `megc`, of the baseline of MEGC 2020; the examples of SPOTTING 2.5.
EXAMPLES = [
    ([(40, 52)], [(41, 53)], (1, 0, 0), (1, 0, 0), (1, 0, 0)),
    ([(90, 101)], [(85, 97)], (0, 1, 1), (0, 1, 1), (0, 1, 1)),
    ([(0, 9), (2, 11)], [(0, 9), (1, 9)], (1, 1, 1), (2, 0, 0), (2, 0, 0)),
    ([(0, 9), (2, 11)], [(0, 9)], (1, 0, 1), (1, 0, 1), (2, -1, 0)),
    ([(10, 19)], [(10, 19), (11, 20)], (1, 1, 0), (1, 1, 0), (1, 1, 0)),
    ([], [(0, 9), (20, 29)], (0, 2, 0), (0, 2, 0), (0, 2, 0)),
    ([(5, 5)], [(5, 5)], (1, 0, 0), (1, 0, 0), (0, 1, 1)),
    ([(5, 9)], [], (0, 0, 1), (0, 0, 1), (0, 0, 1)),
    ([(5, 14), (5, 14)], [(5, 14)], (1, 0, 1), (1, 0, 1), (2, -1, 0)),
    ([(0, 9), (10, 19)], [(0, 19)], (1, 0, 1), (1, 0, 1), (2, -1, 0)),
]


@pytest.mark.parametrize(("annotated", "found", "code", "megc", "baseline"), EXAMPLES)
def test_counts_worked_out_by_hand(spans, annotated, found, code, megc, baseline):
    found, annotated = spans(*found), spans(*annotated)
    assert count_spans(found, annotated, "code") == Counts(*code)
    assert count_spans(found, annotated) == Counts(*megc)
    assert count_baseline(found, annotated) == Counts(*baseline)


def most_pairs(hits):
    """The most hits that pair one to one, by trying all."""
    small, large = sorted(hits.shape)
    hits = hits if hits.shape[0] == small else hits.T
    return max(sum(hits[i, j] for i, j in enumerate(order)) for order in itertools.permutations(range(large), small))


@pytest.mark.parametrize("seed", range(30))
def test_as_many_hits_as_can_be(seed):
    rng = np.random.default_rng(seed)
    found, annotated = draw_spans(rng, int(rng.integers(1, 6))), draw_spans(rng, int(rng.integers(1, 6)))
    pairs = match_spans(found, annotated, 0.3)
    ious = span_ious(found, annotated)
    assert len(pairs) == most_pairs(ious >= 0.3)
    assert (ious[pairs[:, 0], pairs[:, 1]] >= 0.3).all()
    for column in pairs.T:
        assert len(set(column)) == len(pairs)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", [count_spans, count_baseline])
def test_order_does_not_matter(seed, count):
    rng = np.random.default_rng(seed)
    found, annotated = draw_spans(rng, 6), draw_spans(rng, 5)
    assert count(rng.permutation(found), rng.permutation(annotated)) == count(found, annotated)


@pytest.mark.parametrize("seed", range(10))
def test_order_of_what_was_found_does_not_matter_for_code(seed):
    rng = np.random.default_rng(seed)
    found, annotated = draw_spans(rng, 6), draw_spans(rng, 5)
    assert count_spans(rng.permutation(found), annotated, "code") == count_spans(found, annotated, "code")


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("variant", ["megc", "code"])
def test_counts_add_up_and_ignore_where_frames_begin(seed, variant):
    rng = np.random.default_rng(seed)
    found, annotated = draw_spans(rng, 6), draw_spans(rng, 5)
    counts = count_spans(found, annotated, variant)
    assert counts.tp + counts.fp == 6
    assert counts.tp + counts.fn == 5
    assert count_spans(found + 1, annotated + 1, variant) == counts
    assert count_spans(annotated, annotated) == Counts(5, 0, 0)


def test_of_equal_hits_the_nearest_is_paired(spans):
    assert match_spans(spans((0, 9), (1, 10)), spans((1, 10))).tolist() == [[1, 0]]


def test_videos_without_annotation(spans):
    found, annotated = {"a": spans((0, 9)), "b": spans((3, 9), (30, 35))}, {"a": spans((0, 9)), "c": spans((5, 9))}
    assert count_videos(found, annotated) == Counts(1, 2, 1)
    assert count_videos(found, annotated, "code") == Counts(1, 0, 1)


def test_scores_of_counts():
    counts = Counts(2, 3, 1) + Counts(1, 0, 1)
    assert counts == Counts(3, 3, 2)
    assert (counts.precision, counts.recall) == (0.5, 0.6)
    assert counts.f1 == pytest.approx(2 * 0.5 * 0.6 / 1.1)
    assert (Counts().precision, Counts(0, 2, 1).recall, Counts(0, 0, 3).f1) == (0, 0, 0)


def test_bad_intervals_are_named(spans):
    with pytest.raises(ValueError, match="found interval of frames 9 to 3"):
        count_spans(spans((9, 3)), spans())
    with pytest.raises(ValueError, match=r"annotated intervals of shape \(3,\)"):
        count_spans(spans(), np.array([1, 2, 3]))
