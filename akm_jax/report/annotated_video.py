"""The watched video again with what was found: the face's box, the score curve, a label while an interval lasts.

Written as VP8 in WebM: OpenCV's wheels hold no encoder of H.264, browsers play no MPEG-4 part 2, and VP9 takes ten
times as long. A thread of its own writes, for nothing takes longer.
"""

import collections
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from akm_jax.data.recording import Recording
from akm_jax.observe import SILENT, Observer, Stopwatch
from akm_jax.prepare.face_track import FaceSpan
from akm_jax.spotting.own_video import FoundInterval, Watched, active

FILE_NAME = "annotated.webm"
LARGEST_SIDE, LEAST_WIDTH = 480, 320  # pixels
WAITING = 8  # pictures at most, while one is written
MOST_FPS = 30.0
STRIP_HEIGHT = 64
# Blue, green, red.
PAPER, LINE, CURSOR, BOX = (24, 20, 18), (120, 110, 100), (255, 255, 255), (200, 200, 200)
COLOURS = {"micro": (230, 174, 114), "macro": (74, 171, 217)}
LABEL_COLOUR = {"micro": (160, 90, 20), "macro": (0, 90, 150)}


def write_annotated(folder: Path, watched: Watched, watch: Stopwatch, observer: Observer = SILENT) -> Path:
    """Write `annotated.webm`, at the speed of the recording and at most 30 frames a second.

    Raises:
        ValueError: OpenCV cannot write such a file here.
    """
    recording, path = watched.recording, folder / FILE_NAME
    scale = min(1.0, LARGEST_SIDE / max(recording.width, recording.height))
    scale = max(scale, LEAST_WIDTH / recording.width)
    width, height = (2 * max(8, round(scale * side / 2)) for side in (recording.width, recording.height))
    fps = min(recording.fps, MOST_FPS)
    strip = draw_strip(watched, width)
    shows = _times_shown(recording, fps)
    frames = watch.each("decode", recording.frames())
    with _writer(path, fps, (width, height + STRIP_HEIGHT)) as write:
        for number, frame in enumerate(observer.track(frames, "Writing the annotated video", recording.num_frames)):
            if shows[number]:
                with watch.part("video"):
                    write(_compose(watched, number, frame, (width, height), strip), shows[number])
    return path


def _times_shown(recording: Recording, fps: float) -> np.ndarray:
    """How many frames of the new video show each frame: its times are kept where they are uneven."""
    ticks = np.rint(np.append(recording.times, recording.duration_s) * fps).astype(int)
    return np.diff(ticks)


def _compose(watched: Watched, number: int, frame: np.ndarray, size: tuple[int, int], strip: np.ndarray) -> np.ndarray:
    width, height = size
    picture = np.empty((height + STRIP_HEIGHT, width, 3), np.uint8)
    picture[:height] = _reduce(frame, size)
    picture[height:] = strip
    now = active(watched.intervals, number)
    span = next((one for one in watched.track.spans if one.start <= number < one.stop), None)
    if span is not None:
        _draw_box(picture, span, now, width / watched.recording.width)
    for line, one in enumerate(now):
        _draw_label(picture, label(one), line, LABEL_COLOUR[one.type])
    x = _column(number, watched.recording.num_frames, width)
    cv2.line(picture, (x, height), (x, height + STRIP_HEIGHT - 1), CURSOR, 1)
    return picture


def _reduce(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """To a size by a whole step, whose mean OpenCV takes ten times as fast as that of a fraction, and the rest."""
    step = max(1, frame.shape[1] // size[0])
    whole = (frame.shape[1] // step, frame.shape[0] // step)
    return cv2.resize(cv2.resize(frame, whole, interpolation=cv2.INTER_AREA), size, interpolation=cv2.INTER_LINEAR)


def label(one: FoundInterval) -> str:
    """What stands on the video while an interval lasts."""
    if one.recognition is None:
        return one.type
    emotion, probabilities = one.recognition.emotion, one.recognition.probabilities
    # OpenCV draws ASCII only.
    named = emotion if emotion.isascii() else f"class {list(probabilities).index(emotion)}"
    return f"{one.type} {named} {max(probabilities.values()):.0%}"


def draw_strip(watched: Watched, width: int) -> np.ndarray:
    """Curves, thresholds and intervals of the whole recording, uint8 (64, width, 3)."""
    strip = np.full((STRIP_HEIGHT, width, 3), PAPER, np.uint8)
    total = watched.recording.num_frames
    for one in watched.intervals:
        ends = [_column(frame, total, width) for frame in (one.onset, one.offset)]
        cv2.rectangle(strip, (ends[0], 0), (ends[1], STRIP_HEIGHT - 1), LABEL_COLOUR[one.type], cv2.FILLED)
    low, high = _extent([curve.values for curve in watched.curves])
    for curve in watched.curves:
        frames = curve.first + np.arange(len(curve.values))
        rows = _row(curve.values, low, high)
        line = np.stack([_column(frames, total, width), rows], axis=1)
        level = int(_row(np.array(curve.threshold), low, high))
        cv2.line(strip, (int(line[0, 0]), level), (int(line[-1, 0]), level), LINE, 1)
        cv2.polylines(strip, [line.astype(np.int32)], False, COLOURS[curve.type], 1, cv2.LINE_AA)
    return strip


def _extent(curves: list[np.ndarray]) -> tuple[float, float]:
    low, high = min(float(c.min()) for c in curves), max(float(c.max()) for c in curves)
    return low, high if high > low else low + 1.0


def _row(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.rint((STRIP_HEIGHT - 9) * (high - values) / (high - low) + 4).astype(int)


def _column(frame, total: int, width: int):
    return frame * (width - 1) // max(total - 1, 1)


def _draw_box(picture: np.ndarray, span: FaceSpan, now: list[FoundInterval], scale: float) -> None:
    x, y, width, height = (round(scale * value) for value in span.box)
    colour, thickness = (COLOURS[now[0].type], 3) if now else (BOX, 1)
    cv2.rectangle(picture, (x, y), (x + width, y + height), colour, thickness)


def _draw_label(picture: np.ndarray, text: str, line: int, colour: tuple[int, int, int]) -> None:
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 1)
    top = line * (height + below + 8)
    cv2.rectangle(picture, (0, top), (width + 12, top + height + below + 6), colour, cv2.FILLED)
    cv2.putText(picture, text, (6, top + height + 3), cv2.FONT_HERSHEY_SIMPLEX, 0.6, CURSOR, 1, cv2.LINE_AA)


@contextlib.contextmanager
def _writer(path: Path, fps: float, size: tuple[int, int]) -> Iterator[Callable[[np.ndarray, int], None]]:
    """A function that writes a picture some times over; to a file beside its place, then renamed."""
    partial = path.with_name(f".partial.{path.name}")
    with _quiet():
        writer = cv2.VideoWriter(str(partial.absolute()), cv2.VideoWriter_fourcc(*"VP80"), fps, size)  # type: ignore
    waiting: collections.deque[Future] = collections.deque()

    def write(picture: np.ndarray, times: int) -> None:
        for _ in range(times):
            waiting.append(pool.submit(writer.write, picture))
        while len(waiting) > WAITING:
            waiting.popleft().result()

    try:
        if not writer.isOpened():
            raise ValueError(f"{partial}: OpenCV writes no VP8 video here; leave the video out with --no-annotate")
        with ThreadPoolExecutor(1) as pool:
            yield write
    finally:
        writer.release()
    partial.replace(path)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """OpenCV prints that it takes the right codec for VP80 in WebM, past Python's streams."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
