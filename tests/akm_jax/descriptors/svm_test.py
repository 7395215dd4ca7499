"""Support vector machines on kernel matrices: scikit-learn's predictions, the choice of C, bad input."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import chi2_kernel as chi2_of_sklearn
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.svm import SVC

from akm_jax.descriptors.kernels import (
    chi2_distances,
    chi2_kernel,
    kernel_values,
    linear_kernel,
    rbf_kernel,
    squared_distances,
    width_of,
)
from akm_jax.descriptors.svm import SVMConfig, train_svm

SUBJECTS = np.arange(40) // 8
LABELS = np.random.default_rng(3).integers(0, 4, 40)
FEATURES = np.random.default_rng(4).random((40, 12)) + np.eye(4)[LABELS] @ np.eye(4, 12) * 0.8
TRAINING, TEST = np.flatnonzero(SUBJECTS != 2), np.flatnonzero(SUBJECTS == 2)
COSTS = (0.1, 1.0, 2.0, 10.0, 100.0)


def train(kernels, clips=TRAINING, labels=LABELS, **settings):
    subjects = [f"s{who}" for who in SUBJECTS[clips]]
    return train_svm(kernels, clips, labels[clips], subjects, SVMConfig(**{"costs": COSTS, **settings}))


@pytest.mark.parametrize("weight", ["none", "balanced"])
def test_choice_and_predictions_are_those_of_scikit_learn(weight):
    fitted = train([linear_kernel(FEATURES)], class_weight=weight)
    right = []
    for cost in COSTS:
        machine = SVC(C=cost, kernel="linear", class_weight=None if weight == "none" else weight)
        inner = cross_val_predict(
            machine, FEATURES[TRAINING], LABELS[TRAINING], groups=SUBJECTS[TRAINING], cv=LeaveOneGroupOut()
        )
        right.append(np.sum(inner == LABELS[TRAINING]))
    assert fitted.cost == COSTS[int(np.argmax(right))]
    assert fitted.inner_accuracy == max(right) / len(TRAINING)
    machine = SVC(C=fitted.cost, kernel="linear", class_weight=None if weight == "none" else weight)
    expected = machine.fit(FEATURES[TRAINING], LABELS[TRAINING]).predict(FEATURES[TEST])
    votes = fitted.votes(linear_kernel(FEATURES), TEST, 4)
    np.testing.assert_array_equal(votes.argmax(1), expected)
    np.testing.assert_array_equal(votes.sum(1), 6)


def test_two_of_three_classes():
    labels = np.where(LABELS < 2, 0, 2)
    kernel = linear_kernel(FEATURES)
    votes = train([kernel], labels=labels, costs=(1.0,)).votes(kernel, TEST, 3)
    expected = SVC(kernel="linear").fit(FEATURES[TRAINING], labels[TRAINING]).predict(FEATURES[TEST])
    np.testing.assert_array_equal(votes.argmax(1), expected)
    assert votes.shape == (8, 3)


@pytest.mark.parametrize("labels", [LABELS, np.where(LABELS < 2, 0, 2), LABELS % 3], ids=["four", "two", "three"])
@pytest.mark.parametrize("weight", ["none", "balanced"])
def test_decisions_are_sums_over_the_support_vectors(labels, weight):
    kernel = linear_kernel(FEATURES)
    fitted = train([kernel], labels=labels, costs=(1.0,), class_weight=weight)
    found = fitted.expansion()
    assert 0 < len(found.clips) < len(TRAINING)
    decisions = kernel[np.ix_(TEST, found.clips)] @ found.coefficients.T + found.intercepts
    expected = fitted.machine.decision_function(np.ascontiguousarray(kernel[np.ix_(TEST, TRAINING)]))
    np.testing.assert_allclose(decisions, expected.reshape(len(TEST), -1), rtol=1e-9, atol=1e-12)


def test_kernels_between_clips_are_those_of_the_set():
    kernels = {
        "linear": linear_kernel(FEATURES),
        "rbf": rbf_kernel(squared_distances(FEATURES), FEATURES, TRAINING),
        "chi2": chi2_kernel(chi2_distances(FEATURES), TRAINING),
    }
    for name, matrix in kernels.items():
        found = kernel_values(name, FEATURES[TEST], FEATURES[TRAINING], width_of(name, FEATURES[TRAINING]))
        np.testing.assert_allclose(found, matrix[np.ix_(TEST, TRAINING)], rtol=1e-9)
    alike = np.ones((3, 2))
    for name in ("rbf", "chi2"):  # training clips that do not differ have no width
        assert width_of(name, alike) == 0
        np.testing.assert_array_equal(kernel_values(name, FEATURES[:2, :2], alike, 0.0), np.ones((2, 3)))


def test_the_better_matrix_is_chosen():
    noise = np.random.default_rng(0).random((40, 5))
    fitted = train([linear_kernel(noise), linear_kernel(FEATURES)])
    assert fitted.kernel == 1
    same = train([linear_kernel(FEATURES)] * 2)
    assert same.kernel == 0


def test_clips_that_are_left_out_choose_nothing():
    """To the bit, whatever their features and labels."""
    changed, labels = FEATURES.copy(), LABELS.copy()
    changed[TEST], labels[TEST] = 1e3, 0
    one, other = train([linear_kernel(FEATURES)]), train([linear_kernel(changed)], labels=labels)
    assert (one.cost, one.inner_accuracy) == (other.cost, other.inner_accuracy)
    np.testing.assert_array_equal(one.machine.dual_coef_, other.machine.dual_coef_)


def test_a_class_that_one_subject_alone_has():
    """Left out, the others are all of one class: that class is predicted."""
    labels = np.where(SUBJECTS == 0, 1, 0)
    fitted = train([linear_kernel(FEATURES)], labels=labels)
    assert 0.5 < fitted.inner_accuracy < 1


def test_kernels_against_scikit_learn():
    distances = chi2_distances(FEATURES)
    gamma = 1 / distances[np.ix_(TRAINING, TRAINING)].mean()
    np.testing.assert_allclose(chi2_kernel(distances, TRAINING), chi2_of_sklearn(FEATURES, gamma=gamma), rtol=1e-9)
    kernel = rbf_kernel(squared_distances(FEATURES), FEATURES, TRAINING)
    votes = train([kernel], costs=(2.0,)).votes(kernel, TEST, 4)
    machine = SVC(C=2, gamma="scale").fit(FEATURES[TRAINING], LABELS[TRAINING])
    np.testing.assert_array_equal(votes.argmax(1), machine.predict(FEATURES[TEST]))
    flat = np.ones((3, 2))
    assert np.all(rbf_kernel(squared_distances(flat), flat, np.arange(2)) == 1)
    assert np.all(chi2_kernel(chi2_distances(flat), np.arange(2)) == 1)


def test_bad_input_is_refused():
    kernel = linear_kernel(FEATURES)
    with pytest.raises(ValueError, match=r"the 32 clips to learn from are all of class \{1\}"):
        train([kernel], labels=np.ones(40, int))
    one_subject = np.flatnonzero(SUBJECTS == 1)
    with pytest.raises(ValueError, match="show subject s1, so no C can be chosen"):
        train([kernel], clips=one_subject)
    assert np.isnan(train([kernel], clips=one_subject, costs=(1.0,)).inner_accuracy)
    with pytest.raises(ValueError, match="not finite"):
        train([kernel * np.nan])
    with pytest.raises(ValueError, match="costs="):
        SVMConfig(costs=())
    with pytest.raises(ValueError, match="costs="):
        SVMConfig(costs=(0.0,))
