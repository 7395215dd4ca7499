"""Predictions and scores of a run, from the results of its folds; rows are joined by clip id."""

import csv
import io
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from akm_jax.data.clip_set import ClipSet
from akm_jax.data.folds import Fold
from akm_jax.files import write_json, write_text
from akm_jax.loso.run_dir import describe_data
from akm_jax.loso.scores import part_of_set, score_results
from akm_jax.versions import versions

# What every `result.json` has; whatever else is in one are numbers the method keeps with a fold.
RESULT_KEYS = ("subject", "seed", "num_train_clips", "majority_of_training", "histories", "rules")
LIBRARIES = ("akm_jax", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "tensorflow-datasets", "numpy")


def write_results(
    run_dir: Path,
    clip_set: ClipSet,
    folds: list[Fold],
    results: list[dict[str, Any]],
    described: dict[str, Any],
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Write `predictions.csv` and `summary.json` from the results of all folds and seeds.

    Args:
        run_dir: where to.
        clip_set: the data.
        folds: those of the run.
        results: contents of their `result.json`.
        described: the run's settings.
        facts: more for the summary, such as what the method tells of the run; `complete` says whether it was trained on
            all clips, and is false in the summary also where not every subject was left out.
    """
    clips = np.concatenate([fold.test for fold in folds])
    table = _join(results, clip_set, clips)
    write_text(run_dir / "predictions.csv", _predictions_csv(table, clip_set, clips))
    scores = score_results(results, clip_set.class_names)
    part = part_of_set(scores["num_subjects"], len(set(clip_set.subjects)))
    for found in [scores, *scores["rules"].values()] if part else []:
        found["part"] = part
    summary = {
        "dataset": clip_set.name,
        "class_names": list(clip_set.class_names),
        "headline_rule": None if part else "last",
        **scores,
        **facts,
        "complete": facts["complete"] and not part,
        **_largest_facts(results),
        **_speed(results),
        "config": described,
        "data": describe_data(clip_set),
        "device": _device(),
        "versions": versions(LIBRARIES),
        "git_revision": git_revision(),
    }
    write_json(run_dir / "summary.json", summary)
    return summary


def _largest_facts(results: list[dict[str, Any]]) -> dict[str, float]:
    """Numbers that folds were finished with, the largest of each."""
    names = {name for result in results for name in result if name not in RESULT_KEYS}
    return {name: max(result[name] for result in results if name in result) for name in sorted(names)}


def _device() -> str:
    """What computed, if JAX did."""
    jax = sys.modules.get("jax")
    return str(jax.devices()[0].device_kind) if jax else platform.processor() or platform.machine()


def _join(results: list[dict[str, Any]], clip_set: ClipSet, clips: np.ndarray) -> dict[str, dict[int, list[dict]]]:
    """Outputs by rule and seed, in the order of `clips`; joined by clip id."""
    wanted = [clip_set.clip_ids[c] for c in clips]
    table: dict[str, dict[int, dict[str, dict]]] = {}
    for result in results:
        for rule, outcome in result["rules"].items():
            table.setdefault(rule, {}).setdefault(result["seed"], {}).update(outcome["clips"])
    for rule, seeds in table.items():
        for seed, found in seeds.items():
            missing, surplus = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
            if missing or surplus:
                raise ValueError(
                    f"results of rule {rule}, seed {seed} do not match the data: clips missing {missing[:5]}, "
                    f"unknown {surplus[:5]}; the run directory was written with other data"
                )
    return {rule: {seed: [found[c] for c in wanted] for seed, found in seeds.items()} for rule, seeds in table.items()}


def _predictions_csv(table, clip_set: ClipSet, clips: np.ndarray) -> str:
    names = clip_set.class_names
    columns = [(rule, seed) for rule, seeds in table.items() for seed in seeds]
    header = ["clip_id", "subject", "label"]
    for rule, seed in columns:
        header += [f"{rule}_seed{seed}_prediction", *[f"{rule}_seed{seed}_logit_{name}" for name in names]]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    for i, clip in enumerate(clips):
        row = [clip_set.clip_ids[clip], clip_set.subjects[clip], names[clip_set.labels[clip]]]
        for rule, seed in columns:
            entry = table[rule][seed][i]
            row += [names[entry["prediction"]], *entry["logits"]]
        writer.writerow(row)
    return out.getvalue()


def _speed(results: list[dict[str, Any]]) -> dict[str, float]:
    """Training throughput without the first epoch of each training, which may hold compilation; empty if not known."""
    epochs = [e for r in results for history in r["histories"].values() for e in (history[1:] or history)]
    if not all({"frames", "seconds"} <= epoch.keys() for epoch in epochs):
        return {}
    return {"frames_per_second": sum(e["frames"] for e in epochs) / sum(e["seconds"] for e in epochs)}


def git_revision() -> str | None:
    """Revision of the source tree this package lies in; None outside a checkout."""
    here = Path(__file__).resolve().parent
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=here,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:  # git is not installed
        return None
    return done.stdout.strip() or None
