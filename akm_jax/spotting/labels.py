"""What of a video's annotation counts, how long expressions are, and the label of each frame.

Spans are int64 (N, 2), first and last frame of N expressions, 0-based, the last one belonging to it. Everywhere
`variant="code"` is what the released SoftNet-SpotME does, and `megc` the default, an evaluation on all videos.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Int, UInt8

from akm_jax.data.long_videos import UNKNOWN, ExpressionType, Interval, LongVideo

Variant = Literal["megc", "code"]
UnknownOnset = Literal["first frame", "left out", "as given"]

# Own videos: half lengths in seconds that make the 6 and 18 frames of CAS(ME)^2 at 30 frames a second. Those of SAMM
# are 0.185 s and 0.87 s: the sets differ for macro-expressions.
HALF_LENGTH_S: dict[ExpressionType, float] = {"micro": 0.2, "macro": 0.6}


def counted_intervals(
    video: LongVideo, wanted: ExpressionType, variant: Variant = "megc", *, unknown_onset: UnknownOnset | None = None
) -> tuple[Interval, ...]:
    """The expressions of one type that count, in the order of the table.

    Args:
        video: with its annotation.
        wanted: macro or micro.
        variant: `megc` takes all; an unknown onset is the first frame. `code` leaves a macro-expression of unknown
            onset out and takes a micro-expression of unknown onset as one that begins before the video, at frame -1.
        unknown_onset: another treatment of these than the variant's.
    """
    usual: UnknownOnset = "first frame" if variant == "megc" else "left out" if wanted == "macro" else "as given"
    rule = unknown_onset or usual
    found = video.of_type(wanted)
    if rule == "left out":
        return tuple(one for one in found if one.onset != UNKNOWN)
    if rule == "first frame":
        return tuple(dataclasses.replace(one, onset=max(one.onset, 0)) for one in found)
    return found


def annotated_spans(
    video: LongVideo, wanted: ExpressionType, variant: Variant = "megc", *, unknown_onset: UnknownOnset | None = None
) -> Int[np.ndarray, "N 2"]:
    """First and last frames of the expressions that count; arguments are those of `counted_intervals`."""
    counted = counted_intervals(video, wanted, variant, unknown_onset=unknown_onset)
    return np.array([(one.onset, one.offset) for one in counted], np.int64).reshape(-1, 2)


def used_videos(
    videos: Iterable[LongVideo], wanted: ExpressionType, variant: Variant = "megc"
) -> tuple[LongVideo, ...]:
    """The videos that are trained on and scored: all, or for `code` those with an expression of the wanted type."""
    return tuple(one for one in videos if variant == "megc" or len(annotated_spans(one, wanted, variant)))


def half_length(spans: Sequence[Int[np.ndarray, "_ 2"]]) -> int:
    """Half of the mean length, k = int((mean(offset - onset) + 1) / 2), frames.

    Args:
        spans: expressions by video.

    Raises:
        ValueError: there are none, or they are too short.

    Source: SoftNet-SpotME, `cal_k`; lengths do not count the onset frame.
    """
    together = np.concatenate([np.zeros((0, 2), np.int64), *spans])
    if not len(together):
        raise ValueError("no expressions to take the half length from: expected at least one in the training videos")
    k = int((np.mean(together[:, 1] - together[:, 0]) + 1) / 2)
    if k < 1:
        raise ValueError("expressions of one frame have no half length: expected some that last; check the annotation")
    return k


def half_lengths(videos: Iterable[LongVideo], wanted: ExpressionType, variant: Variant = "megc") -> dict[str, int]:
    """Half length by the subject left out: from all other subjects, or for `code` from all subjects.

    Subjects are those of `used_videos`, in the order of their first video.

    Raises:
        ValueError: without a subject no expression of the type is left.
    """
    used = used_videos(videos, wanted, variant)
    by_video = [(one.subject, annotated_spans(one, wanted, variant)) for one in used]
    lengths = {}
    for left_out in dict.fromkeys(one.subject for one in used):
        try:
            lengths[left_out] = half_length([s for who, s in by_video if variant == "code" or who != left_out])
        except ValueError as e:
            raise ValueError(f"half length of {wanted}-expressions without subject {left_out!r}: {e}") from e
    return lengths


def half_length_of_rate(fps: float, half_length_s: float) -> int:
    """Half length of videos without annotation, from frames per second and seconds (`HALF_LENGTH_S`).

    Raises:
        ValueError: that is not one frame.
    """
    k = round(fps * half_length_s) if np.isfinite(fps) else 0
    if k < 1:
        raise ValueError(
            f"{half_length_s} s at {fps} frames per second are no frame: expected a higher rate, or longer expressions"
        )
    return k


def frame_labels(spans: Int[np.ndarray, "N 2"], num_frames: int, k: int) -> UInt8[np.ndarray, " L"]:
    """Label the L = F - k frames that have features: 1 where frames i .. i + k - 1 meet an expression.

    The onset frame does not count as part of it; one of a single frame is met where the frames hold it and the next.

    Raises:
        ValueError: the video has no more than k frames.

    Source: SoftNet-SpotME, `pseudo_labeling`: IoU above 0 with (onset, offset].
    """
    if num_frames <= k:
        raise ValueError(f"{num_frames} frames have no labels at half length {k}: expected more than {k}")
    frames = np.arange(num_frames - k)
    onset, offset = spans[:, :1], spans[:, 1:]
    return np.any((frames + k - 1 >= onset + 1) & (frames <= offset), axis=0).astype(np.uint8)
