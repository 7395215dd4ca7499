"""The frames that an entry means, and what is wrong with them before any picture is read."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from akm_jax.data import pictures
from akm_jax.data.frame_names import FrameOrderError
from akm_jax.data.pictures import Frame
from datasets_tfds import layout, reach
from datasets_tfds.folder.listing import Entry
from datasets_tfds.layout import Annotation
from datasets_tfds.reach import Defect


class FrameLister:
    """Lists the frames of recordings, each once however many clips it holds.

    Attributes:
        notes: what is uncommon about videos, and taken as it is.
    """

    def __init__(self, *, count_video_frames: bool):
        """Make one; without `count_video_frames` videos are not opened and seem to hold no frames."""
        self.notes: list[str] = []
        self._counts = count_video_frames
        self._listed: dict[tuple[Path, str], tuple[Frame, ...]] = {}

    def list(self, path: Path, pattern: str = "") -> tuple[Frame, ...]:
        """All frames of a folder or a video; those of a video are numbered from 0 and have its path.

        Args:
            path: of the folder or video.
            pattern: what names of frames look like (`akm_jax.data.frame_names`).

        Raises:
            ValueError: the order of pictures is not clear, or a file is no video, or a damaged one.
        """
        if (path, pattern) not in self._listed:
            self._listed[path, pattern] = (
                self._list_video(path, pattern) if path.is_file() else _list_pictures(path, pattern)
            )
        return self._listed[path, pattern]

    def _list_video(self, path: Path, pattern: str) -> tuple[Frame, ...]:
        if pictures.is_picture(path.name):
            raise ValueError("a single picture; expected a folder of frames or a video file")
        if pattern:
            raise ValueError(f"frame_names is {pattern!r}, but a video's frames are counted")
        if not self._counts:
            return ()
        from akm_jax.data.recording import describe_uneven  # here: most folders hold no videos, OpenCV loads slowly
        from akm_jax.data.video import look_through

        try:
            seen = look_through(path)
        except ValueError as error:
            raise ValueError(str(error).removeprefix(f"{path}: ")) from error
        if seen.missing:
            raise ValueError(seen.missing)
        if uneven := describe_uneven(seen.times):
            self.notes.append(f"{path.name}: {uneven}; frames per second are a mean")
        self.notes.extend([seen.note] if seen.note else [])
        return tuple(Frame(number, path) for number in range(len(seen.numbers)))


def _list_pictures(folder: Path, pattern: str) -> tuple[Frame, ...]:
    try:
        return reach.list_frames(folder, pattern) or reach.list_frames(layout.unwrap(folder), pattern)
    except FrameOrderError as error:
        if not error.pattern:
            raise
        raise ValueError(f"{error}; or write {error.pattern} into a column frame_names of clips.csv") from error


def find_defects(entry: Entry, frames: Sequence[Frame]) -> Iterator[Defect]:
    """Say in what an entry and all frames of its recording disagree."""
    if not frames:
        yield pictures.describe_folder(entry.path), "put the frames there, or take the clip out"
        return
    first, last = frames[0].number, frames[-1].number
    counted = "a video's frames count from 0" if entry.path.is_file() else "numbers are those in the file names"
    for field, number in (("onset", entry.onset), ("offset", entry.offset)):
        if number is not None and not first <= number <= last:
            yield f"{field} {number} lies outside its frames {first}..{last}", f"repair the number; {counted}"
    if entry.length not in (None, len(frames)):
        yield f"its length is written as {entry.length}, but it has {len(frames)} frames", "repair one of them"


def cut(entry: Entry, frames: Sequence[Frame]) -> tuple[Frame, ...]:
    """The frames from onset to offset; from the first and to the last one where these are not given."""
    onset = frames[0].number if entry.onset is None else entry.onset
    offset = frames[-1].number if entry.offset is None else entry.offset
    return tuple(frame for frame in frames if onset <= frame.number <= offset)


def annotate(entry: Entry, frames: Sequence[Frame]) -> Annotation:
    """First frame, apex and last frame of a clip; apex -1 where the entry gives none that is among its frames."""
    apex = entry.apex if any(frame.number == entry.apex for frame in frames) else None
    return Annotation(frames[0].number, -1 if apex is None else apex, frames[-1].number, "")
