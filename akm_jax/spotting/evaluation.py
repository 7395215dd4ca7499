"""A table of found against a table of annotated intervals: counts by type and over both, AP, STRS."""

import dataclasses
import math
from collections.abc import Hashable
from typing import Any, Literal

import numpy as np
import pandas as pd

from akm_jax.data.long_videos import TYPES
from akm_jax.spotting.average_precision import COCO_IOUS, average_precision
from akm_jax.spotting.counting import HIT_IOU, Counts, VideoSpans, count_baseline, count_videos
from akm_jax.spotting.labels import Variant
from akm_jax.spotting.strs import Strs, StrsVariant, score_strs

OVERALL = "overall"
Evaluation = Literal["megc", "code", "strs-metric"]


def evaluate_tables(
    found: pd.DataFrame, annotated: pd.DataFrame, variant: Evaluation = "megc", *, min_iou: float = HIT_IOU
) -> dict[str, Any]:
    """Score found intervals; tables are those of `submission`.

    Videos are told apart by subject and video where both tables know the subjects, else by video.

    Args:
        found: any number of rows.
        annotated: the truth.
        variant: `megc` counts all videos and pairs one to one; `code` as SoftNet-SpotME, only videos with an interval
            of the type; `strs-metric` counts as `megc` and takes STRS as its released program does.
        min_iou: IoU of a hit.

    Returns:
        variant; min_iou; types, for each type annotated or found and `overall` its counts, precision, recall, F1, and
        average precision where scores are known; strs, its parts or None; notes. JSON can hold it.

    Raises:
        ValueError: nothing is annotated, a video cannot be told from another, or an emotion is missing.
    """
    if annotated.empty:
        raise ValueError("no annotated intervals: expected at least one to score against")
    found, annotated = _with_keys(found, annotated)
    counting: Variant = "code" if variant == "code" else "megc"
    types = [kind for kind in TYPES if kind in {*annotated["type"], *found["type"]}]
    counts = {kind: _count(found, annotated, kind, counting, min_iou) for kind in types}
    summed = sum(counts.values(), Counts())
    scores: dict[str, dict[str, Any]] = {
        kind: _describe(counts[kind]) | _precisions(found, annotated, kind) for kind in types
    }
    scores[OVERALL] = _describe(summed)
    return {
        "variant": variant,
        "min_iou": min_iou,
        "types": scores,
        "strs": _strs(found, annotated, variant, min_iou),
        "notes": _notes(found, annotated, summed, counting, min_iou),
    }


