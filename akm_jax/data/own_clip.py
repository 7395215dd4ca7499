"""A clip of one's own: a folder of pictures, a video file, or a single picture; frames are decoded when asked for."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import overload

import numpy as np
from jaxtyping import Float64, UInt8

from akm_jax.data import pictures
from akm_jax.data.pictures import Frame
from akm_jax.data.recording import FramesByIndex, Recording, describe_uneven
from akm_jax.data.video import ADVICE, look_through, to_grey


class OwnClip(Sequence[UInt8[np.ndarray, "H W"]]):
    """The frames of a clip by index, grey; to be gone through forward, as going back in a video begins it anew.

    Attributes:
        path: folder or file.
        frames: number and file of each frame; those of a video are numbered from 0 and have its path.
        times: (T,) seconds, where a video says when frames were taken.
        missing: what cannot be read of a damaged video, in words; "" if nothing lacks.
        notes: what else a user should be told.
    """

    def __init__(
        self,
        path: Path,
        frames: Sequence[Frame],
        read: Callable[[int], UInt8[np.ndarray, "H W"]],
        *,
        times: Float64[np.ndarray, " T"] | None = None,
        missing: str = "",
        notes: Sequence[str] = (),
    ):
        """Args: as the attributes; what decodes a frame by its index."""
        self.path, self.frames, self.times, self.missing, self.notes = path, tuple(frames), times, missing, tuple(notes)
        self._read = read

    @property
    def names(self) -> tuple[str, ...]:
        """File names of the frames, or their numbers in the video."""
        return tuple(frame.path.name if self.times is None else str(frame.number) for frame in self.frames)

    def cut(self, onset: int | None = None, offset: int | None = None) -> "OwnClip":
        """The frames whose numbers are `onset` to `offset`; from the first and to the last one where these are None.

        Raises:
            ValueError: a number beyond those of the frames, or none between them.
        """
        first, last = self.frames[0].number, self.frames[-1].number
        for name, number in (("onset", onset), ("offset", offset)):
            if number is not None and not first <= number <= last:
                raise ValueError(f"{name} {number}: frames of {self.path} are numbered from {first} to {last}")
        start, stop = first if onset is None else onset, last if offset is None else offset
        kept = [i for i, frame in enumerate(self.frames) if start <= frame.number <= stop]
        if not kept:
            raise ValueError(f"{self.path} has no frame in {start}..{stop}")
        return OwnClip(
            self.path,
            [self.frames[i] for i in kept],
            lambda i: self._read(kept[i]),
            times=None if self.times is None else self.times[kept],
            missing=self.missing,
            notes=self.notes,
        )

    def __len__(self) -> int:
        return len(self.frames)

    @overload
    def __getitem__(self, index: int) -> UInt8[np.ndarray, "H W"]: ...

    @overload
    def __getitem__(self, index: slice) -> list[UInt8[np.ndarray, "H W"]]: ...

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._read(index)


def open_clip(path: Path | str, *, pattern: str = "") -> OwnClip:
    """Find the frames of a clip, and what is wrong with them.

    Args:
        path: a folder of jpg, bmp, png, tif or webp frames, a video file, or a single picture.
        pattern: what names of frames in a folder look like (`akm_jax.data.frame_names`).

    Raises:
        FileNotFoundError: nothing is there.
        FrameOrderError: the order of the frames is not clear.
        ValueError: no frames, an unreadable picture, frames of different sizes, or a file that is no video.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        return _open_pictures(path, pictures.list_frames(path, pattern))
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file or folder; expected a folder of frames or a video file")
    if pattern:
        raise ValueError(f"{path} is a file; a pattern ({pattern}) says which pictures of a folder are frames")
    return _open_pictures(path, (Frame(0, path),)) if pictures.is_picture(path.name) else _open_video(path)


def _open_pictures(path: Path, frames: Sequence[Frame]) -> OwnClip:
    if not frames:
        raise ValueError(f"clip {path}: {pictures.describe_folder(path)} -> pass the folder that holds the frames")
    found = pictures.inspect_pictures(frames)
    if found.defects:
        lines = [f"{what} -> {remedy}" for what, remedy in found.defects]
        raise ValueError("\n  ".join([f"clip {path}:", *lines]))
    return OwnClip(path, frames, lambda i: pictures.decode_grey(frames[i].path.read_bytes()), notes=found.notes)


def _open_video(path: Path) -> OwnClip:
    seen = look_through(path)
    frames = FramesByIndex(Recording(path, seen.fps, seen.times, seen.width, seen.height), keep=1)
    uneven = "" if seen.missing else describe_uneven(seen.times)
    notes = [note for note in (seen.note, f"{path.name}: {uneven}" if uneven else "") if note]
    listed = [Frame(int(number), path) for number in seen.numbers]
    return OwnClip(path, listed, lambda i: to_grey(frames[i]), times=seen.times, missing=seen.missing, notes=notes)


def read_frames(path: Path | str) -> tuple[UInt8[np.ndarray, "T H W"], tuple[str, ...]]:
    """Read a clip whole.

    Args:
        path: as of `open_clip`.

    Returns:
        Grey frames in time order, and their file names, or their numbers from 0 in the video.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: as `open_clip`, or a damaged video.
    """
    clip = open_clip(path)
    if clip.missing:
        raise ValueError(f"{path}: {clip.missing}; {ADVICE}")
    return np.stack(list(clip)), clip.names
