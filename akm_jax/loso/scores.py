"""Scores of finished folds, from their results alone, under the keys that `summary.json` has."""

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
        num_clips, num_subjects, class_counts, majority_accuracy, majority_band95 and, for each rule, scores.
    """
    first = min(r["seed"] for r in results)
    rules = list(results[0]["rules"])
    once = [r for r in results if r["seed"] == first]
    labels = np.array([c["label"] for r in once for c in r["rules"][rules[0]]["clips"].values()])
    return {
        "num_clips": len(labels),
        "num_subjects": len(once),
        "class_counts": np.bincount(labels, minlength=len(class_names)).tolist(),
        "majority_accuracy": majority_accuracy(labels),
        "majority_band95": list(majority_band(labels)),
        "rules": {rule: _score_rule(results, rule, class_names) for rule in rules},
    }


def _score_rule(results: Sequence[dict[str, Any]], rule: str, class_names: Sequence[str]) -> dict[str, Any]:
    seeds = sorted({r["seed"] for r in results})
    tables = [_outcomes([r for r in results if r["seed"] == seed], rule) for seed in seeds]
    subjects, labels = tables[0][0], tables[0][1]
    scores = [score(labels, predictions, subjects, class_names) for _, _, predictions in tables]
    correct = np.mean([predictions == labels for _, _, predictions in tables], axis=0)
    out: dict[str, Any] = {}
    for name in ("accuracy", "uf1", "uar"):
        values = [getattr(s, name) for s in scores]
        out |= {name: float(np.mean(values)), f"{name}_std": float(np.std(values)), f"{name}_by_seed": values}
    return out | {
        "accuracy_ci95": list(bootstrap_interval(correct, subjects)),
        "confusion": np.sum([s.confusion for s in scores], axis=0).tolist(),
        "per_class": _mean([s.per_class for s in scores]),
        "per_subject": _mean([s.per_subject for s in scores]),
    }


def _outcomes(results: Sequence[dict[str, Any]], rule: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Subjects, labels and predictions of one seed, clips in an order that is the same for every seed."""
    rows = sorted(
        (r["subject"], clip_id, c["label"], c["prediction"])
        for r in results
        for clip_id, c in r["rules"][rule]["clips"].items()
    )
    return [row[0] for row in rows], np.array([row[2] for row in rows]), np.array([row[3] for row in rows])


def _mean(tables: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {k: {m: float(np.mean([t[k][m] for t in tables])) for m in tables[0][k]} for k in tables[0]}
