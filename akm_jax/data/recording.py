"""`Recording`: a video file of any length, in colour: how many frames there really are, and when.

Frames are decoded when they are asked for and not kept; damaged ones are passed over and told (`akm_jax.data.video`).
"""

import collections
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np
from jaxtyping import Float64, UInt8

from akm_jax.data.video import decode, look_through

UNEVEN_GAP = 0.2  # of the usual time between two frames
UNEVEN_SHARE = 0.01  # of the video's time
ROUNDING_S = 1.5e-3  # of times that a file keeps in whole milliseconds
FIXED = "record at a fixed rate if you can"
MOST_FPS = 2000.0  # what headers state beyond this is the unit of their clock


@dataclasses.dataclass(frozen=True)
class Recording:
    """A video that was looked through once.

    Attributes:
        path: the file.
        fps: frames per second, the mean where they come unevenly.
        times: (T,) seconds from the first frame.
        width, height: pixels, as shown.
        notes: what a user should be told of it.
    """

    path: Path
    fps: float
    times: Float64[np.ndarray, " T"]
    width: int
    height: int
    notes: tuple[str, ...] = ()

    @property
    def num_frames(self) -> int:
        """T."""
        return len(self.times)

    @property
    def duration_s(self) -> float:
        """From the first frame to the end of the last."""
        return float(self.times[-1]) + 1 / self.fps

    def frames(self) -> Iterator[UInt8[np.ndarray, "H W 3"]]:
        """All frames, BGR.

        Raises:
            ValueError: fewer can be read than before; the file has changed.
        """
        number = -1
        for number, frame in enumerate(decode(self.path)):
            yield frame
            if number + 1 == self.num_frames:
                return
        raise ValueError(f"{self.path}: had {self.num_frames} frames, now ends after {number + 1}")


def open_recording(
    path: Path | str, *, fps: float | None = None, times: Float64[np.ndarray, " T"] | None = None
) -> Recording:
    """Look through a video.

    Args:
        path: what OpenCV decodes: mp4, avi, mkv, webm, mov.
        fps: frames per second, in place of what the file says; frames then come evenly.
        times: seconds at which frames were taken, where they are known better than the file knows them.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no video, has no frames, or nothing says how fast it is.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected a video, or the number of a camera")
    if fps is not None and not 0 < fps <= MOST_FPS:
        raise ValueError(f"fps {fps:g}: expected a number above 0, at most {MOST_FPS:g}")
    seen = look_through(path)
    found, size = seen.times, (seen.width, seen.height)
    told = ((f"{path.name}: {seen.missing}",) if seen.missing else ()) + ((seen.note,) if seen.note else ())
    if times is not None:
        found = np.asarray(times, np.float64)[: len(found)]
    if fps is None and _are_times(found):
        rate = (len(found) - 1) / float(found[-1] - found[0])
        uneven = "" if seen.missing else describe_uneven(found)
        more = (
            f": times are those of the file, but lengths of expressions are counted in frames at the mean rate; {FIXED}"
        )
        told += (f"{path.name}: {uneven}{more}",) if uneven else ()
        return Recording(path, rate, found - found[0], *size, told)
    rate = fps or seen.fps
    if not 0 < rate <= MOST_FPS:
        raise ValueError(
            f"{path} says neither when its frames were taken nor how many a second there are; give their number with "
            "--fps"
        )
    note = f"{path.name}: the file does not say when frames were taken; {rate:g} frames/s are taken from its header"
    return Recording(path, rate, seen.numbers / rate, *size, told if fps else (*told, note))


def _are_times(times: np.ndarray) -> bool:
    return len(times) > 1 and bool(np.isfinite(times).all() and (np.diff(times) > 0).all())


def describe_uneven(times: Float64[np.ndarray, " T"]) -> str:
    """How unevenly frames come, in words; "" where they come evenly, or where these are no times."""
    if not _are_times(times):
        return ""
    gaps = np.diff(times)
    usual = float(np.median(gaps))
    uneven = gaps[np.abs(gaps - usual) > max(UNEVEN_GAP * usual, ROUNDING_S)]
    if uneven.sum() <= UNEVEN_SHARE * (times[-1] - times[0]):
        return ""
    return (
        f"frames come unevenly, {1000 * gaps.min():.0f} to {1000 * gaps.max():.0f} ms apart, {1000 * usual:.0f} usually"
    )


class FramesByIndex(Sequence[UInt8[np.ndarray, "H W 3"]]):
    """The frames of a recording for who goes forward, with a few steps back.

    The last `keep` frames are in memory; further back the file is opened anew. To be closed when done.
    """

    def __init__(self, recording: Recording, keep: int):
        """Args: the video; frames kept."""
        self._recording = recording
        self._kept: collections.deque[np.ndarray] = collections.deque(maxlen=keep)
        self._frames = recording.frames()
        self._next = 0

    def __len__(self) -> int:
        return self._recording.num_frames

    @overload
    def __getitem__(self, index: int) -> UInt8[np.ndarray, "H W 3"]: ...

    @overload
    def __getitem__(self, index: slice) -> list[UInt8[np.ndarray, "H W 3"]]: ...

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        if index < self._next - len(self._kept):
            self.close()
            self._frames, self._next = self._recording.frames(), 0
        while self._next <= index:
            self._kept.append(next(self._frames))
            self._next += 1
        return self._kept[index - self._next]

    def close(self) -> None:
        """Close the file."""
        self._frames.close()  # type: ignore[attr-defined]
        self._kept.clear()
