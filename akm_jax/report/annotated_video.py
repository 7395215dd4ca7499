"""The watched video again with what was found: the face's box, the score curve, a label while an interval lasts.

Written by PyAV, as H.264 in MP4 that begins with its index: browsers, QuickTime and PowerPoint play it. OpenCV's wheels
hold no encoder of it. A thread of its own writes, so that drawing the next picture need not wait.
"""

import collections
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np

from akm_jax.data.recording import Recording
from akm_jax.observe import SILENT, Observer, Stopwatch
from akm_jax.prepare.face_track import FaceSpan
from akm_jax.spotting.own_video import FoundInterval, Watched, active

FILE_NAME = "annotated.mp4"
# What MP4 may hold, the first that this PyAV has: not every build of it has x264, whose licence is the GPL.
ENCODERS = {
    "libx264": {"preset": "veryfast", "crf": "20"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "crf": "30"},
}
LEAVE_OUT = "leave the video out with --no-annotate (annotate=False)"
LARGEST_SIDE, LEAST_WIDTH = 480, 320  # pixels
WAITING = 8  # pictures at most, while one is written
MOST_FPS = 30.0
STRIP_HEIGHT = 64
# Blue, green, red.
PAPER, LINE, CURSOR, BOX = (24, 20, 18), (120, 110, 100), (255, 255, 255), (200, 200, 200)
COLOURS = {"micro": (230, 174, 114), "macro": (74, 171, 217)}
LABEL_COLOUR = {"micro": (160, 90, 20), "macro": (0, 90, 150)}


def write_annotated(folder: Path, watched: Watched, watch: Stopwatch, observer: Observer = SILENT) -> Path:
    """Write `annotated.mp4`, at the speed of the recording and at most 30 frames a second.

    Raises:
        ModuleNotFoundError, ValueError: as `find_encoder`.
        OSError: the file cannot be written, e.g. for want of room.
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
    named = emotion if emotion.isascii() else f"class {list(probabilities or one.recognition.votes).index(emotion)}"
    return f"{one.type} {named} {probabilities[emotion]:.0%}" if probabilities else f"{one.type} {named}"


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


def find_encoder() -> str:
    """Name of the encoder that writes the annotated video here.

    Raises:
        ModuleNotFoundError: PyAV is not installed.
        ValueError: it has none of `ENCODERS`.
    """
    try:
        import av
    except ModuleNotFoundError as e:
        raise ModuleNotFoundError(
            f"PyAV, which writes the annotated video, is not installed: pip install av; or {LEAVE_OUT}"
        ) from e
    for name in ENCODERS:
        with contextlib.suppress(ValueError):
            return av.Codec(name, "w").name
    raise ValueError(
        f"PyAV {av.__version__} has none of the encoders {', '.join(ENCODERS)}: pip install --force-reinstall av "
        f"brings one that has; or {LEAVE_OUT}"
    )


def encoder_notes() -> tuple[str, ...]:
    """What a user should be told of the annotated video before it is written; raises what `find_encoder` does."""
    if find_encoder() == "libx264":
        return ()
    return (f"{FILE_NAME} is VP9, as this PyAV has no x264: browsers play it, QuickTime and PowerPoint do not",)


@contextlib.contextmanager
def _writer(path: Path, fps: float, size: tuple[int, int]) -> Iterator[Callable[[np.ndarray, int], None]]:
    """A function that writes a picture some times over; to a file beside its place, then renamed."""
    encoder = find_encoder()
    import av

    partial = path.with_name(f".partial.{path.name}")
    waiting: collections.deque[Future] = collections.deque()
    try:
        with av.open(str(partial), "w", format="mp4", options={"movflags": "faststart"}) as file:
            rate = Fraction(fps).limit_denominator(10_000)
            stream = cast(Any, file.add_stream(encoder, rate=rate, options=ENCODERS[encoder]))
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"  # the one that every player knows

            def encode(picture: np.ndarray, times: int) -> None:
                for _ in range(times):
                    file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))

            def write(picture: np.ndarray, times: int) -> None:
                waiting.append(pool.submit(encode, picture, times))
                while len(waiting) > WAITING:
                    waiting.popleft().result()

            with ThreadPoolExecutor(1) as pool:
                yield write
            for one in waiting:
                one.result()
            file.mux(stream.encode(None))  # the pictures that the encoder kept back
        partial.replace(path)
    except av.FFmpegError as e:
        raise OSError(f"{partial}: the annotated video cannot be written ({e}); {LEAVE_OUT}") from e
    finally:
        partial.unlink(missing_ok=True)
