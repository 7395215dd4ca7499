"""Recognition metrics over the pooled predictions of all folds (scikit-learn), with an interval over subjects."""

import dataclasses
from collections.abc import Sequence

import numpy as np

# scikit-learn and SciPy take seconds to load, so the functions that use them import them.


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores of one set of predictions.

    Attributes:
        accuracy: share of clips classified correctly.
        uf1: mean of per-class F1 over the classes that occur.
        uar: mean of per-class recall over the classes that occur.
        confusion: rows true class, columns predicted class, counts of clips.
        per_class: class name to f1, recall and num_clips.
        per_subject: subject to accuracy and num_clips.
    """

    accuracy: float
    uf1: float
    uar: float
    confusion: list[list[int]]
    per_class: dict[str, dict[str, float]]
    per_subject: dict[str, dict[str, float]]


def score(labels: np.ndarray, predictions: np.ndarray, subjects: Sequence[str], class_names: Sequence[str]) -> Scores:
    """Score predictions of N clips, pooled over subjects.

    Args:
        labels, predictions: (N,), indices into `class_names`.
        subjects: N subject ids.
        class_names: K names.

    Raises:
        ValueError: no clips, or lengths that differ.
    """
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if not len(labels) or not len(labels) == len(predictions) == len(subjects):
        raise ValueError(
            f"score: expected as many labels as predictions and subjects, at least one; got {len(labels)}, "
            f"{len(predictions)} and {len(subjects)}"
        )
    occurring = np.unique(labels)
    indices = np.arange(len(class_names))
    f1 = f1_score(labels, predictions, labels=indices, average=None, zero_division=0.0)
    recall = recall_score(labels, predictions, labels=indices, average=None, zero_division=0.0)
    counts = np.bincount(labels, minlength=len(class_names))
    return Scores(
        accuracy=float(accuracy_score(labels, predictions)),
        uf1=float(f1[occurring].mean()),
        uar=float(recall[occurring].mean()),
        confusion=confusion_matrix(labels, predictions, labels=indices).tolist(),
        per_class={
            name: {"f1": float(f1[k]), "recall": float(recall[k]), "num_clips": int(counts[k])}
            for k, name in enumerate(class_names)
        },
        per_subject=_per_subject(labels == predictions, np.asarray(subjects)),
    )


def _per_subject(correct: np.ndarray, subjects: np.ndarray) -> dict[str, dict[str, float]]:
    names = list(dict.fromkeys(subjects.tolist()))
    return {
        s: {"accuracy": float(correct[subjects == s].mean()), "num_clips": int((subjects == s).sum())} for s in names
    }


def bootstrap_interval(
    correct: np.ndarray, subjects: Sequence[str], *, level: float = 0.95, draws: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of the pooled accuracy, subjects drawn with replacement (clips of a subject hang together).

    Args:
        correct: (N,), 1 where a clip was classified correctly, or its mean over seeds.
        subjects: N subject ids.
        level: coverage, e.g. 0.95.
        draws: bootstrap draws.
        seed: seed of the draws.
    """
    of_clip = np.asarray(subjects)
    names = np.unique(of_clip)
    hits = np.array([correct[of_clip == s].sum() for s in names])
    sizes = np.array([(of_clip == s).sum() for s in names])
    drawn = np.random.default_rng(seed).integers(0, len(names), (draws, len(names)))
    accuracies = hits[drawn].sum(1) / sizes[drawn].sum(1)
    low, high = np.quantile(accuracies, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def majority_accuracy(labels: np.ndarray) -> float:
    """Accuracy of always answering the most frequent class."""
    return float(np.bincount(labels).max() / len(labels))


def majority_band(labels: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """Accuracies a classifier that knows nothing would reach by chance: binomial band around the majority class."""
    from scipy.stats import binom

    low, high = binom.interval(level, len(labels), majority_accuracy(labels))
    return float(low / len(labels)), float(high / len(labels))
