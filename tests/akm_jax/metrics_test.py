import numpy as np
import pytest

from akm_jax.metrics import bootstrap_interval, majority_accuracy, majority_band, score

NAMES = ("negative", "positive", "surprise")


def test_scores_by_hand():
    labels, predictions = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 0, 2])
    found = score(labels, predictions, ["1", "1", "2", "2", "3", "3"], NAMES)
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.confusion == [[2, 1, 0], [1, 1, 0], [0, 0, 1]]
    recalls, f1 = [2 / 3, 1 / 2, 1], [2 / 3, 1 / 2, 1]
    assert found.uar == pytest.approx(np.mean(recalls))
    assert found.uf1 == pytest.approx(np.mean(f1))
    assert found.per_subject["2"] == {"accuracy": 0.5, "num_clips": 2}
    assert found.per_class["surprise"] == {"f1": 1.0, "recall": 1.0, "num_clips": 1}


def test_means_run_over_classes_that_occur():
    found = score(np.array([0, 0, 1]), np.array([0, 0, 1]), ["1"] * 3, NAMES)
    assert found.uf1 == found.uar == 1


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="got 2, 1 and 2"):
        score(np.array([0, 1]), np.array([0]), ["1", "2"], NAMES)


def test_interval_is_wide_when_subjects_differ_and_holds_the_accuracy():
    subjects = np.repeat(["1", "2", "3", "4"], 10)
    by_subject = np.repeat([1.0, 1.0, 0.0, 0.0], 10)
    mixed = np.tile([1.0, 0.0], 20)
    low, high = bootstrap_interval(by_subject, subjects)
    assert low < 0.1
    assert high > 0.9
    assert bootstrap_interval(mixed, subjects) == (0.5, 0.5)


def test_majority_and_its_band():
    labels = np.array([0] * 24 + [1] * 24)
    assert majority_accuracy(labels) == 0.5
    low, high = majority_band(labels)
    assert 0.35 <= low < 0.5 < high <= 0.65