def _with_keys(found: pd.DataFrame, annotated: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables with subjects where both know them, else without.

    Raises:
        ValueError: a video cannot be told from another.
    """
    tables = {"found": found, "annotated": annotated}
    if any((rows["subject"] == "").any() for rows in tables.values()):
        for what, rows in tables.items():
            of_video = rows.groupby("video")["subject"].nunique()
            if (of_video > 1).any():
                raise ValueError(
                    f"{what} video {of_video.idxmax()!r} is of several subjects, but not both tables name subjects: "
                    "expected a column subject in both, or video names that are unique"
                )
        return found.assign(subject=""), annotated.assign(subject="")
    return found, annotated


def require_common_videos(found: pd.DataFrame, annotated: pd.DataFrame) -> None:
    """See that tables from different hands name videos alike, by one that both know.

    Raises:
        ValueError: there is none, although something was found.
    """
    found, annotated = _with_keys(found, annotated)
    if len(found) and not set(_keys(found)) & set(_keys(annotated)):
        raise ValueError(
            f"no video is in both tables: found are {_names(_keys(found))}, annotated {_names(_keys(annotated))}; "
            "expected the same names of subjects and videos"
        )


def _keys(rows: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(rows["subject"], rows["video"], strict=True))


def _names(keys: list[tuple[str, str]]) -> str:
    different = list(dict.fromkeys("/".join(filter(None, key)) for key in keys))
    return ", ".join(different[:3]) + " ..." * (len(different) > 3)


def _by_video(rows: pd.DataFrame, kind: str, columns: list[str]) -> dict[Hashable, np.ndarray]:
    of_kind = rows[rows["type"] == kind]
    return {key: of[columns].to_numpy() for key, of in of_kind.groupby(["subject", "video"], sort=False)}


def _spans(rows: pd.DataFrame, kind: str) -> VideoSpans:
    return _by_video(rows, kind, ["onset", "offset"])


def _count(found: pd.DataFrame, annotated: pd.DataFrame, kind: str, variant: Variant, min_iou: float) -> Counts:
    return count_videos(_spans(found, kind), _spans(annotated, kind), variant, min_iou=min_iou)


def _describe(counts: Counts) -> dict[str, Any]:
    return dataclasses.asdict(counts) | {"precision": counts.precision, "recall": counts.recall, "f1": counts.f1}


def _precisions(found: pd.DataFrame, annotated: pd.DataFrame, kind: str) -> dict[str, float]:
    """Average precision at an IoU of 0.5 and as the mean over 0.5 to 0.95; none without scores or annotation."""
    truth = _spans(annotated, kind)
    if "score" not in found or not truth:
        return {}
    spans = _spans(found, kind)
    scores = {key: one[:, 0] for key, one in _by_video(found, kind, ["score"]).items()}
    at = [average_precision(spans, scores, truth, min_iou=min_iou) for min_iou in COCO_IOUS]
    return {"ap50": at[0], "ap": float(np.mean(at))}


def _strs(found: pd.DataFrame, annotated: pd.DataFrame, variant: Evaluation, min_iou: float) -> dict[str, Any] | None:
    """STRS of the micro-expressions; None where emotions or micro-expressions are not known."""
    if any("emotion" not in rows for rows in (found, annotated)):
        return None
    found, annotated = (rows[rows["type"] == "micro"] for rows in (found, annotated))
    if annotated.empty:
        return None
    for what, rows in (("found", found), ("annotated", annotated)):
        if len(nameless := rows[rows["emotion"] == ""]):
            one = nameless.iloc[0]
            raise ValueError(
                f"{what} micro-expression {one.onset} to {one.offset} of video {one.video!r} has no emotion: expected "
                "one in each row, or no column emotion"
            )
    how: StrsVariant = "strs-metric" if variant == "strs-metric" else "ours"
    return _describe_strs(score_strs(found, annotated, how, min_iou=min_iou))


def _describe_strs(score: Strs) -> dict[str, Any]:
    return {
        "strs": _finite(score.strs),
        "spotting": _describe(score.spotting),
        "analysis": {
            "hits": score.hits,
            "right": score.analysis.tp,
            "precision": score.precision,
            "recall": score.recall,
            "f1": _finite(score.analysis_f1),
            "uf1": score.uf1,
            "uar": score.uar,
            "classes": {name: _describe(counts) for name, counts in score.emotions.items()},
        },
    }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _notes(found: pd.DataFrame, annotated: pd.DataFrame, counts: Counts, variant: Variant, min_iou: float) -> list[str]:
    """What a reader of the scores should know."""
    notes = []
    elsewhere = [key for key in _keys(found) if key not in set(_keys(annotated))]
    if elsewhere and variant == "megc":
        notes.append(f"{len(elsewhere)} found intervals are in videos without annotation: {_names(elsewhere)}.")
    if variant == "code":
        counted = counts.tp + counts.fp
        notes.append(
            f"{len(found) - counted} of {len(found)} found intervals are not counted, for their video has no interval "
            "of the type; the released program gives no overall figure."
        )
        return notes
    baseline = Counts()
    none = np.zeros((0, 2), np.int64)
    for kind in TYPES:
        spans, truth = _spans(found, kind), _spans(annotated, kind)
        for key in {*spans, *truth}:
            baseline += count_baseline(spans.get(key, none), truth.get(key, none), min_iou=min_iou)
    if baseline != counts:
        notes.append(
            f"The baseline of MEGC 2020 counts {baseline.tp} hits, {baseline.fp} false alarms, {baseline.fn} misses in "
            "all: annotated intervals overlap, or are of one frame."
        )
    return notes
