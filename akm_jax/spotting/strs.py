"""STRS, the spot-then-recognise score of MEGC 2025: F1 of spotting times F1 of the emotions of what was spotted.

Tables hold a row an interval, with the columns subject, video, onset, offset, emotion; micro-expressions only, by its
rules. Source: genbing99/STRS-Metric. `variant="strs-metric"` is that program with its faults, which ours has not: one
found interval may hit two; subjects without a found and videos without an annotated interval are not visited; the mean
precision stands for UAR; a class that is all that was hit and always named right counts 0.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from akm_jax.spotting.counting import HIT_IOU, Counts, Spans, match_spans, span_ious

StrsVariant = Literal["ours", "strs-metric"]
Pair = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Strs:
    """A score with its parts.

    Attributes:
        spotting: hits, false alarms and misses of intervals.
        hits: those whose annotated emotion is one of the classes; the rest is of these.
        emotions: counts by class.
        analysis: counts of emotions of all classes together.
        precision, recall: means over the classes.
        analysis_f1: harmonic mean of these two; not a number for `strs-metric` where both are 0.
        uf1, uar: means of F1 and recall over the classes; for `strs-metric` uar is the mean precision.
    """

    spotting: Counts
    hits: int
    emotions: dict[str, Counts]
    analysis: Counts
    precision: float
    recall: float
    analysis_f1: float
    uf1: float
    uar: float

    @property
    def strs(self) -> float:
        """The score."""
        return self.spotting.f1 * self.analysis_f1


def score_strs(
    found: pd.DataFrame,
    annotated: pd.DataFrame,
    variant: StrsVariant = "ours",
    *,
    emotions: Sequence[str] | None = None,
    min_iou: float = HIT_IOU,
) -> Strs:
    """Score found intervals with emotions.

    Args:
        found, annotated: tables.
        variant: ours, or the released program's.
        emotions: the classes; all of the annotation when None.
        min_iou: IoU of a hit.

    Raises:
        ValueError: there are no classes.
    """
    classes = list(emotions if emotions is not None else sorted(set(annotated["emotion"])))
    if not classes:
        raise ValueError("STRS without classes: expected annotated intervals with emotions")
    released = variant == "strs-metric"
    spotting, pairs = Counts(), []
    for of_video, truth in _by_video(found, annotated, released):
        hits = _released_hits(_spans(of_video), _spans(truth), min_iou) if released else _hits(of_video, truth, min_iou)
        spotting += _count(hits, len(of_video), len(truth))
        pairs += [(truth["emotion"].iloc[t], of_video["emotion"].iloc[f]) for f, t in hits]
    pairs = [(true, said) for true, said in pairs if true in classes]
    return _analysed(spotting, pairs, classes, released)


def _by_video(
    found: pd.DataFrame, annotated: pd.DataFrame, released: bool
) -> Iterable[tuple[pd.DataFrame, pd.DataFrame]]:
    """The rows of each video; the released program goes by the subjects found and of these the videos annotated."""
    names = ["subject", "video"]
    if released:
        visited = annotated[names][annotated["subject"].isin(set(found["subject"]))].drop_duplicates()
    else:
        visited = pd.concat([annotated[names], found[names]]).drop_duplicates()
    for subject, video in visited.itertuples(index=False):
        yield tuple(  # type: ignore[misc]
            rows[(rows["subject"] == subject) & (rows["video"] == video)] for rows in (found, annotated)
        )


def _spans(rows: pd.DataFrame) -> Spans:
    return rows[["onset", "offset"]].to_numpy(np.int64)


def _hits(found: pd.DataFrame, annotated: pd.DataFrame, min_iou: float) -> list[tuple[int, int]]:
    return [(int(f), int(t)) for f, t in match_spans(_spans(found), _spans(annotated), min_iou)]


def _released_hits(found: Spans, annotated: Spans, min_iou: float) -> list[tuple[int, int]]:
    """Row by row each found interval takes every annotated one that it reaches and that is free."""
    taken: dict[int, int] = {}
    for f, ious in enumerate(span_ious(found, annotated)):
        for t in np.flatnonzero(ious >= min_iou):
            taken.setdefault(int(t), f)
    return [(f, t) for t, f in taken.items()]


def _count(hits: Sequence[tuple[int, int]], num_found: int, num_annotated: int) -> Counts:
    return Counts(len(hits), num_found - len({f for f, _ in hits}), num_annotated - len({t for _, t in hits}))


def _analysed(spotting: Counts, pairs: Sequence[Pair], classes: Sequence[str], released: bool) -> Strs:
    by_class = {name: _count_class(pairs, name) for name in classes}
    analysis = sum(by_class.values(), Counts())
    if released:
        # It counts a miss for every false alarm, and nothing for a class without another beside it.
        analysis = dataclasses.replace(analysis, fn=analysis.fp)
        by_class = {name: Counts() if c.tp == len(pairs) else c for name, c in by_class.items()}
    precision, recall = (float(np.mean([getattr(c, of) for c in by_class.values()])) for of in ("precision", "recall"))
    uf1 = float(np.mean([c.f1 for c in by_class.values()]))
    nothing = math.nan if released else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else nothing
    return Strs(spotting, len(pairs), by_class, analysis, precision, recall, f1, uf1, precision if released else recall)


def _count_class(pairs: Sequence[Pair], name: str) -> Counts:
    """Counts of one class among pairs of annotated and found emotion."""
    tp = sum(true == said == name for true, said in pairs)
    return Counts(tp, sum(said == name for _, said in pairs) - tp, sum(true == name for true, _ in pairs) - tp)
