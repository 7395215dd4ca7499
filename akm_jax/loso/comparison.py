"""Whether one method beats another on the same clips, and by how much rule `test` flatters.

Clips of a person hang together, so intervals come from drawing subjects anew, and seeds with them where there are
several. All of it is computed from the contents of `result.json`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from akm_jax.config import RunOptions
from akm_jax.data.clip_set import ClipSet
from akm_jax.data.folds import inner_split, make_folds

DRAWS = 10_000
MOST_DRAWS_OF_LABELS = 1000


@dataclasses.dataclass(frozen=True)
class Hits:
    """Which clips were classified correctly.

    Attributes:
        clip_ids: N, sorted.
        subjects: N, whom each clip shows.
        correct: bool (S, N), a row a seed.
    """

    clip_ids: tuple[str, ...]
    subjects: tuple[str, ...]
    correct: Bool[np.ndarray, "S N"]

    @property
    def accuracy(self) -> float:
        """Share of correct clips, mean over seeds."""
        return float(self.correct.mean())

    @property
    def num_correct(self) -> float:
        """Correct clips, mean over seeds."""
        return float(self.correct.sum(1).mean())


def hits_of(results: Sequence[dict[str, Any]], rule: str, subjects: Mapping[str, str] | None = None) -> Hits:
    """What a run classified correctly under a rule.

    Args:
        results: contents of `result.json`, of the same subjects for every seed.
        rule: one that the run has.
        subjects: whom each clip shows, by clip id, where folds leave out several people; those left out when None.

    Raises:
        ValueError: the run has no such rule, no results, or other clips for one seed than for another.
    """
    if not results or any(rule not in result["rules"] for result in results):
        raise ValueError(f"rule {rule!r}: expected results of folds that have it, got {len(results)} results")
    seeds: dict[int, dict[str, tuple[str, bool]]] = {}
    for result in results:
        for clip_id, clip in result["rules"][rule]["clips"].items():
            subject = result["subject"] if subjects is None else subjects[clip_id]
            of_clip = subject, clip["prediction"] == clip["label"]
            seeds.setdefault(result["seed"], {})[clip_id] = of_clip
    tables = [seeds[seed] for seed in sorted(seeds)]
    clip_ids = tuple(sorted(tables[0]))
    if any(table.keys() != tables[0].keys() for table in tables):
        raise ValueError(f"rule {rule!r}: seeds {sorted(seeds)} have results of other clips; finish the run")
    correct = np.array([[table[clip_id][1] for clip_id in clip_ids] for table in tables])
    return Hits(clip_ids, tuple(tables[0][clip_id][0] for clip_id in clip_ids), correct)


@dataclasses.dataclass(frozen=True)
class Difference:
    """A difference of two accuracies, 0..1, with its interval.

    Attributes:
        value: the difference, mean over seeds.
        low, high: percentile interval of the bootstrap.
        p: two-sided share of the draws that lie on the other side of 0.
        by_seed: the difference of every seed.
    """

    value: float
    low: float
    high: float
    p: float
    by_seed: tuple[float, ...]


def paired_bootstrap(one: Hits, other: Hits, *, level: float = 0.95, draws: int = DRAWS, seed: int = 0) -> Difference:
    """Accuracy of `one` less that of `other` on the same clips: subjects, and seeds, drawn with replacement.

    Args:
        one, other: of the same clips. Seeds are drawn where both have as many, or one a single one; else each counts by
            its mean over seeds.
        level: coverage of the interval.
        draws: bootstrap draws.
        seed: seed of the draws.

    Raises:
        ValueError: other clips or subjects.
    """
    _require_same_clips(one, other)
    ahead = _rows(one, other) - _rows(other, one)
    names, of_clip = np.unique(one.subjects, return_inverse=True)
    sizes = np.bincount(of_clip)
    by_subject = np.stack([np.bincount(of_clip, weights=row, minlength=len(names)) for row in ahead])
    rng = np.random.default_rng(seed)
    subjects = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), draws)
    seeds = rng.multinomial(len(ahead), np.full(len(ahead), 1 / len(ahead)), draws) / len(ahead)
    drawn = ((seeds @ by_subject) * subjects).sum(1) / (subjects @ sizes)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    p = min(1.0, 2 * min(float(np.mean(drawn <= 0)), float(np.mean(drawn >= 0))))
    return Difference(float(ahead.mean()), float(low), float(high), p, tuple(ahead.mean(1).tolist()))


def _rows(hits: Hits, beside: Hits) -> np.ndarray:
    """Hits as numbers, a row a seed that can be paired."""
    rows = hits.correct.astype(float)
    paired = len(rows) == len(beside.correct) or 1 in (len(rows), len(beside.correct))
    return rows if paired else rows.mean(0, keepdims=True)


@dataclasses.dataclass(frozen=True)
class McNemar:
    """Clips that only one of two methods classified correctly, and the exact two-sided p of their division."""

    only_one: int
    only_other: int
    p: float


def mcnemar(one: Hits, other: Hits) -> McNemar:
    """McNemar's exact test on the same clips, for the first seed of each; it takes clips for independent.

    Raises:
        ValueError: other clips or subjects.
    """
    from scipy.stats import binomtest  # here: SciPy takes a second to load

    _require_same_clips(one, other)
    first, second = one.correct[0], other.correct[0]
    ahead, behind = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    p = float(binomtest(ahead, ahead + behind).pvalue) if ahead + behind else 1.0
    return McNemar(ahead, behind, p)


def optimism(results: Sequence[dict[str, Any]], subjects: Mapping[str, str] | None = None) -> Difference:
    """Accuracy under rule `test` less that under `last`, of the same trainings.

    Raises:
        ValueError: the run lacks one of the two rules.
    """
    return paired_bootstrap(hits_of(results, "test", subjects), hits_of(results, "last", subjects))


def draw_labels(clip_set: ClipSet, options: RunOptions | None = None, *, seed: int = 0) -> ClipSet:
    """The shuffled-label control, with labels drawn anew: each by itself, with the classes' shares in the set.

    So a left-out label has nothing to do with those that are trained on, and on average over labellings no method is
    right more often than the largest class. Labels that are shuffled keep their counts: those left in training would
    lean away from the left-out subject's, and a method that learns which class is frequent would fall below chance.

    Args:
        clip_set: the data.
        options: of the run, the usual ones if None. Labels are drawn again until all classes are in training in each
            of its folds, and in what rule `inner` leaves of them: in sets of a dozen clips, left-out labels lean away a
            little by that.
        seed: seed of the draws.

    Raises:
        ValueError: no draw gives every fold all classes.
    """
    rng = np.random.default_rng(seed)
    shares = np.bincount(clip_set.labels, minlength=len(clip_set.class_names)) / len(clip_set)
    for _ in range(MOST_DRAWS_OF_LABELS):
        labels = rng.choice(len(shares), len(clip_set), p=shares).astype(np.int32)
        drawn = dataclasses.replace(clip_set, name=f"{clip_set.name}, labels drawn at random", labels=labels)
        try:
            _require_trainable(drawn, options or RunOptions())
        except ValueError as error:
            problem = error
            continue
        return drawn
    raise ValueError(
        f"labels of {clip_set.name!r} drawn at random: none of {MOST_DRAWS_OF_LABELS} draws can be trained on (the "
        f"last: {problem}); or leave the control out (--control=none)"
    ) from problem


def _require_trainable(clip_set: ClipSet, options: RunOptions) -> None:
    """Raise ValueError where a fold, whichever are run, or what rule `inner` trains on lacks a class."""
    for fold in make_folds(clip_set, options.protocol):
        for seed in range(options.seed, options.seed + options.seeds * ("inner" in options.chosen_rules)):
            inner_split(clip_set, fold, share=options.inner_share, seed=seed)


def _require_same_clips(one: Hits, other: Hits) -> None:
    if (one.clip_ids, one.subjects) == (other.clip_ids, other.subjects):
        return
    differing = sorted(set(one.clip_ids) ^ set(other.clip_ids))[:5] or "the subjects they are filed under"
    raise ValueError(
        f"two runs of {len(one.clip_ids)} and {len(other.clip_ids)} clips differ in {differing}; only results of the "
        "same clips can be compared one by one"
    )
