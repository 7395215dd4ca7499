"""Support vector machines on matrices of kernel values between all clips of a set, of which every fold takes its part.

C, and the matrix where there are several, are chosen by leaving each training subject out in turn: the accuracy over
all their clips counts, and of equals the first matrix and the smallest C. Who is left out of the fold chooses nothing.
"""

import dataclasses
import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float64, Int64, Integer, Real

from akm_jax.machine import num_cores

if TYPE_CHECKING:
    from sklearn.svm import SVC


@dataclasses.dataclass(frozen=True)
class SVMConfig:
    """Settings of the classifier."""

    costs: tuple[float, ...] = (0.1, 1.0, 2.0, 10.0, 100.0, 1000.0)
    """C, chosen in each fold by leaving its training subjects out; a single one is taken as it is."""
    class_weight: Literal["none", "balanced"] = "none"
    """Whether errors weigh the more the fewer clips a class has; the papers have none."""

    def __post_init__(self):
        if not self.costs or min(self.costs) <= 0:
            raise ValueError(f"costs={self.costs}: expected one or more values of C above 0")


@dataclasses.dataclass(frozen=True)
class FittedSVM:
    """A classifier that was trained on some clips of a set.

    Attributes:
        machine: scikit-learn's classifier.
        clips: indices of the clips it was trained on.
        kernel: which of the matrices was chosen.
        cost: C.
        inner_accuracy: of the choice, over the training subjects left out in turn; NaN where there was none to make.
    """

    machine: "SVC"
    clips: np.ndarray
    kernel: int
    cost: float
    inner_accuracy: float

    def votes(
        self, kernel: Real[np.ndarray, "N N"], clips: Integer[np.ndarray, " n"], num_classes: int
    ) -> Float64[np.ndarray, "n K"]:
        """How many of the classifiers of two classes each class wins; the first of the largest is the prediction.

        Args:
            kernel: the chosen matrix.
            clips: indices of the clips to classify.
            num_classes: K, also of classes that training did not show.
        """
        decisions = self.machine.decision_function(_part(kernel, clips, self.clips))
        return count_votes(decisions.reshape(len(clips), -1), self.machine.classes_, num_classes)

    def expansion(self) -> "Expansion":
        """The decisions as sums over the support vectors.

        libsvm keeps, for the support vectors of a class, a row of coefficients for each other class in turn.
        """
        machine, classes = self.machine, self.machine.classes_
        kept = np.asarray(machine.dual_coef_, np.float64)
        if len(classes) == 2:
            coefficients = kept
        else:
            of_class = np.repeat(np.arange(len(classes)), machine.n_support_)
            coefficients = np.stack(
                [np.where(of_class == a, kept[b - 1], np.where(of_class == b, kept[a], 0)) for a, b in _pairs(classes)]
            )
        return Expansion(self.clips[machine.support_], coefficients, np.asarray(machine.intercept_), classes)


@dataclasses.dataclass(frozen=True)
class Expansion:
    """The decisions of the classifiers of two classes, sums over support vectors.

    Attributes:
        clips: V clips of the set, the support vectors.
        coefficients: (P, V), of each of the P classifiers.
        intercepts: (P,).
        classes: K' classes that training showed, ascending.
    """

    clips: np.ndarray
    coefficients: np.ndarray
    intercepts: np.ndarray
    classes: np.ndarray


def count_votes(
    decisions: Float64[np.ndarray, "n P"], classes: Integer[np.ndarray, " k"], num_classes: int
) -> Float64[np.ndarray, "n K"]:
    """How many of the classifiers of two classes each class wins.

    Args:
        decisions: of each classifier; above 0 the first of its classes wins, or the second where there are but two.
        classes: that training showed, ascending.
        num_classes: K, also of classes that training did not show.
    """
    votes, clips = np.zeros((len(decisions), num_classes)), np.arange(len(decisions))
    if len(classes) == 2:
        votes[clips, classes[(decisions[:, 0] > 0).astype(int)]] = 1
        return votes
    for (a, b), decision in zip(_pairs(classes), decisions.T, strict=True):
        votes[clips, np.where(decision > 0, classes[a], classes[b])] += 1
    return votes


def _pairs(classes: np.ndarray) -> list[tuple[int, int]]:
    return [(a, b) for a in range(len(classes)) for b in range(a + 1, len(classes))]


