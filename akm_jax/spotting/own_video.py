"""Spotting in one recording: face, crops, features, scores, intervals, in memory that does not grow with its length.

Crops go to a file; features and flow are of a few hundred frames at a time; what stays is a score a frame. Frames are
0-based, and the last frame of an interval belongs to it.
"""

import dataclasses
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from akm_jax.data.long_videos import CROP_SIZE, ExpressionType
from akm_jax.data.recording import FramesByIndex, Recording
from akm_jax.observe import SILENT, Observer, Stopwatch
from akm_jax.prepare.face_track import FaceSpan, FaceTrack, TrackConfig, find_landmarks
from akm_jax.prepare.given_landmarks import GivenLandmarks
from akm_jax.prepare.landmarks import LandmarkSource
from akm_jax.spotting.features import feature_picture
from akm_jax.spotting.intervals import Spotted, find_intervals
from akm_jax.spotting.spotters import Spotter
from akm_jax.spotting.video_features import Flow

PAIRS_AT_ONCE = 256
CROP_BYTES = CROP_SIZE * CROP_SIZE
# Between two looks at the face, frames are kept to find the one where it was lost.
KEPT_BYTES = 256e6
KEPT_FRAMES = (4, 32)  # at least and at most


@dataclasses.dataclass(frozen=True)
class Recognition:
    """What a recogniser says of an interval.

    Attributes:
        emotion: name of the class that it takes it for.
        probabilities: of every class by name; none of a method that votes.
        votes: for every class by name; none of a method that gives probabilities.
        key_frames: numbers of the frames it looked at, counted from the interval's first; none of a method without.
    """

    emotion: str
    probabilities: dict[str, float] = dataclasses.field(default_factory=dict)
    votes: dict[str, float] = dataclasses.field(default_factory=dict)
    key_frames: tuple[int, ...] = ()


Recognise = Callable[[UInt8[np.ndarray, "T 128 128"], float], Recognition]
"""Names the expression of the crops of an interval, at so many frames per second."""


@dataclasses.dataclass(frozen=True)
class FoundInterval:
    """An interval of frames `onset` to `offset`; `score` is the height of the curve at its middle."""

    type: ExpressionType
    onset: int
    offset: int
    onset_s: float
    offset_s: float
    score: float
    recognition: Recognition | None = None

    @property
    def peak(self) -> int:
        """The frame in the middle."""
        return (self.onset + self.offset) // 2


@dataclasses.dataclass(frozen=True)
class SpanCurve:
    """Averaged scores of a face span; entry j is that of frame `first` + j. Peaks count from `threshold` on."""

    type: ExpressionType
    first: int
    values: Float64[np.ndarray, " J"]
    threshold: float


@dataclasses.dataclass(frozen=True)
class Watched:
    """What was found in a recording.

    Attributes:
        recording: the video.
        track: its face.
        half_lengths: frames, by type.
        curves: by type and face span.
        intervals: in the order of time.
        notes: what a user should be told.
    """

    recording: Recording
    track: FaceTrack
    half_lengths: dict[ExpressionType, int]
    curves: tuple[SpanCurve, ...]
    intervals: tuple[FoundInterval, ...]
    notes: tuple[str, ...]


class CropFile:
    """Face crops by frame number, in a file without a name that goes when it is closed."""

    def __init__(self, folder: Path):
        """Args: where there is room for 16 KiB a frame."""
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115

    def __enter__(self) -> "CropFile":
        return self

    def __exit__(self, *_exc) -> None:
        self._file.close()

    def write(self, number: int, crop: UInt8[np.ndarray, "128 128"]) -> None:
        """Keep the crop of a frame."""
        self._file.seek(number * CROP_BYTES)
        self._file.write(crop.tobytes())

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "T 128 128"]:
        """Crops of frames start .. stop - 1, which must have been written."""
        self._file.seek(start * CROP_BYTES)
        content = self._file.read((stop - start) * CROP_BYTES)
        return np.frombuffer(content, np.uint8).reshape(stop - start, CROP_SIZE, CROP_SIZE)


def find_face(recording: Recording, source: LandmarkSource | GivenLandmarks, watch: Stopwatch) -> FaceTrack:
    """Find the face of a recording, and find it again where it is lost; errors are those of `find_landmarks`.

    It is looked for as often as `TrackConfig` says, and oftener where the frames in between would take too much memory.
    """
    least, most = KEPT_FRAMES
    fitting = int(KEPT_BYTES / (3 * recording.width * recording.height))
    config = TrackConfig()
    step = max(least, min(most, fitting, round(recording.fps * config.check_every_s)))
    config = dataclasses.replace(config, check_every_s=step / recording.fps)
    frames = FramesByIndex(recording, keep=step + 1)
    try:
        with watch.part("face"):
            return find_landmarks(frames, source, fps=recording.fps, video=recording.path.name, config=config)
    finally:
        frames.close()


def keep_crops(recording: Recording, track: FaceTrack, crops: CropFile, watch: Stopwatch, observer: Observer) -> None:
    """Cut the face out of every frame that has one."""
    spans = iter(track.spans)
    span = next(spans)
    frames = watch.each("decode", recording.frames())
    for number, frame in enumerate(observer.track(frames, "Cutting out the face", recording.num_frames)):
        if number >= span.stop:
            span = next(spans, span)
        if span.start <= number < span.stop:
            with watch.part("crop"):
                crops.write(number, span.crop(frame))


