"""Which clips a report shows: read best, read worst, and one for each pair of classes taken for one another."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

CLIPS_A_GROUP = 3


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a model says of one clip; `probabilities` are the softmax of its logits; they and `beta` may be empty.

    `fold` is who was left out: the clip's subject, or its data set.
    """

    clip_id: str
    fold: str
    subject: str
    label: int
    prediction: int
    probabilities: tuple[float, ...]
    beta: tuple[float, ...]
    selected: tuple[int, ...]
    threshold: float

    @property
    def confidence(self) -> float:
        """Probability of the predicted class; 0 where none are known."""
        return self.probabilities[self.prediction] if self.probabilities else 0.0

    @property
    def correct(self) -> bool:
        """Whether the prediction is the label."""
        return self.label == self.prediction


@dataclasses.dataclass(frozen=True)
class Group:
    """Clips shown under one heading."""

    title: str
    readings: tuple[Reading, ...]


def read_clips(results: Iterable[dict[str, Any]], rule: str, seed: int) -> list[Reading]:
    """Readings of all clips under one rule and seed."""
    return [
        _reading(result["subject"], clip_id, clip)
        for result in results
        if result["seed"] == seed
        for clip_id, clip in result["rules"][rule]["clips"].items()
    ]


def _reading(fold: str, clip_id: str, clip: dict[str, Any]) -> Reading:
    return Reading(
        clip_id=clip_id,
        fold=fold,
        subject=clip.get("subject", fold),
        label=clip["label"],
        prediction=clip["prediction"],
        probabilities=_probabilities(clip),
        beta=tuple(clip.get("beta", ())),
        selected=tuple(clip.get("selected", ())),
        threshold=clip.get("threshold", 0.0),
    )


def _probabilities(clip: dict[str, Any]) -> tuple[float, ...]:
    """Those of predictions made elsewhere, if they came with any; else of the logits."""
    if "logits" not in clip:
        return tuple(clip.get("probabilities", ()))
    logits = np.asarray(clip["logits"], float)
    return tuple(np.exp(logits - np.logaddexp.reduce(logits)).tolist())


SURE = ("Read best: the most confident correct clip of a class", "Read worst: the most confident wrong clips")
WITHOUT_PROBABILITIES = ("Read correctly: a clip of a class", "Misread: some clips")


def choose(readings: Sequence[Reading]) -> list[Group]:
    """Most confident correct clip a class, most confident wrong clips, one of each misread pair; none comes twice.

    Where no probabilities are known, the first clips by name.
    """
    ranked = sorted(readings, key=lambda r: (-r.confidence, r.clip_id))
    right = _first_of_each((r for r in ranked if r.correct), lambda r: r.label)
    wrong = [r for r in ranked if not r.correct]
    worst, others = wrong[:CLIPS_A_GROUP], wrong[CLIPS_A_GROUP:]
    pairs = Counter((r.label, r.prediction) for r in wrong)
    misread = _first_of_each(others, lambda r: (r.label, r.prediction))
    misread.sort(key=lambda r: -pairs[r.label, r.prediction])
    best_title, worst_title = SURE if all(r.probabilities for r in readings) else WITHOUT_PROBABILITIES
    groups = {
        best_title: right,
        worst_title: worst,
        "Misread pairs: another clip of each, most frequent first": misread,
    }
    return [Group(title, tuple(found[:CLIPS_A_GROUP])) for title, found in groups.items() if found]


def _first_of_each(readings: Iterable[Reading], kind: Callable[[Reading], Any]) -> list[Reading]:
    """First reading of every kind, in order."""
    found: dict[Any, Reading] = {}
    for reading in readings:
        found.setdefault(kind(reading), reading)
    return list(found.values())
