"""A leave-one-subject-out spotting run from one call: `run_spotting`.

run.json                        settings and data the run was started with
folds/micro/s1.scores           scores of the videos of a subject left out; a fold that has them is not trained again
folds/micro/weights/1.npz       the network that gave them, written after every epoch
predictions.csv, truth.csv      a row an interval, frames counted from 0
submission_megc2022.csv         the same in the form of MEGC 2022, and of STRS 2025 where emotions are known, frames
submission_strs2025.csv         counted from 1
summary.json                    scores, those of two baselines, and how they were obtained
report.html                     the same to look at
"""

import dataclasses
import itertools
import json
import platform
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import pandas as pd

from akm_jax.data.long_videos import LongVideo, LongVideoSet
from akm_jax.files import write_json
from akm_jax.loso.results import LIBRARIES, git_revision
from akm_jax.loso.run_dir import open_run
from akm_jax.observe import make_console
from akm_jax.progress import counted, say, track
from akm_jax.spotting.evaluation import OVERALL, evaluate_tables
from akm_jax.spotting.folds import (
    FoldScores,
    SpottingFold,
    VideoSpots,
    find_spots,
    found_table,
    motion_of,
    motion_table,
    plan_folds,
    random_tables,
    read_scores,
    weights_folder,
    write_half_lengths,
    write_scores,
)
from akm_jax.spotting.frames import gather_frames
from akm_jax.spotting.labels import annotated_spans, frame_labels
from akm_jax.spotting.options import SpottingOptions
from akm_jax.spotting.submission import annotated_table, write_table
from akm_jax.spotting.training import SpotterConfig, score_videos, train_folds
from akm_jax.spotting.video_features import flow_of, video_features
from akm_jax.versions import versions

if TYPE_CHECKING:
    from rich.console import Console

Recognise = Callable[[LongVideo, np.ndarray], str]
"""Emotion of an interval: the video, and the crops of its frames, uint8 (T, 128, 128)."""


def run_spotting(
    videos: LongVideoSet,
    run_dir: Path | str,
    *,
    options: SpottingOptions | None = None,
    training: SpotterConfig | None = None,
    settings: Mapping[str, Any] | None = None,
    recognise: Recognise | None = None,
    emotion_class: Callable[[str], str] = str,
    features_dir: Path | None = None,
    console: "Console | None" = None,
) -> dict[str, Any]:
    """Leave every subject out in turn: train the spotter on the others, find the intervals of the one, score them.

    Called again with the same arguments it goes on where it was stopped: finished folds are kept, others go on from
    their last epoch.

    Args:
        videos: the data.
        run_dir: where results go.
        options: of the run; the defaults when None.
        training: of SOFTNet, the published one when None; its variant is that of the run.
        settings: more that the run directory shall record and hold a later start to.
        recognise: names the emotion of a spotted micro-expression; emotions are not scored where None.
        emotion_class: class of an annotated emotion, in the names that `recognise` gives.
        features_dir: where features are kept; the user's folder for caches when None.
        console: where progress is shown; standard error when None.

    Returns:
        The content of `summary.json`.

    Raises:
        ValueError: data or settings no run can be made of; a directory of another run.
    """
    from akm_jax.report.spotting_page import write_spotting_page

    options = options or SpottingOptions()
    options.validate()
    console = console or make_console()
    place = Path(run_dir).expanduser()
    training = dataclasses.replace(training or SpotterConfig(), variant=options.variant)
    folds = [fold for wanted in options.types for fold in plan_folds(videos, wanted, options.variant)]
    described = _describe_settings(options, training, settings)
    with open_run(place, described, _describe_videos(videos)):
        write_half_lengths(place, folds)
        for _, group in itertools.groupby(folds, key=lambda fold: fold.wanted):
            _finish(list(group), place, options, training, features_dir, console)
        spots = [one for fold in folds for one in find_spots(fold, _kept(place, fold), options)]
        found = found_table(spots)
        if recognise is not None:
            found = _with_emotions(found, videos, recognise)
        truth = annotated_table(videos, options.types, options.variant)
        truth["emotion"] = [emotion_class(name) for name in truth["emotion"]]
        summary = _summarise(spots, found, truth, options) | {
            "config": described,
            "data": _describe_videos(videos),
            "device": str(jax.devices()[0].device_kind) or platform.machine(),
            "versions": versions(LIBRARIES),
            "git_revision": git_revision(),
        }
        _write_tables(place, found, truth)
        write_json(place / "summary.json", summary)
        write_spotting_page(place, spots, found, summary)
    return summary


def _kept(run_dir: Path, fold: SpottingFold) -> FoldScores:
    scores = read_scores(run_dir, fold)
    if scores is None:
        raise ValueError(f"{run_dir}: the scores of subject {fold.subject} are gone; give the same command again")
    return scores


# Training. Folds of one half length share their features, and one table of frames.


def _finish(
    folds: Sequence[SpottingFold],
    run_dir: Path,
    options: SpottingOptions,
    training: SpotterConfig,
    features_dir: Path | None,
    console: "Console",
) -> None:
    """Train the folds of a type that are not finished."""
    left = [fold for fold in folds if read_scores(run_dir, fold) is None]
    if len(left) < len(folds):
        say(console, f"{folds[0].wanted}: {len(folds) - len(left)} of {len(folds)} folds were finished before")
    for k in sorted({fold.k for fold in left}):
        group = [fold for fold in left if fold.k == k]
        used = _videos_of(folds)
        features = {
            video.video_id: video_features(video, k, flow_of(options.flow), flow_name=options.flow, folder=features_dir)
            for video in track(used, f"{folds[0].wanted} features, half length {k}", len(used), console)
        }
        _train(group, used, features, run_dir, training, console)


