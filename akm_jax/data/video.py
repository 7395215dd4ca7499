"""Decoding of video files: on past frames that are damaged, and which frames of the file those are that could be read.

OpenCV decodes, and turns the frames of phones that were held upright as the file says. What a decoder patches up
without a word, a few blocks of a frame, is not seen here. Frames are numbered from 0.
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float64, Int, UInt8

from akm_jax.data import containers

PATIENCE = (8, 1000)  # at least and at most: how often a frame may fail in a row before the video has ended
OVERSTATED = (3, 0.05)  # frames, or share of the frames, by which the header of a whole file may overstate their count
NOT_ON_GRID = 0.25  # of the time between two frames, by which frames of an even video may come early or late
ADVICE = "copy or record it again"

# What FFmpeg prints of damaged blocks, a line each, is said here once. Read when the first video is opened.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


@dataclasses.dataclass(frozen=True)
class VideoFile:
    """A video that was decoded once from end to end.

    Attributes:
        path: the file.
        numbers: (T,) which frames of the file (0-based) could be read.
        times: (T,) seconds at which they are shown, as the file says; not checked.
        stated: frames that there should be by the header; 0 where it does not say.
        fps: frames per second by the header; 0 where it does not say.
        width, height: pixels, as shown.
        missing: what is missing, in words; "" if nothing is.
        note: what else a user should be told; "" for nothing.
    """

    path: Path
    numbers: Int[np.ndarray, " T"]
    times: Float64[np.ndarray, " T"]
    stated: int
    fps: float
    width: int
    height: int
    missing: str = ""
    note: str = ""


def look_through(path: Path) -> VideoFile:
    """Decode a video once.

    Raises:
        ValueError: no frame can be read; says why, as far as the file tells.
    """
    times, failed = list[float](), list[int]()
    with _opened(path) as video:
        stated, fps = _stated(video)
        for before in _grab(video):
            if not times:
                _, first = video.retrieve()
            times.append(video.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            failed.append(before)
    if not times:
        raise ValueError(explain_unreadable(path))
    seen = VideoFile(path, np.arange(len(times)), np.array(times), stated, fps, first.shape[1], first.shape[0])
    return seen if stated <= len(times) else _find_missing(seen, np.array(failed))


def decode(path: Path, skip: int = 0) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
    """The frames that can be read, BGR, in their order, without the first `skip`."""
    with _opened(path) as video:
        for place, _ in enumerate(_grab(video)):
            if place >= skip:
                could, frame = video.retrieve()
                if not could:
                    raise ValueError(f"{path}: frame {place} is decoded, but not handed out")
                yield frame


def decode_frames(path: Path, first: int = 0, last: int | None = None) -> Iterator[UInt8[np.ndarray, "H W"]]:
    """Decode frames `first` to `last` of a video that lacks none, grey; None: up to its end.

    Raises:
        ValueError: no frame can be read, or the video ends before `last`.
    """
    number = -1
    for number, frame in enumerate(decode(path, first), first):
        yield to_grey(frame)
        if number == last:
            return
    if number < 0 and not first:
        raise ValueError(explain_unreadable(path))
    if last is not None:
        raise ValueError(f"{path}: has no frame {last} (numbered from 0)")


def to_grey(frame: UInt8[np.ndarray, "H W *c"]) -> UInt8[np.ndarray, "H W"]:
    """Grey picture of what OpenCV decoded."""
    return cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) if frame.ndim == 3 else frame


def stated_fps(path: Path) -> float:
    """Frames per second by the header; 0 where it does not say."""
    with _opened(path) as video:
        return _stated(video)[1]


def explain_unreadable(path: Path) -> str:
    """Why no frame of a file can be read, and what to do."""
    if why := containers.find_break(path):
        return f"{path}: no frame can be read: {why}; {ADVICE}"
    if codec := containers.find_codec(path):
        return (
            f"{path}: no frame can be read: its codec is {codec}; if the file is whole, OpenCV does not decode that "
            f"here: convert it to H.264, e.g. by `ffmpeg -i {path.name} -c:v libx264 -crf 10 {path.stem}_h264.mp4`"
        )
    return (
        f"{path}: no frame can be read; expected a video that OpenCV decodes (mp4, avi, mkv, webm, mov), or a folder "
        "of frames"
    )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    video = cv2.VideoCapture(str(path.absolute()))  # a bare name may look like a stream or a pattern to it
    try:
        yield video
    finally:
        video.release()


def _stated(video: cv2.VideoCapture) -> tuple[int, float]:
    """Frames, and frames per second, by the header; headers without them give anything."""
    count, fps = video.get(cv2.CAP_PROP_FRAME_COUNT), video.get(cv2.CAP_PROP_FPS)
    return int(count) if 0 < count < 2**31 else 0, max(float(fps), 0.0)


def _grab(video: cv2.VideoCapture) -> Iterator[int]:
    """Go from frame to frame; yields how often that failed since the one before."""
    stated, read, failed = _stated(video)[0], 0, 0
    while failed <= min(max(stated - read, PATIENCE[0]), PATIENCE[1]):
        if video.grab():
            yield failed
            read, failed = read + 1, 0
        else:
            failed += 1


def _find_missing(seen: VideoFile, failed: np.ndarray) -> VideoFile:
    """Give the frames their numbers, and say which are missing, where fewer were read than the header states."""
    is_avi, is_mp4 = containers.is_avi(seen.path), containers.is_mp4(seen.path)
    numbers, why = _number_by_index(seen) if is_avi else _number_by_time(seen), containers.find_break(seen.path)
    if numbers is None and is_mp4:
        numbers = seen.numbers + np.cumsum(failed)  # a frame fails once in an MP4
    is_estimate = not is_avi and not is_mp4  # other headers say how long a video is, not how many frames it has
    if numbers is None and is_estimate and not failed[1:].any() and not why:
        return seen  # frames come unevenly
    if numbers is None:
        return dataclasses.replace(seen, missing=_count(seen, "which are missing cannot be seen", why))
    times = numbers / seen.fps if is_avi and seen.fps else seen.times
    return _tell_missing(dataclasses.replace(seen, numbers=numbers, times=times), why, is_estimate=is_estimate)


def _tell_missing(seen: VideoFile, why: str, *, is_estimate: bool) -> VideoFile:
    """Say which are missing; where a whole file only states a few more than it has, that is a note."""
    absent = np.setdiff1d(np.arange(seen.stated), seen.numbers)
    has_hole = bool(((absent > seen.numbers[0]) & (absent < seen.numbers[-1])).any())
    if has_hole or why or len(absent) > max(OVERSTATED[0], OVERSTATED[1] * seen.stated):
        return dataclasses.replace(seen, missing=_count(seen, f"missing: {_ranges(absent)}, counted from 0", why))
    told = f"{seen.path.name}: its header states {seen.stated} frames, it has {len(seen.times)}"
    return dataclasses.replace(seen, note="" if is_estimate and len(absent) == 1 else told)


def _count(seen: VideoFile, which: str, why: str) -> str:
    return "; ".join(filter(None, (f"{len(seen.times)} of {seen.stated} frames can be read", which, why)))


def _number_by_index(seen: VideoFile) -> np.ndarray | None:
    """Numbers by the index of an AVI file, whose times count only what was read; None if the two do not agree."""
    listed = containers.lost_in_avi(seen.path)
    if listed is None:  # the index is the last thing in the file
        return seen.numbers
    kept = np.setdiff1d(np.arange(listed[0]), listed[1])
    return kept if len(kept) == len(seen.numbers) and (listed[0] == seen.stated or not listed[1]) else None


def _number_by_time(seen: VideoFile) -> np.ndarray | None:
    """Numbers by the times of a video whose frames come evenly; None if they do not."""
    places = (seen.times if seen.times[0] < seen.stated / max(seen.fps, 1) else seen.times - seen.times[0]) * seen.fps
    numbers = np.round(places).astype(int)
    even = np.abs(places - numbers).max() <= NOT_ON_GRID and bool((np.diff(numbers) > 0).all())
    return numbers if even and numbers[0] >= 0 and numbers[-1] < seen.stated else None


def _ranges(numbers: Sequence[int] | np.ndarray, limit: int = 4) -> str:
    """Numbers as `3, 7 to 9`."""
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    told = [str(part[0]) if len(part) == 1 else f"{part[0]} to {part[-1]}" for part in parts]
    return ", ".join(told[:limit]) + (f" and {len(told) - limit} more stretches" if len(told) > limit else "")
