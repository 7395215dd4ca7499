import numpy as np
import pytest

from akm_jax.spotting.intervals import average_scores, find_intervals


def bumps(*middles, length=120, k=6):
    """Scores that average to one peak a middle."""
    scores = np.zeros(length)
    for middle, height in middles:
        scores[middle - k : middle + k] += height * np.hanning(2 * k + 2)[1:-1]
    return scores


def test_averages_are_those_of_whole_windows_but_the_last():
    scores = np.random.default_rng(0).uniform(0, 1, 50)
    averaged = average_scores(scores, 4)
    assert len(averaged) == 50 - 2 * 4
    np.testing.assert_allclose(averaged, np.convolve(scores, np.full(8, 1 / 8), "valid")[:-1], atol=1e-15)


def test_a_peak_is_an_interval_around_its_middle():
    found = find_intervals(bumps((30, 1.0), (80, 0.9)), 6)
    np.testing.assert_array_equal(found.spans, [(24, 36), (74, 86)])
    np.testing.assert_array_equal(found.scores, found.curve[[24, 74]])
    assert found.threshold == pytest.approx(0.45 * found.curve.mean() + 0.55 * found.curve.max())


def test_a_peak_below_the_threshold_is_none():
    scores = bumps((30, 1.0), (80, 0.5))
    assert len(find_intervals(scores, 6).spans) == 1
    assert len(find_intervals(scores, 6, threshold=0.3).spans) == 2


def test_of_near_peaks_the_higher_stays():
    for apart, expected in ((6, 2), (5, 1)):
        # Averages are taken back to scores whose averages have two peaks so far apart.
        curve = np.zeros(108)
        curve[40], curve[40 + apart] = 0.9, 1.0
        scores = np.zeros(120)
        for j in range(107):
            scores[j + 12] = scores[j] + 12 * (curve[j + 1] - curve[j])
        np.testing.assert_allclose(average_scores(scores, 6), curve, atol=1e-12)
        spans = find_intervals(scores, 6).spans
        assert len(spans) == expected
        assert [40 + apart, 52 + apart] in spans.tolist()


@pytest.mark.parametrize("scores", [np.arange(60.0), -np.arange(60.0), np.ones(60)])
def test_a_curve_without_a_peak(scores):
    assert find_intervals(scores, 6).spans.shape == (0, 2)
    assert find_intervals(scores, 6).scores.shape == (0,)
    assert find_intervals(scores, 6, "code").spans.tolist() == [[6, 6]]


def test_intervals_do_not_depend_on_the_scale_of_scores():
    scores = np.random.default_rng(1).uniform(0, 1, 300)
    np.testing.assert_array_equal(find_intervals(scores, 6).spans, find_intervals(4 * scores - 8, 6).spans)


@pytest.mark.parametrize(
    ("scores", "k", "said"),
    [
        (np.zeros(12), 6, "more than 12 of them"),
        (np.zeros((30, 2)), 6, r"scores of shape \(30, 2\)"),
        (np.zeros(30), 0, "half length of 1 or more"),
        (np.array([0.0] * 20 + [np.nan] * 10), 6, "score 20 is not finite"),
    ],
)
def test_bad_scores_are_named(scores, k, said):
    with pytest.raises(ValueError, match=said):
        find_intervals(scores, k)
