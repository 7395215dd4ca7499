"""Found intervals against annotated ones: IoU, hits, counts, F1.

Spans are int64 (N, 2), first and last frame, the last one belonging to it. All counts are of one type of expression:
a macro-expression is no hit on a micro-expression.
"""

import dataclasses
from collections.abc import Hashable, Mapping

import numpy as np
from jaxtyping import Bool, Float64, Int
from scipy.optimize import linear_sum_assignment

from akm_jax.spotting.labels import Variant

HIT_IOU = 0.5
Spans = Int[np.ndarray, "_ 2"]
VideoSpans = Mapping[Hashable, Spans]


@dataclasses.dataclass(frozen=True)
class Counts:
    """Hits (TP), false alarms (FP) and misses (FN); they add up over videos, subjects and types."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def precision(self) -> float:
        """Hits among what was found; 0 where nothing was."""
        return self.tp / (self.tp + self.fp) if self.tp else 0.0

    @property
    def recall(self) -> float:
        """Hits among what is annotated; 0 where nothing is."""
        return self.tp / (self.tp + self.fn) if self.tp else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 where nothing was hit."""
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self.tp else 0.0


def span_ious(found: Spans, annotated: Spans) -> Float64[np.ndarray, "P N"]:
    """Frames in both by frames in either, of each found with each annotated interval."""
    _require_spans(found, "found")
    _require_spans(annotated, "annotated")
    first = np.maximum(found[:, None, 0], annotated[:, 0])
    last = np.minimum(found[:, None, 1], annotated[:, 1])
    both = np.maximum(last - first + 1, 0)
    lengths = found[:, None, 1] - found[:, None, 0] + annotated[:, 1] - annotated[:, 0] + 2
    return both / (lengths - both)


def match_spans(found: Spans, annotated: Spans, min_iou: float = HIT_IOU) -> Int[np.ndarray, "M 2"]:
    """Pair found with annotated intervals one to one: as many as reach `min_iou`, of these the largest IoU in sum.

    Returns:
        Positions among found and annotated, a row a hit.
    """
    ious = span_ious(found, annotated)
    # A pair more outweighs all that IoU can add up to.
    pairs = np.stack(linear_sum_assignment(np.where(ious >= min_iou, len(found) + 1 + ious, 0), maximize=True), axis=1)
    return pairs[ious[pairs[:, 0], pairs[:, 1]] >= min_iou]


def count_spans(found: Spans, annotated: Spans, variant: Variant = "megc", *, min_iou: float = HIT_IOU) -> Counts:
    """Count the hits of a video.

    Args:
        found, annotated: intervals of one type.
        variant: `megc` pairs them one to one; for `code` an interval looks at the annotated one of largest IoU only, of
            equal ones at the later in the table.
        min_iou: IoU of a hit.

    Raises:
        ValueError: intervals that end before they begin.
    """
    if variant == "code":
        tp = len(set(best_hits(found, annotated, min_iou)))
    else:
        tp = len(match_spans(found, annotated, min_iou))
    return Counts(tp, len(found) - tp, len(annotated) - tp)


def count_baseline(found: Spans, annotated: Spans, *, min_iou: float = HIT_IOU) -> Counts:
    """Count as the baseline of MEGC 2020 does: annotated intervals that any found one hits.

    An annotated interval of one frame is never hit. Where annotated intervals overlap one found interval may hit
    several, and false alarms, found less hits, may fall below zero. Elsewhere the counts are those of `megc`.

    Source: Baseline-project-for-MEGC2020_spotting, `result_helper.py`.
    """
    hits: Bool[np.ndarray, "P N"] = (span_ious(found, annotated) >= min_iou) & (annotated[:, 0] < annotated[:, 1])
    tp = int(hits.any(0).sum())
    return Counts(tp, len(found) - tp, len(annotated) - tp)


def count_videos(
    found: VideoSpans, annotated: VideoSpans, variant: Variant = "megc", *, min_iou: float = HIT_IOU
) -> Counts:
    """Sum the counts of the videos of a set.

    Args:
        found: intervals by video; a video that is absent has none.
        annotated: the same of the annotation.
        variant: `megc` counts all videos, `code` those with an annotated interval.
        min_iou: IoU of a hit.
    """
    none = np.zeros((0, 2), np.int64)
    videos = [one for one in {**annotated, **found} if variant == "megc" or len(annotated.get(one, none))]
    counts = (count_spans(found.get(one, none), annotated.get(one, none), variant, min_iou=min_iou) for one in videos)
    return sum(counts, Counts())


def best_hits(found: Spans, annotated: Spans, min_iou: float) -> list[int]:
    """For each found interval that hits its best annotated one, the position of that."""
    if not len(annotated):
        return []
    ious = span_ious(found, annotated)
    best = ious.shape[1] - 1 - ious[:, ::-1].argmax(1)
    return [int(b) for b, row in zip(best, ious, strict=True) if row[b] >= min_iou]


def _require_spans(spans: np.ndarray, what: str) -> None:
    if spans.ndim != 2 or spans.shape[1] != 2:
        raise ValueError(f"{what} intervals of shape {spans.shape}: expected (N, 2), first and last frame")
    if (wrong := spans[spans[:, 1] < spans[:, 0]]).size:
        raise ValueError(
            f"a {what} interval of frames {wrong[0, 0]} to {wrong[0, 1]}: expected the first frame before the last"
        )
