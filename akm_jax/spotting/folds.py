"""What a spotting run computes: folds, their scores, and from these intervals and the baselines beside them."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from akm_jax.data.long_videos import ExpressionType, LongVideo, LongVideoSet
from akm_jax.files import write_json
from akm_jax.spotting.baselines import motion_scores, random_intervals
from akm_jax.spotting.counting import Counts, count_spans
from akm_jax.spotting.intervals import Spotted, find_intervals
from akm_jax.spotting.labels import Variant, annotated_spans, half_lengths, used_videos
from akm_jax.spotting.options import SpottingOptions
from akm_jax.spotting.submission import spotted_table
from akm_jax.spotting.video_features import require_length
from akm_jax.views.cache import read_entry, write_entry

RANDOM_DRAWS = 20


@dataclasses.dataclass(frozen=True)
class SpottingFold:
    """One subject left out; `k` is the half length that its videos are read with, frames."""

    wanted: ExpressionType
    subject: str
    k: int
    training: tuple[LongVideo, ...]
    left_out: tuple[LongVideo, ...]


def plan_folds(videos: LongVideoSet, wanted: ExpressionType, variant: Variant) -> tuple[SpottingFold, ...]:
    """Leave every subject out in turn, in the order of their first video.

    Raises:
        ValueError: one subject only, no expression of the type, or videos too short for it (all are named).
    """
    used = used_videos(videos, wanted, variant)
    subjects = dict.fromkeys(one.subject for one in used)
    if len(subjects) < 2:
        raise ValueError(
            f"{videos.name}: leaving subjects out needs two or more with videos for {wanted}-expressions, got "
            f"{len(subjects)} ({', '.join(subjects) or 'none'})"
        )
    lengths = half_lengths(videos, wanted, variant)
    _require_lengths(used, max(lengths.values()))
    return tuple(
        SpottingFold(
            wanted,
            subject,
            k,
            tuple(one for one in used if one.subject != subject),
            tuple(one for one in used if one.subject == subject),
        )
        for subject, k in lengths.items()
    )


def _require_lengths(videos: Iterable[LongVideo], k: int) -> None:
    problems = []
    for video in videos:
        try:
            require_length(video, k)
        except ValueError as e:
            problems.append(str(e))
    if problems:
        raise ValueError("\n".join(problems))


@dataclasses.dataclass(frozen=True)
class FoldScores:
    """Scores of the videos of the subject left out, by video id: the network's, and those without one."""

    network: Mapping[str, np.ndarray]
    motion: Mapping[str, np.ndarray]


def fold_place(run_dir: Path, fold: SpottingFold) -> Path:
    """File of a fold's scores."""
    return run_dir / "folds" / fold.wanted / f"s{fold.subject}.scores"


def weights_folder(run_dir: Path, wanted: ExpressionType) -> Path:
    """Folder of the networks of a type, one file a subject left out."""
    return run_dir / "folds" / wanted / "weights"


def half_lengths_file(run_dir: Path) -> Path:
    """File of the half lengths that the networks of a run were trained for."""
    return run_dir / "folds" / "half_lengths_s.json"


def write_half_lengths(run_dir: Path, folds: Iterable[SpottingFold]) -> None:
    """Keep the half length of every type and subject left out, in seconds at the mean rate of the training videos."""
    kept: dict[str, dict[str, float]] = {}
    for fold in folds:
        rate = sum(video.fps for video in fold.training) / len(fold.training)
        kept.setdefault(fold.wanted, {})[fold.subject] = fold.k / rate
    write_json(half_lengths_file(run_dir), kept)


def write_scores(run_dir: Path, fold: SpottingFold, scores: FoldScores) -> None:
    """Keep a finished fold."""
    arrays = {f"network/{i}": scores.network[one.video_id] for i, one in enumerate(fold.left_out)}
    arrays |= {f"motion/{i}": scores.motion[one.video_id] for i, one in enumerate(fold.left_out)}
    write_entry(fold_place(run_dir, fold), arrays)


def read_scores(run_dir: Path, fold: SpottingFold) -> FoldScores | None:
    """The scores of a finished fold; None where it is not, or its file is damaged."""
    found = read_entry(fold_place(run_dir, fold))
    if found is None:
        return None
    return FoldScores(
        *({one.video_id: found[f"{name}/{i}"] for i, one in enumerate(fold.left_out)} for name in ("network", "motion"))
    )


def motion_of(features: Mapping[str, np.ndarray], fold: SpottingFold) -> dict[str, np.ndarray]:
    """Scores without a network of the videos left out."""
    return {one.video_id: motion_scores(features[one.video_id]) for one in fold.left_out}


@dataclasses.dataclass(frozen=True)
class VideoSpots:
    """One video of a fold: what was found and what is annotated.

    Attributes:
        video: the video.
        wanted: type of expressions.
        k: half length, frames.
        found: the network's intervals.
        motion: those without a network.
        annotated: int64 (N, 2), first and last frames.
    """

    video: LongVideo
    wanted: ExpressionType
    k: int
    found: Spotted
    motion: Spotted
    annotated: np.ndarray

    def counts(self, variant: Variant) -> Counts:
        """Hits, false alarms and misses."""
        return count_spans(self.found.spans, self.annotated, variant)


def find_spots(fold: SpottingFold, scores: FoldScores, options: SpottingOptions) -> list[VideoSpots]:
    """Intervals of the videos left out."""

    def spots(values: np.ndarray) -> Spotted:
        return find_intervals(values, fold.k, options.variant, threshold=options.threshold)

    return [
        VideoSpots(
            one,
            fold.wanted,
            fold.k,
            spots(scores.network[one.video_id]),
            spots(scores.motion[one.video_id]),
            annotated_spans(one, fold.wanted, options.variant),
        )
        for one in fold.left_out
    ]


def found_table(spots: Sequence[VideoSpots]) -> pd.DataFrame:
    """The table of what the network found."""
    return spotted_table((one.video, one.wanted, one.found) for one in spots)


def motion_table(spots: Sequence[VideoSpots]) -> pd.DataFrame:
    """The table of what was found without a network."""
    return spotted_table((one.video, one.wanted, one.motion) for one in spots)


def random_tables(spots: Sequence[VideoSpots], seed: int = 0) -> list[pd.DataFrame]:
    """Tables of as many intervals as the network found, anywhere in the same videos."""
    rng = np.random.default_rng(seed)
    return [
        spotted_table((one.video, one.wanted, random_intervals(rng, one.found, one.k)) for one in spots)
        for _ in range(RANDOM_DRAWS)
    ]
