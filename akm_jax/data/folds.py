"""Leave-one-subject-out folds, and the inner validation subjects of a fold."""

import dataclasses
import zlib
from collections.abc import Sequence

import numpy as np

from akm_jax.data.clip_set import ClipSet
from akm_jax.data.subjects import match_subjects, subject_order


@dataclasses.dataclass(frozen=True)
class Fold:
    """One split by subject; clips are indices into the data set.

    Attributes:
        subject: the subject left out.
        train: training clips; none of them shows the left-out subject.
        test: all clips of the left-out subject.
    """

    subject: str
    train: np.ndarray
    test: np.ndarray


def leave_one_subject_out(clip_set: ClipSet, subjects: Sequence[str] = ()) -> list[Fold]:
    """One fold a subject, in the order of subjects; only `subjects` when given, in any spelling (`sub01`, `s1`, `1`).

    Raises:
        ValueError: a data set of one subject, an unknown subject, or a training set that lacks a class.
    """
    known = sorted(set(clip_set.subjects), key=subject_order)
    if len(known) < 2:
        raise ValueError(
            f"data set {clip_set.name!r} has one subject, {known[0]!r}: leave-one-subject-out needs at least two"
        )
    subjects = match_subjects(subjects, known, "--folds", "the data set")
    of_clip = np.array(clip_set.subjects)
    folds = []
    for subject in known:
        if subjects and subject not in subjects:
            continue
        fold = Fold(subject, np.flatnonzero(of_clip != subject), np.flatnonzero(of_clip == subject))
        require_all_classes(clip_set, fold.train, f"fold of subject {subject!r}")
        folds.append(fold)
    return folds


def require_all_classes(clip_set: ClipSet, clips: np.ndarray, where: str) -> None:
    """Raise ValueError when the training clips lack a class of the data set."""
    counts = np.bincount(clip_set.labels[clips], minlength=len(clip_set.class_names))
    absent = [name for name, count in zip(clip_set.class_names, counts, strict=True) if count == 0]
    if absent:
        raise ValueError(
            f"{where}: the training clips of {clip_set.name!r} hold no clip of class {', '.join(absent)} "
            f"(counts {dict(zip(clip_set.class_names, counts.tolist(), strict=True))}); add subjects with that class, "
            "or use classes that more than one subject shows"
        )


def inner_split(clip_set: ClipSet, fold: Fold, *, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split a fold's training clips by subject into training and validation, for selection rule `inner`.

    Subjects are drawn at random (by seed and left-out subject) until they hold `share` of the training subjects, at
    least one; a draw that would leave training without a class is drawn again.

    Raises:
        ValueError: no draw leaves every class in training.
    """
    of_clip = np.array(clip_set.subjects)
    subjects = sorted(set(of_clip[fold.train]), key=subject_order)
    count = max(1, round(share * len(subjects)))
    rng = np.random.default_rng([seed, zlib.crc32(fold.subject.encode())])
    problem = ValueError(f"fold of subject {fold.subject!r}: rule inner needs at least two training subjects")
    for _ in range(100 if len(subjects) > count else 0):
        held_out = rng.choice(subjects, count, replace=False)
        validation = fold.train[np.isin(of_clip[fold.train], held_out)]
        train = np.setdiff1d(fold.train, validation)
        try:
            require_all_classes(clip_set, train, f"fold of subject {fold.subject!r}, rule inner")
        except ValueError as e:
            problem = e
            continue
        return train, validation
    raise problem
