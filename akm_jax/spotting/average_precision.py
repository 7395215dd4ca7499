"""Average precision of found intervals: over all thresholds instead of at one."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from akm_jax.spotting.counting import HIT_IOU, Counts, Spans, VideoSpans, count_spans, span_ious

COCO_IOUS = tuple(np.round(np.arange(0.5, 1.0, 0.05), 2).tolist())
Scores = Float[np.ndarray, " _"]


def average_precision(
    found: VideoSpans, scores: Mapping[Hashable, Scores], annotated: VideoSpans, *, min_iou: float = HIT_IOU
) -> float:
    """Area under the curve of precision over recall, as the score from which intervals count falls.

    At every score the hits are those of `megc` among the intervals that reach it, so neither the order of videos nor
    that of intervals with equal scores matters. Precision is the best at that recall or a higher one.

    Args:
        found: intervals by video; a video that is absent has none.
        scores: of each, by the same videos.
        annotated: the annotation by video.
        min_iou: IoU of a hit.

    Raises:
        ValueError: nothing is annotated, or scores are missing or not finite.
    """
    total = sum(map(len, annotated.values()))
    if not total:
        raise ValueError("average precision without annotated intervals: expected at least one")
    for video, spans in found.items():
        if len(scores[video]) != len(spans) or not np.isfinite(scores[video]).all():
            raise ValueError(
                f"video {video!r}: {len(spans)} intervals, scores {scores[video]}: expected a finite number for each"
            )
    counts = _counts_by_threshold(found, scores, annotated, min_iou)
    return _area([c.tp / total for c in counts], [c.precision for c in counts])


def released_average_precision(
    found: Sequence[Spans], annotated: Sequence[Spans], *, min_ious: Sequence[float] = COCO_IOUS
) -> float:
    """What SoftNet-SpotME prints as COCO AP@[.5:.95]: intervals in the order of videos, for all confidences are 0.

    An interval takes the free annotated one of largest IoU. The order stands for a ranking that there is not, so the
    figure says little; it is here for comparison.

    Args:
        found, annotated: a list of videos each.
        min_ious: the mean is over these.
    """
    total = sum(map(len, annotated))
    areas = []
    for min_iou in min_ious:
        hits = np.array([hit for pair in zip(found, annotated, strict=True) for hit in _hits_in_order(*pair, min_iou)])
        tp = np.cumsum(hits)
        areas.append(_area(tp / max(total, 1), tp / np.arange(1, len(tp) + 1)))
    return float(np.mean(areas))


def _counts_by_threshold(
    found: VideoSpans, scores: Mapping[Hashable, Scores], annotated: VideoSpans, min_iou: float
) -> list[Counts]:
    """Counts of the whole set at every score that there is, highest first; misses are left out."""
    none = np.zeros((0, 2), np.int64)
    thresholds = sorted({float(s) for of_video in scores.values() for s in of_video}, reverse=True)
    state: dict[Hashable, Counts] = {}
    counts = []
    for threshold in thresholds:
        for video, of_video in scores.items():
            if (of_video == threshold).any():
                kept = found[video][of_video >= threshold]
                state[video] = count_spans(kept, annotated.get(video, none), min_iou=min_iou)
        counts.append(sum(state.values(), Counts()))
    return counts


def _hits_in_order(found: Spans, annotated: Spans, min_iou: float) -> list[bool]:
    free = np.ones(len(annotated), bool)
    hits = []
    for ious in span_ious(found, annotated):
        open_ious = np.where(free, ious, -1.0)
        best = len(ious) - 1 - int(open_ious[::-1].argmax()) if len(ious) else -1
        hits.append(best >= 0 and open_ious[best] >= min_iou)
        if hits[-1]:
            free[best] = False
    return hits


def _area(recall: ArrayLike, precision: ArrayLike) -> float:
    """Area under a curve of points by rising recall, from recall 0, each precision the best from there on."""
    best = np.maximum.accumulate(np.asarray(precision)[::-1])[::-1]
    return float(np.sum(np.diff(np.asarray(recall), prepend=0) * best))
