"""The frames that an entry means, and what is wrong with them before any picture is read."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from akm_jax.data import pictures
from akm_jax.data.pictures import Frame
from datasets_tfds import layout, reach
from datasets_tfds.folder.listing import Entry
from datasets_tfds.layout import Annotation
from datasets_tfds.reach import Defect


class FrameLister:
    """Lists the frames of recordings, each once however many clips it holds."""

    def __init__(self, *, count_video_frames: bool):
        """Make one; without `count_video_frames` videos are not opened and seem to hold no frames."""
        self._counts = count_video_frames
        self._listed: dict[Path, tuple[Frame, ...]] = {}

    def list(self, path: Path) -> tuple[Frame, ...]:
        """All frames of a folder or a video; those of a video are numbered from 0 and have its path.

        Raises:
            ValueError: two pictures have one number, one has none, or a file is no video.
        """
        if path not in self._listed:
            self._listed[path] = self._list_video(path) if path.is_file() else _list_pictures(path)
        return self._listed[path]

    def _list_video(self, path: Path) -> tuple[Frame, ...]:
        if pictures.is_picture(path.name):
            raise ValueError("a single picture; expected a folder of frames or a video file")
        if not self._counts:
            return ()
        from akm_jax.data.video import count_frames  # here: most folders hold no videos, and OpenCV takes long to load

        if count := count_frames(path):
            return tuple(Frame(number, path) for number in range(count))
        raise ValueError("not a video that OpenCV decodes, or a damaged one")


def _list_pictures(folder: Path) -> tuple[Frame, ...]:
    return reach.list_frames(folder) or reach.list_frames(layout.unwrap(folder))


def find_defects(entry: Entry, frames: Sequence[Frame]) -> Iterator[Defect]:
    """Say in what an entry and all frames of its recording disagree."""
    if not frames:
        yield pictures.NO_FRAMES, "put the frames there, or take the clip out"
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