def spot_recording(
    recording: Recording,
    track: FaceTrack,
    crops: CropFile,
    spotters: Sequence[Spotter],
    flow: Callable[[Spotter], Flow],
    *,
    watch: Stopwatch,
    recognise: Recognise | None = None,
    observer: Observer = SILENT,
) -> Watched:
    """Score every face span with every spotter, and find the intervals.

    Args:
        recording: the video.
        track: its face.
        crops: its crops.
        spotters: a network a type.
        flow: optical flow for a spotter.
        watch: is told where the time goes.
        recognise: names the expression of an interval, or raises ValueError where it can't; None leaves all open.
        observer: is shown how far the work is.

    Raises:
        ValueError: no span can be spotted in, each is too short or its landmarks leave no picture.
    """
    curves, intervals = [], []
    notes = [*recording.notes, *track.notes, *(_lost(recording, *stretch) for stretch in track.lost)]
    left_out = []
    for spotter in spotters:
        k = spotter.half_length(recording.fps)
        for span in track.spans:
            problem = _unfit(recording, span, spotter, k)
            if problem:
                left_out.append(problem)
                continue
            scores = score_span(crops, span, k, flow(spotter), spotter, watch=watch, observer=observer)
            found = find_intervals(scores, k, threshold=spotter.threshold)
            curves.append(SpanCurve(spotter.type, span.start + k, found.curve, found.threshold))
            intervals += [_interval(recording, spotter.type, *row) for row in _rows(found, span.start)]
    if not curves:
        raise ValueError("\n".join(left_out))
    if recognise is not None:
        for i, one in enumerate(observer.track(tuple(intervals), "Naming expressions", len(intervals))):
            try:
                with watch.part("recogniser"):
                    said = recognise(crops.read(one.onset, one.offset + 1), recording.fps)
            except ValueError as e:  # what was spotted shall not be lost with it
                left_out.append(f"{_stretch(recording, one.onset, one.offset + 1)}: not named, {e}")
            else:
                intervals[i] = dataclasses.replace(one, recognition=said)
    intervals.sort(key=lambda one: (one.onset, one.offset))
    half_lengths = {one.type: one.half_length(recording.fps) for one in spotters}
    return Watched(recording, track, half_lengths, tuple(curves), tuple(intervals), (*notes, *left_out))


def score_span(
    crops: CropFile,
    span: FaceSpan,
    k: int,
    flow: Flow,
    spotter: Spotter,
    *,
    watch: Stopwatch,
    observer: Observer = SILENT,
) -> Float32[np.ndarray, " S"]:
    """Scores of all frames of a span but the last k, computed in pieces."""
    stop, landmarks = span.stop - k, span.landmarks
    starts = range(span.start, stop, PAIRS_AT_ONCE)
    scores = []
    what = f"Looking for {spotter.type}-expressions, frames {span.start} to {span.stop - 1}"
    for start in observer.track(starts, what, len(starts)):
        end = min(start + PAIRS_AT_ONCE, stop)
        with watch.part("flow"):
            flows = flow(crops.read(start, end), crops.read(start + k, end + k))
        with watch.part("features"):
            features = np.stack([feature_picture(one, landmarks) for one in flows]).astype(np.float32)
        with watch.part("network"):
            scores.append(spotter.score(features))
    return np.concatenate(scores)


def _unfit(recording: Recording, span: FaceSpan, spotter: Spotter, k: int) -> str:
    """Why a span cannot be spotted in; empty if it can."""
    where = _stretch(recording, span.start, span.stop)
    if span.stop - span.start <= 3 * k:
        return (
            f"{where}: {span.stop - span.start} frames with a face are too few for {spotter.type}-expressions of half "
            f"length {k} ({spotter.half_length_s:g} s at {recording.fps:.4g} frames/s), which need more than {3 * k}; "
            "record longer, or look for shorter ones with --half_length_s"
        )
    try:
        feature_picture(np.zeros((CROP_SIZE, CROP_SIZE, 2), np.float32), span.landmarks)
    except ValueError as e:
        return f"{where}: left out, {e}"
    return ""


def _lost(recording: Recording, start: int, stop: int) -> str:
    return f"{_stretch(recording, start, stop)}: no face; nothing is looked for there"


def _stretch(recording: Recording, start: int, stop: int) -> str:
    first, last = recording.times[start], recording.times[stop - 1]
    return f"{recording.path.name}, {first:.2f} to {last:.2f} s (frames {start} to {stop - 1})"


def _rows(found: Spotted, start: int) -> Iterator[tuple[int, int, float]]:
    for (onset, offset), score in zip(found.spans, found.scores, strict=True):
        yield int(onset) + start, int(offset) + start, float(score)


def _interval(recording: Recording, kind: ExpressionType, onset: int, offset: int, score: float) -> FoundInterval:
    times = recording.times
    return FoundInterval(kind, onset, offset, float(times[onset]), float(times[offset]), score)


def active(intervals: Iterable[FoundInterval], frame: int) -> list[FoundInterval]:
    """Those that a frame belongs to."""
    return [one for one in intervals if one.onset <= frame <= one.offset]