def _videos_of(folds: Sequence[SpottingFold]) -> list[LongVideo]:
    return [video for fold in folds for video in fold.left_out]


def _train(
    folds: Sequence[SpottingFold],
    videos: Sequence[LongVideo],
    features: Mapping[str, np.ndarray],
    run_dir: Path,
    training: SpotterConfig,
    console: "Console",
) -> None:
    """Train folds of one half length, and keep the scores of the videos they leave out."""
    wanted, k = folds[0].wanted, folds[0].k
    frames = gather_frames(
        [features[video.video_id] for video in videos],
        [frame_labels(annotated_spans(video, wanted, training.variant), video.num_frames, k) for video in videos],
        [video.subject for video in videos],
        augment=wanted == "micro",
        variant=training.variant,
        seed=training.seed,
    )
    with counted(console, f"{wanted} epochs", len(folds) * training.epochs) as advance:
        say(console, f"{wanted}: compiling the training step, or reading it, before the first epoch")
        trained = train_folds(
            frames,
            training,
            subjects=[fold.subject for fold in folds],
            folder=weights_folder(run_dir, wanted),
            progress=lambda *_: advance(),
        )
    by_subject = {fold.subject: fold for fold in folds}
    for done in trained:
        fold = by_subject[done.subject]
        scores = score_videos(done.weights, [features[one.video_id] for one in fold.left_out], training.model)
        network = {one.video_id: values for one, values in zip(fold.left_out, scores, strict=True)}
        write_scores(run_dir, fold, FoldScores(network, motion_of(features, fold)))
        say(console, f"{wanted}: subject {fold.subject} done, half length {k} frames, loss {done.losses[-1]:.4f}")


# Results.


def _with_emotions(found: pd.DataFrame, videos: Iterable[LongVideo], recognise: Recognise) -> pd.DataFrame:
    """The table with the emotion of each micro-expression."""
    by_id = {video.video_id: video for video in videos}
    emotions = [""] * len(found)
    for i, (video_id, onset, offset, kind) in enumerate(
        zip(found["video"], found["onset"], found["offset"], found["type"], strict=True)
    ):
        if kind == "micro":
            video = by_id[str(video_id)]
            emotions[i] = recognise(video, video.crops.read(max(int(onset), 0), int(offset) + 1))
    return found.assign(emotion=emotions)


def _summarise(
    spots: Sequence[VideoSpots], found: pd.DataFrame, truth: pd.DataFrame, options: SpottingOptions
) -> dict[str, Any]:
    """Scores of the network and of both baselines, counts by subject."""
    scored = evaluate_tables(found, truth, options.variant)
    plain = truth.drop(columns="emotion")
    random = [evaluate_tables(table, plain, options.variant)["types"] for table in random_tables(spots)]
    return {
        "variant": options.variant,
        "num_videos": len({one.video.video_id for one in spots}),
        "half_lengths": {kind: sorted({one.k for one in spots if one.wanted == kind}) for kind in options.types},
        "scores": scored["types"],
        "strs": scored["strs"],
        "notes": scored["notes"],
        "baselines": {
            "motion": evaluate_tables(motion_table(spots), plain, options.variant)["types"],
            "random": {
                kind: {"f1": float(np.mean([one[kind]["f1"] for one in random if kind in one] or [0.0]))}
                for kind in [*options.types, OVERALL]
            },
        },
        "per_subject": _by_subject(spots, options),
    }


def _by_subject(spots: Sequence[VideoSpots], options: SpottingOptions) -> dict[str, dict[str, dict[str, int]]]:
    table: dict[str, dict[str, dict[str, int]]] = {}
    for one in spots:
        row = table.setdefault(one.video.subject, {}).setdefault(one.wanted, {"tp": 0, "fp": 0, "fn": 0})
        for name, count in dataclasses.asdict(one.counts(options.variant)).items():
            row[name] += count
    return table


def _write_tables(run_dir: Path, found: pd.DataFrame, truth: pd.DataFrame) -> None:
    write_table(run_dir / "predictions.csv", found)
    write_table(run_dir / "truth.csv", truth)
    write_table(run_dir / "submission_megc2022.csv", found, "megc2022", first_frame=1)
    if "emotion" in found:
        write_table(run_dir / "submission_strs2025.csv", found, "strs2025", first_frame=1)


def _describe_settings(
    options: SpottingOptions, training: SpotterConfig, extra: Mapping[str, Any] | None
) -> dict[str, Any]:
    described = {"method": "softnet", **(extra or {}), **dataclasses.asdict(options)}
    return json.loads(json.dumps({**described, "training": dataclasses.asdict(training)}, default=str))


def _describe_videos(videos: LongVideoSet) -> dict[str, Any]:
    """What identifies the data: sizes and a checksum of videos, faces and annotation."""
    text = "\n".join(
        f"{one.video_id} {one.subject} {one.fps} {one.num_frames} {one.checksum} {one.intervals}" for one in videos
    )
    return {
        "name": videos.name,
        "num_videos": len(videos),
        "num_frames": sum(one.num_frames for one in videos),
        "num_subjects": len(videos.subjects),
        "num_intervals": {kind: sum(len(one.of_type(kind)) for one in videos) for kind in ("macro", "micro")},
        "checksum": f"{zlib.crc32(text.encode()):08x}",
    }
