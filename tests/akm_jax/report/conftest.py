"""Run directories made without training."""

import dataclasses
import types
from pathlib import Path

import numpy as np
import pytest

from akm_jax.data.clip_set import ClipSet
from akm_jax.files import write_json
from akm_jax.loso.scores import score_results
from akm_jax.report.thumbnails import write_thumbnails

RULES = ("last", "inner", "test")


def make_result(clip_set: ClipSet, subject: str, seed: int, *, rules=RULES, epochs=3) -> dict:
    """What a fold might have found: three of four clips right."""
    rng = np.random.default_rng([seed, *subject.encode()])
    clips = np.flatnonzero(np.array(clip_set.subjects) == subject)

    def history(start: float) -> list[dict]:
        return [
            {"epoch": e, "learning_rate": 0.001, "loss": start / e, "frames": 9, "seconds": 1.0}
            | {"accuracy": float(rng.random()), "cross_entropy": 1.0}
            for e in range(1, epochs + 1)
        ]

    def outcome() -> dict:
        return {"epoch": epochs, "clips": {clip_set.clip_ids[c]: _reading(rng, clip_set, c) for c in clips}}

    return {
        "subject": subject,
        "seed": seed,
        "num_train_clips": len(clip_set) - len(clips),
        "majority_of_training": 0,
        "histories": {name: history(rng.uniform(2, 4)) for name in ("all_subjects", "inner") if rules != ("last",)}
        or {"all_subjects": history(3.0)},
        "rules": {rule: outcome() for rule in rules},
    }


def _reading(rng: np.random.Generator, clip_set: ClipSet, clip: int) -> dict:
    num_classes, label, length = len(clip_set.class_names), int(clip_set.labels[clip]), int(clip_set.lengths[clip])
    logits = rng.normal(size=num_classes)
    logits[label] += 2.5 if rng.random() < 0.75 else -2.5
    beta = 0.99 - 0.02 * np.abs(np.linspace(-1, 1, length) + rng.normal(0, 0.2)) + rng.normal(0, 0.001, length)
    threshold = float(beta.mean())
    return {
        "label": label,
        "prediction": int(logits.argmax()),
        "logits": logits.tolist(),
        "threshold": threshold,
        "beta": beta.tolist(),
        "selected": (beta >= threshold).astype(int).tolist(),
    }


@dataclasses.dataclass(frozen=True)
class MadeRun:
    """A run directory and what was put into it."""

    folder: Path
    clip_set: ClipSet
    summary: dict
    results: list[dict]


def make_run(
    folder: Path, clip_set: ClipSet, *, seeds=1, rules=RULES, folds="", finished: int | None = None, pictures=True
) -> MadeRun:
    """Write a run directory as training does; of a run that goes on, the first `finished` folds and no summary."""
    names = list(dict.fromkeys(clip_set.subjects))
    data = {
        "name": clip_set.name,
        "num_clips": len(clip_set),
        "num_frames": int(clip_set.lengths.sum()),
        "num_subjects": len(names),
        "class_names": list(clip_set.class_names),
        "checksum": "0badcafe",
    }
    config = {
        "dataset": clip_set.name,
        "preset": "tiny",
        "data_config": None,
        "folds": folds,
        "seeds": seeds,
        "seed": 0,
    }
    config |= {"train": {"epochs": 3, "steps_per_epoch": 0}}
    write_json(folder / "run.json", {"config": config, "data": data})
    left_out = folds.split(",") if folds else names
    results = [make_result(clip_set, name, seed, rules=rules) for seed in range(seeds) for name in left_out][:finished]
    for result in results:
        fold = folder / "folds" / f"seed{result['seed']}" / f"s{result['subject']}"
        write_json(fold / "result.json", result)
        if pictures:
            write_thumbnails(fold, clip_set, result)
    summary = {}
    if finished is None:
        summary = {
            **score_results(results, clip_set.class_names),
            "dataset": clip_set.name,
            "class_names": list(clip_set.class_names),
            "headline_rule": "last",
            "padding_share": 0.0423,
            "frames_per_step": 257,
            "compilations": 1,
            "frames_per_second": 866.1,
            "config": config,
            "data": data,
            "device": "test device",
            "versions": {"python": "3.11", "jax": "0.10"},
            "git_revision": None,
        }
        write_json(folder / "summary.json", summary)
    return MadeRun(folder, clip_set, summary, results)


@pytest.fixture(scope="session")
def clip_set(make_clip_set) -> ClipSet:
    """24 clips of 6 subjects, most with an apex."""
    drawn = make_clip_set(6, 4, lengths=[30, 12, 1, 19])
    return dataclasses.replace(drawn, apexes=np.where(np.arange(24) % 3, drawn.lengths // 2, -1).astype(np.int32))


@pytest.fixture(scope="session")
def make():
    """Makers of results and run directories."""
    return types.SimpleNamespace(result=make_result, run=make_run)
