"""What a run directory holds: the plan, the results of finished folds, and the summary where it covers just them."""

import dataclasses
import re
from collections.abc import Container
from pathlib import Path
from typing import Any

from akm_jax.config import RULES
from akm_jax.files import read_json
from akm_jax.loso.rules import GIVEN
from akm_jax.loso.scores import score_results

RESULT_KEYS = {"subject", "seed", "histories", "rules"}
CLIP_KEYS = {"label", "prediction"}
# Every rule in the order they are shown; the last is of predictions made elsewhere.
SHOWN_RULES = (*RULES, GIVEN)
SUMMARY_KEYS = {"num_clips", "class_counts", "majority_accuracy", "majority_band95", "rules", "config", "versions"}
REDO = "delete it and start the run again with the same options: that fold is done anew, the others are kept"


@dataclasses.dataclass(frozen=True)
class RunFiles:
    """Content of a run directory.

    Attributes:
        folder: the run directory.
        plan: content of `run.json`: configuration and data.
        results: contents of the finished folds' `result.json`, by seed, then subject.
        summary: content of `summary.json`; empty until it is written.
        scores: what `summary.json` says of `scored`, or the same keys computed from them while it says it of others.
        scores_from_summary: whether `scores` are those of `summary.json`.
        scored: the results that `scores` are of; those of a seed that lacks folds the first seed has are left out.
    """

    folder: Path
    plan: dict[str, Any]
    results: list[dict[str, Any]]
    summary: dict[str, Any]
    scores: dict[str, Any]
    scores_from_summary: bool
    scored: list[dict[str, Any]]

    @property
    def num_planned(self) -> int:
        """Folds that the whole run has: every subject, or set, asked for, for every seed."""
        return (len(self.subjects_asked_for) or self.num_left_out) * self.plan["config"]["seeds"]

    @property
    def leaves_out(self) -> str:
        """What a fold leaves out: a `subject`, or a `set`."""
        return "set" if self.plan["config"].get("protocol") == "leave_one_set_out" else "subject"

    @property
    def num_left_out(self) -> int:
        """Subjects, or sets, that the data set has."""
        data = self.plan["data"]
        return len(data["sets"]) if self.leaves_out == "set" else data["num_subjects"]

    @property
    def subjects_asked_for(self) -> list[str]:
        """Subjects, or sets, the run is restricted to; none when it leaves out every one of the data set."""
        return [s.strip() for s in self.plan["config"].get("folds", "").split(",") if s.strip()]

    @property
    def seeds(self) -> list[int]:
        """Seeds that are scored."""
        return sorted({r["seed"] for r in self.scored})

    @property
    def rules(self) -> tuple[str, ...]:
        """Rules in the order they are shown."""
        return tuple(rule for rule in SHOWN_RULES if rule in self.scores["rules"])

    @property
    def thumbnails_folder(self) -> Path:
        """Parent of the folders of the fold whose key frames are shown."""
        return self.folder / "folds" / f"seed{self.seeds[0]}"


def read_run(folder: Path) -> RunFiles:
    """Read a run directory.

    Raises:
        FileNotFoundError: there is no such folder, it is not a run directory, or no fold is finished yet.
        ValueError: a file is damaged.
    """
    plan = _read_plan(folder)
    paths = sorted(folder.glob("folds/seed*/s*/result.json"), key=natural_order)
    if not paths:
        raise FileNotFoundError(
            f"{folder}: no fold is finished yet (no folds/seed*/s*/result.json); start the run again, or wait for its "
            "first fold"
        )
    results = [_read_result(path) for path in paths]
    summary = _read_summary(folder / "summary.json")
    scored = comparable(results)
    fresh = bool(summary) and _covered(summary) == {(r["seed"], r["subject"]) for r in results}
    scores = summary if fresh else score_results(scored, plan["data"]["class_names"])
    return RunFiles(folder, plan, results, summary, scores, fresh, scored)


def main_rule(rules: Container[str]) -> str:
    """The rule whose clips are shown: `last`, or what there is."""
    return next(rule for rule in SHOWN_RULES if rule in rules)


def natural_order(name: object) -> list[tuple[int, int, str]]:
    """Sort key under which s2 comes before s10."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", str(name)) if part]


def comparable(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Results of those seeds that have finished the same subjects as the first seed: what means over seeds may hold."""
    subjects: dict[int, set[str]] = {}
    for result in results:
        subjects.setdefault(result["seed"], set()).add(result["subject"])
    first = subjects[min(subjects)]
    return [r for r in results if subjects[r["seed"]] == first]


def _read_plan(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise FileNotFoundError(
            f"run directory {folder} does not exist; give the folder a run wrote to (its --run_dir, or runs/...)"
        )
    path = folder / "run.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} is not a run directory: it has no run.json; give the folder that "
            "`python -m experiments.loso` wrote to"
        )
    plan = read_json(path)
    try:
        _ = plan["config"]["seeds"], plan["data"]["num_subjects"], plan["data"]["class_names"]
    except (KeyError, TypeError) as e:
        raise ValueError(f"{path}: not the plan of a run ({e!r} is missing or wrong); start a new run") from e
    return plan


def _read_result(path: Path) -> dict[str, Any]:
    try:
        result = read_json(path)
    except ValueError as e:
        raise ValueError(f"{path} is damaged: {e.__cause__}; {REDO}") from e
    try:
        problem = _problem(result)
    except (AttributeError, TypeError) as e:
        problem = f"its form is wrong ({e})"
    if not problem and path.parent.name != f"s{result['subject']}":
        problem = f"it is of subject {result['subject']}, in the folder of another"
    if problem:
        raise ValueError(f"{path} is not the result of a fold: {problem}; {REDO}")
    return result


def _problem(result: Any) -> str:
    """What is wrong with the form of a result, or an empty string."""
    if not isinstance(result, dict) or not result.keys() >= RESULT_KEYS:
        return f"expected an object with {', '.join(sorted(RESULT_KEYS))}"
    if not isinstance(result["rules"], dict) or not result["rules"].keys() & set(SHOWN_RULES):
        return f"no result of rule {', '.join(RULES)}"
    for rule, outcome in result["rules"].items():
        for clip_id, clip in outcome.get("clips", {}).items():
            expected = CLIP_KEYS if rule == GIVEN else CLIP_KEYS | {"logits"}
            if not clip.keys() >= expected:
                return f"rule {rule}, clip {clip_id}: no {', '.join(sorted(expected - clip.keys()))}"
    return ""


def _read_summary(path: Path) -> dict[str, Any]:
    summary = read_json(path) if path.is_file() else {}
    if not isinstance(summary, dict) or (summary and not summary.keys() >= SUMMARY_KEYS):
        raise ValueError(
            f"{path} is not the summary of a run: expected an object with {', '.join(sorted(SUMMARY_KEYS))}; delete it "
            "and start the run again with the same options: it is written anew from the finished folds"
        )
    return summary


def _covered(summary: dict[str, Any]) -> set[tuple[int, str]]:
    """Seeds, and subjects or sets that were left out, a summary is of."""
    first = summary["config"]["seed"]
    scores = next(iter(summary["rules"].values()))
    left_out = summary.get("left_out", scores["per_subject"])  # version 0.2 has no key of its own
    return {(first + i, subject) for i in range(len(scores["accuracy_by_seed"])) for subject in left_out}
