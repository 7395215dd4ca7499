"""Folds of a protocol, which leave out a subject or a whole data set; and the inner validation subjects of a fold."""

import dataclasses
import zlib
from collections.abc import Sequence

import numpy as np

from akm_jax.config import Protocol, RunOptions
from akm_jax.data.clip_set import ClipSet
from akm_jax.data.subjects import match_subjects, subject_order


@dataclasses.dataclass(frozen=True)
class Fold:
    """One split by subject, or by data set; clips are indices into the data set.

    Attributes:
        subject: who is left out: a subject, or all of a data set under its name.
        train: training clips; none of them shows who is left out.
        test: all clips of who is left out.
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
    return _leave_out("subject", clip_set, clip_set.subjects, known, subjects)


def leave_one_set_out(clip_set: ClipSet, sets: Sequence[str] = ()) -> list[Fold]:
    """One fold a data set of a pooled one, in their order; only `sets` when given.

    Training sees the clips of the other sets alone. With two sets and one fold: trained on one, tested on the other.

    Raises:
        ValueError: the clips are of one data set, an unknown set, or a training set that lacks a class.
    """
    known = list(dict.fromkeys(clip_set.sets))
    if len(known) < 2:
        raise ValueError(
            f"--protocol=leave_one_set_out: data set {clip_set.name!r} is one; expected at least two pooled, such as "
            "--dataset=smic,casme2,samm"
        )
    return _leave_out("set", clip_set, clip_set.sets, known, sets)


def make_folds(clip_set: ClipSet, protocol: Protocol, chosen: Sequence[str] = ()) -> list[Fold]:
    """Folds of a protocol; only those that leave out one of `chosen` when given.

    Raises:
        ValueError: as `leave_one_subject_out` and `leave_one_set_out`.
    """
    return (leave_one_set_out if protocol == "leave_one_set_out" else leave_one_subject_out)(clip_set, chosen)


def folds_asked_for(clip_set: ClipSet, options: RunOptions) -> tuple[list[Fold], RunOptions]:
    """The folds of a run, and its options with these named in one spelling, so that it goes on by another one too.

    Raises:
        ValueError: as `make_folds`.
    """
    folds = make_folds(clip_set, options.protocol, options.chosen_folds)
    if options.chosen_folds:
        options = dataclasses.replace(options, folds=",".join(fold.subject for fold in folds))
    return folds, options


def _leave_out(
    what: str, clip_set: ClipSet, of_clips: Sequence[str], known: Sequence[str], chosen: Sequence[str]
) -> list[Fold]:
    """A fold for each of `known`, or of `chosen`; `of_clips` says of each clip whose it is."""
    chosen = match_subjects(chosen, known, "--folds", "the data set", what)
    of_clip, folds = np.array(of_clips), []
    for name in known:
        if chosen and name not in chosen:
            continue
        fold = Fold(name, np.flatnonzero(of_clip != name), np.flatnonzero(of_clip == name))
        require_all_classes(clip_set, fold.train, f"fold of {what} {name!r}")
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
