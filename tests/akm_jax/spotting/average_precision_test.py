import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from akm_jax.spotting.average_precision import average_precision, released_average_precision


def test_worked_out_by_hand(spans):
    # By falling score: hit, false alarm, hit, false alarm; one of three is never found.
    annotated = {"a": spans((0, 9), (20, 29)), "b": spans((50, 59))}
    found = {"a": spans((40, 49), (0, 9)), "b": spans((50, 59), (0, 9))}
    scores = {"a": np.array([0.7, 0.9]), "b": np.array([0.5, 0.1])}
    assert average_precision(found, scores, annotated) == pytest.approx((1 + 2 / 3) / 3)


def test_better_is_1_and_nothing_is_0(spans):
    annotated = {"a": spans((0, 9), (20, 29))}
    assert average_precision(annotated, {"a": np.array([0.1, 0.2])}, annotated) == 1
    assert average_precision({}, {}, annotated) == 0
    assert average_precision({"b": spans((0, 9))}, {"b": np.ones(1)}, annotated) == 0


@pytest.mark.parametrize("seed", range(5))
def test_that_of_scikit_learn_where_precision_only_falls(seed):
    """Scikit-learn takes precision as it is, not the best from there on; all intervals annotated are found."""
    rng = np.random.default_rng(seed)
    hits = np.sort(rng.random(12) < 0.5)[::-1]
    scores = np.arange(12.0)[::-1]
    starts = 100 * np.arange(12)
    found = np.stack([starts, starts + 9], axis=1)
    assert average_precision({"a": found}, {"a": scores}, {"a": found[hits]}) == pytest.approx(
        average_precision_score(hits, scores)
    )


@pytest.mark.parametrize("seed", range(10))
def test_neither_order_nor_scale_matters(seed):
    rng = np.random.default_rng(seed)
    onsets = rng.integers(0, 60, 20)
    found, scores = np.stack([onsets, onsets + 9], axis=1), rng.integers(0, 4, 20) / 4  # many equal scores
    annotated = np.stack([onsets[:8] + 2, onsets[:8] + 11], axis=1)
    order = rng.permutation(20)
    usual = average_precision({"a": found, "b": found}, {"a": scores, "b": scores}, {"a": annotated})
    assert 0 < usual < 1
    turned = {"b": 2 * scores[order] - 1, "a": 2 * scores[order] - 1}
    assert average_precision({"b": found[order], "a": found[order]}, turned, {"a": annotated[::-1]}) == usual


def test_what_is_missing_is_named(spans):
    with pytest.raises(ValueError, match="without annotated intervals"):
        average_precision({}, {}, {"a": spans()})
    for scores in (np.zeros(0), np.array([np.nan])):
        with pytest.raises(ValueError, match="video 'a': 1 intervals, scores .* expected a finite number for each"):
            average_precision({"a": spans((0, 9))}, {"a": scores}, {"a": spans((0, 9))})


def test_the_released_one_goes_by_the_order_of_the_list(spans):
    annotated = [spans((0, 9))]
    assert released_average_precision([spans((0, 9), (50, 59))], annotated) == 1
    assert released_average_precision([spans((50, 59), (0, 9))], annotated) == 0.5
    assert released_average_precision([spans()], annotated) == 0
    # The second found interval falls back to the annotated one that is left.
    assert released_average_precision([spans((0, 9), (0, 9))], [spans((0, 9), (1, 10))], min_ious=(0.5,)) == 1