def train_svm(
    kernels: Sequence[Real[np.ndarray, "N N"]],
    clips: Integer[np.ndarray, " n"],
    labels: Integer[np.ndarray, " n"],
    subjects: Sequence[str],
    config: SVMConfig,
) -> FittedSVM:
    """Choose C and matrix among the training subjects, then train on all of them.

    Args:
        kernels: kernel values between all clips of the set, one matrix or several to choose from.
        clips: indices of the clips to learn from.
        labels: their classes.
        subjects: whom they show.
        config: which C, and class weights.

    Raises:
        ValueError: kernel values are not finite; the clips are all of one class, or of one subject while there is
            something to choose.
    """
    if not all(np.isfinite(kernel).all() for kernel in kernels):
        raise ValueError("kernel values between clips are not finite; check the features")
    if len(set(labels.tolist())) < 2:
        raise ValueError(
            f"the {len(clips)} clips to learn from are all of class {set(labels.tolist())}; expected at least two "
            "classes: check the labels, or whether one subject has all clips of the others"
        )
    kernel, cost, accuracy = 0, config.costs[0], float("nan")
    if len(kernels) * len(config.costs) > 1:
        kernel, cost, accuracy = _choose(kernels, clips, labels, subjects, config)
    machine = _fit(_part(kernels[kernel], clips, clips), labels, cost, config)
    return FittedSVM(machine, clips, kernel, cost, accuracy)


def _choose(
    kernels: Sequence[np.ndarray],
    clips: np.ndarray,
    labels: np.ndarray,
    subjects: Sequence[str],
    config: SVMConfig,
) -> tuple[int, float, float]:
    """Matrix, C and accuracy of the best; who is left out in turn is shared among the cores."""
    if len(set(subjects)) < 2:
        raise ValueError(
            f"all clips to learn from show subject {subjects[0]}, so no C can be chosen by leaving subjects out; "
            "expected two training subjects or more, or one C (--svm.costs 1)"
        )
    import sklearn.svm  # noqa: F401  # before threads ask for it

    costs = sorted(set(config.costs))
    left_out = [np.array(subjects) == subject for subject in sorted(set(subjects))]
    hits = np.zeros((len(kernels), len(costs)), np.int64)
    with ThreadPoolExecutor(num_cores()) as pool:
        for k, kernel in enumerate(kernels):
            of_kernel = functools.partial(_hits, _part(kernel, clips, clips), labels, costs=costs, config=config)
            hits[k] = sum(pool.map(of_kernel, left_out))
    best = divmod(int(hits.argmax()), len(costs))
    return best[0], costs[best[1]], hits.max() / len(clips)


def _hits(
    part: np.ndarray, labels: np.ndarray, left_out: np.ndarray, costs: Sequence[float], config: SVMConfig
) -> Int64[np.ndarray, " costs"]:
    """How many of the clips left out are classified right, for each C in ascending order."""
    rest, seen = np.flatnonzero(~left_out), np.flatnonzero(left_out)
    if len(set(labels[rest].tolist())) < 2:
        return np.full(len(costs), np.sum(labels[seen] == labels[rest[0]]))
    inner, outer = _part(part, rest, rest), _part(part, seen, rest)
    hits = np.zeros(len(costs), np.int64)
    for c, cost in enumerate(costs):
        machine = _fit(inner, labels[rest], cost, config)
        hits[c:] = np.sum(machine.predict(outer) == labels[seen])
        if np.abs(machine.dual_coef_).max() < cost * (1 - 1e-6) * machine.class_weight_.min():
            break  # C bounds no coefficient: a larger one has the same solution
    return hits


def _fit(part: np.ndarray, labels: np.ndarray, cost: float, config: SVMConfig) -> "SVC":
    import sklearn  # here: takes long to import
    from sklearn.svm import SVC

    weight = None if config.class_weight == "none" else config.class_weight
    machine = SVC(C=cost, kernel="precomputed", class_weight=weight, decision_function_shape="ovo")
    with sklearn.config_context(skip_parameter_validation=True, assume_finite=True):  # thousands of small fits
        return machine.fit(part, labels)


def _part(kernel: Real[np.ndarray, "a b"], rows: np.ndarray, cols: np.ndarray) -> Float64[np.ndarray, "r c"]:
    return np.ascontiguousarray(kernel[np.ix_(rows, cols)], np.float64)
