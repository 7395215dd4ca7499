"""A video of one's own from one call: `watch_video`.

result.json       what was found, with times, curves, and where the time went
intervals.csv     a row an interval, frames counted from 0
annotated.mp4     the video again with box, curve and labels
report.html       the same to look at
"""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from akm_jax.classifier import Classifier, predict
from akm_jax.data.recording import Recording
from akm_jax.files import write_json
from akm_jax.observe import SILENT, Observer, Stopwatch
from akm_jax.prepare.given_landmarks import GivenLandmarks
from akm_jax.prepare.landmarks import LandmarkSource
from akm_jax.prepare.mesh_landmarks import MeshLandmarks
from akm_jax.report.annotated_video import encoder_notes, write_annotated
from akm_jax.report.own_video_page import write_own_video_page
from akm_jax.spotting.own_video import (
    CropFile,
    FoundInterval,
    Recognise,
    Recognition,
    Watched,
    find_face,
    keep_crops,
    spot_recording,
)
from akm_jax.spotting.spotters import Spotter
from akm_jax.spotting.submission import write_table
from akm_jax.spotting.video_features import flow_of

CURVE_DIGITS = 6
MESH = MeshLandmarks()


def watch_video(
    recording: Recording,
    run_dir: Path | str,
    spotters: Sequence[Spotter],
    *,
    recogniser: Classifier | None = None,
    source: LandmarkSource | GivenLandmarks = MESH,
    flow: str | None = None,
    annotate: bool = True,
    notes: Sequence[str] = (),
    observer: Observer = SILENT,
) -> dict[str, Any]:
    """Find the expressions of a recording and write them to a folder, over what an earlier call wrote.

    Args:
        recording: from `open_recording`.
        run_dir: where results go.
        spotters: from `load_spotters`, a network a type.
        recogniser: from `load_classifier`; None leaves open which expressions they are.
        source: what finds face and landmarks.
        flow: method of `akm_jax.ops.flow`; None for the one that each spotter was trained on.
        annotate: whether to write the annotated video.
        notes: what the results shall say beside their own notes.
        observer: is told how far the work is.

    Returns:
        The content of `result.json`.

    Raises:
        FileNotFoundError: the models that find faces are not installed.
        ModuleNotFoundError: PyAV, which writes the annotated video, is not installed.
        ValueError: no face, too few frames, or a video that changes meanwhile.
    """
    video_notes = encoder_notes() if annotate else ()  # what is missing is said before the work
    place, watch, started = Path(run_dir).expanduser(), Stopwatch(), time.perf_counter()
    place.mkdir(parents=True, exist_ok=True)
    track = find_face(recording, source, watch)
    with CropFile(place) as crops:
        keep_crops(recording, track, crops, watch, observer)
        watched = spot_recording(
            recording,
            track,
            crops,
            spotters,
            lambda spotter: flow_of(flow or spotter.flow),
            watch=watch,
            recognise=None if recogniser is None else recognise_with(recogniser),
            observer=observer,
        )
        watched = dataclasses.replace(
            watched, notes=(*watched.notes, *_other_flow(spotters, flow), *notes, *video_notes)
        )
        annotated = write_annotated(place, watched, watch, observer) if annotate else None
        about = {
            "spotters": [one.source for one in spotters],
            "recogniser": None if recogniser is None else recogniser.source,
            "flow": sorted({flow or one.flow for one in spotters}),
            "seconds": watch.seconds,
            "frames_per_second": recording.num_frames / (time.perf_counter() - started),
        }
        page = write_own_video_page(place, watched, crops, about, annotated)
    write_table(place / "intervals.csv", _table(watched))
    files = {"annotated": annotated and annotated.name, "page": page.name}
    result = {**_describe(watched), **about, "files": files}
    write_json(place / "result.json", result)
    return result


def recognise_with(recogniser: Classifier) -> Recognise:
    """What a trained model says of the crops of an interval, whose apex is where the method's own rule puts it."""
    names = recogniser.class_names

    def recognise(crops: np.ndarray, fps: float) -> Recognition:
        said = predict(recogniser, crops, fps=fps)
        is_votes = recogniser.method.scores == "votes"
        scores = dict(zip(names, (said.logits if is_votes else said.probabilities).tolist(), strict=True))
        return Recognition(
            names[said.label],
            probabilities={} if is_votes else scores,
            votes=scores if is_votes else {},
            key_frames=tuple(np.flatnonzero(said.selected).tolist()),
        )

    return recognise


def _other_flow(spotters: Sequence[Spotter], flow: str | None) -> list[str]:
    trained = sorted({one.flow for one in spotters} - {flow})
    if flow is None or not trained:
        return []
    return [f"the flow is {flow}, but the spotter was trained on {', '.join(trained)}: its scores are less sure"]


def _describe(watched: Watched) -> dict[str, Any]:
    recording, track = watched.recording, watched.track
    return {
        "video": {
            "file": str(recording.path),
            "num_frames": recording.num_frames,
            "fps": recording.fps,
            "duration_s": recording.duration_s,
            "width": recording.width,
            "height": recording.height,
        },
        "notes": list(watched.notes),
        "half_lengths": watched.half_lengths,
        "face": {
            "source": track.source,
            "spans": [
                {
                    "start": one.start,
                    "stop": one.stop,
                    "box": list(map(int, one.box)),
                    "certainty": float(one.certainty),
                }
                for one in track.spans
            ],
            "lost": [list(stretch) for stretch in track.lost],
        },
        "intervals": [_describe_interval(one) for one in watched.intervals],
        "curves": [
            {
                "type": one.type,
                "first_frame": one.first,
                "threshold": one.threshold,
                "values": one.values.round(CURVE_DIGITS).tolist(),
            }
            for one in watched.curves
        ],
    }


def _describe_interval(one: FoundInterval) -> dict[str, Any]:
    found = {name: value for name, value in vars(one).items() if name != "recognition"}
    if one.recognition is None:
        return found
    said = {name: value for name, value in vars(one.recognition).items() if value}
    if one.recognition.key_frames:
        said["key_frames"] = [one.onset + frame for frame in one.recognition.key_frames]
    return found | said


def _table(watched: Watched) -> pd.DataFrame:
    """The intervals in the columns that `read_table` knows, and times."""
    columns = ["subject", "video", "onset", "offset", "type", "score", "onset_s", "offset_s", "emotion", "probability"]
    video = watched.recording.path.stem
    rows = [
        ["", video, one.onset, one.offset, one.type, one.score, one.onset_s, one.offset_s, *_emotion(one.recognition)]
        for one in watched.intervals
    ]
    table = pd.DataFrame(rows, columns=columns)
    said = [one.recognition for one in watched.intervals if one.recognition]
    unsaid = {"emotion": bool(said), "probability": any(one.probabilities for one in said)}
    return table.drop(columns=[name for name, is_said in unsaid.items() if not is_said])


def _emotion(said: Recognition | None) -> list[Any]:
    return ["", ""] if said is None else [said.emotion, said.probabilities.get(said.emotion, "")]


def describe_result(result: Mapping[str, Any]) -> list[str]:
    """Lines that a person wants to read."""
    return [
        f"{one['onset_s']:8.2f} to {one['offset_s']:.2f} s  {one['type']}  {one['score']:.3f}"
        + (f"  {one['emotion']}" if "emotion" in one else "")
        + (f" {one['probabilities'][one['emotion']]:.0%}" if "probabilities" in one else "")
        for one in result["intervals"]
    ]
