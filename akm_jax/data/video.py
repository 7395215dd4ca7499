"""A clip of one's own: a folder of frames, or a video file, whose frames are numbered from 0."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from akm_jax.data.pictures import read_clip


def read_frames(path: Path | str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read a clip.

    Args:
        path: a folder of jpg, jpeg, bmp or png frames with numbers in their names, or a video file.

    Returns:
        Grey uint8 frames (T, H, W) in time order, and their file names, or their numbers from 0 in the video.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: no frames, an unreadable frame, frames of different sizes, or a file that is no video.
    """
    path = Path(path)
    if path.is_dir():
        return read_clip(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file or folder; expected a folder of frames or a video file")
    frames = list(decode_frames(path))
    return np.stack(frames), tuple(str(i) for i in range(len(frames)))


def decode_frames(path: Path, first: int = 0, last: int | None = None) -> Iterator[np.ndarray]:
    """Decode frames `first` to `last` of a video one by one, grey uint8 (H, W); None: up to its end.

    Raises:
        ValueError: no frame can be read, or the video ends before `last`.
    """
    with _opened(path) as video:
        for number in itertools.count():
            if last is not None and number > last:
                return
            if not video.grab():
                break
            if number >= first:
                could, frame = video.retrieve()
                if not could:
                    break
                yield _grey(frame)
    if number == 0:
        raise ValueError(
            f"{path}: no frame can be read; expected a video that OpenCV decodes (avi, mp4, mkv), or a folder of frames"
        )
    if last is not None:
        raise ValueError(f"{path}: ends after {number} frames, expected frame {last} (numbered from 0)")


def count_frames(path: Path) -> int:
    """Frames of a video that can be read, found by decoding it; headers are often wrong. 0: it is no video."""
    with _opened(path) as video:
        return sum(1 for _ in iter(video.grab, False))


def read_fps(path: Path) -> float:
    """Frames per second that the header of a video states; 0 where it states none."""
    with _opened(path) as video:
        return max(float(video.get(cv2.CAP_PROP_FPS)), 0.0)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    video = cv2.VideoCapture(str(path.expanduser().absolute()))  # a bare name may look like a stream or a pattern to it
    try:
        yield video
    finally:
        video.release()


def _grey(frame: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) if frame.ndim == 3 else frame
