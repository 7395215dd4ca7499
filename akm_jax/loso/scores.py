"""Scores of finished folds, from their results alone, under the keys that `summary.json` has."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from akm_jax.metrics import bootstrap_interval, majority_accuracy, majority_band, score


def part_of_set(subjects: int, of: int) -> str:
    """What stands beside every figure of a run that left out only some subjects of its set: "1 of 26 subjects"."""
    return f"{subjects} of {of} subjects" if subjects < of else ""


def score_results(results: Sequence[dict[str, Any]], class_names: Sequence[str]) -> dict[str, Any]:
    """Score folds: means over seeds; the confusion matrix is summed over seeds.

    Args:
        results: contents of `result.json`, of the same subjects for every seed.
        class_names: K names that labels and predictions index into.

    Returns:
        left_out, num_clips, num_subjects, class_counts, majority_accuracy, majority_band95 and, for each rule, scores;
        of several data sets also those of each set, and their means over sets.
    """
    first = min(r["seed"] for r in results)
    rules = list(results[0]["rules"])
    once = [r for r in results if r["seed"] == first]
    outcomes = _outcomes(once, rules[0])
    labels = outcomes.labels
    return {
        "left_out": [r["subject"] for r in once],
        "num_clips": len(labels),
        "num_subjects": len(set(outcomes.subjects)),
        "class_counts": np.bincount(labels, minlength=len(class_names)).tolist(),
        "majority_accuracy": majority_accuracy(labels),
        "majority_band95": list(majority_band(labels)),
        "rules": {rule: _score_rule(results, rule, class_names) for rule in rules},
    }


def _score_rule(results: Sequence[dict[str, Any]], rule: str, class_names: Sequence[str]) -> dict[str, Any]:
    seeds = sorted({r["seed"] for r in results})
    tables = [_outcomes([r for r in results if r["seed"] == seed], rule) for seed in seeds]
    subjects, labels = tables[0].subjects, tables[0].labels
    scores = [score(labels, table.predictions, subjects, class_names) for table in tables]
    correct = np.mean([table.predictions == labels for table in tables], axis=0)
    out: dict[str, Any] = {}
    for name in ("accuracy", "uf1", "uar"):
        values = [getattr(s, name) for s in scores]
        out |= {name: float(np.mean(values)), f"{name}_std": float(np.std(values)), f"{name}_by_seed": values}
    return out | {
        "accuracy_ci95": list(bootstrap_interval(correct, subjects)),
        "confusion": np.sum([s.confusion for s in scores], axis=0).tolist(),
        "per_class": _mean([s.per_class for s in scores]),
        "per_subject": _mean([s.per_subject for s in scores]),
        **_score_sets(tables, class_names),
    }


SET_SCORES = ("accuracy", "uf1", "uar")


def _score_sets(tables: Sequence["_Outcomes"], class_names: Sequence[str]) -> dict[str, Any]:
    """Scores of each data set of several, from its own clips alone, and their means over sets; empty for one set."""
    names = list(dict.fromkeys(tables[0].sets))
    if names == [""]:
        return {}
    per_set = _mean([{name: _score_set(table.of_set(name), class_names) for name in names} for table in tables])
    over_sets = {m: float(np.mean([per_set[name][m] for name in names])) for m in SET_SCORES}
    return {"per_set": per_set, "mean_over_sets": over_sets}


def _score_set(table: "_Outcomes", class_names: Sequence[str]) -> dict[str, float]:
    found = score(table.labels, table.predictions, table.subjects, class_names)
    sizes = {"num_clips": len(table.labels), "num_subjects": len(set(table.subjects))}
    return {
        **sizes,
        "majority_accuracy": majority_accuracy(table.labels),
        **{name: getattr(found, name) for name in SET_SCORES},
    }


@dataclasses.dataclass(frozen=True)
class _Outcomes:
    """What one seed says of N clips: data set ("" where there is one) and subject of each, labels, predictions."""

    sets: tuple[str, ...]
    subjects: tuple[str, ...]
    labels: np.ndarray
    predictions: np.ndarray

    def of_set(self, name: str) -> "_Outcomes":
        """Those of one data set."""
        rows = [i for i, one in enumerate(self.sets) if one == name]
        subjects = tuple(self.subjects[i] for i in rows)
        return _Outcomes((name,) * len(rows), subjects, self.labels[rows], self.predictions[rows])


def _outcomes(results: Sequence[dict[str, Any]], rule: str) -> _Outcomes:
    """Outcomes of one seed, clips in an order that is the same for every seed."""
    rows = sorted(
        (c.get("set", ""), c.get("subject", r["subject"]), clip_id, c["label"], c["prediction"])
        for r in results
        for clip_id, c in r["rules"][rule]["clips"].items()
    )
    sets, subjects, _, labels, predictions = zip(*rows, strict=True)
    return _Outcomes(sets, subjects, np.array(labels), np.array(predictions))


def _mean(tables: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {k: {m: float(np.mean([t[k][m] for t in tables])) for m in tables[0][k]} for k in tables[0]}
