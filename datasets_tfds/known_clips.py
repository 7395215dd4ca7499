"""What a run knows of a clip of its own set: which frames it saw, their rate, the apex, and a face that was given.

A clip is recognised by its path, which ends in its id: `sub01/EP02_01f`, `s1_ne_01`, `anna_joy_3` of `anna/joy/3`.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from akm_jax.data.own_clip import OwnClip
from akm_jax.files import read_json
from akm_jax.report.thumbnails import read_thumbnails
from datasets_tfds.layout import FACE_TABLE

if TYPE_CHECKING:
    from akm_jax.prepare import Box, Eyes


@dataclasses.dataclass(frozen=True)
class KnownClip:
    """A clip that a run tested on.

    Attributes:
        clip_id: of the set, without the set's name where several are pooled.
        num_frames: frames that were seen.
        onset, offset: numbers of the first and last of them in their file names, of a video from 0.
        apex: number of the annotated apex; None where there is none.
        fps: frames per second; 0 where the set does not know, None where an older run did not keep it.
    """

    clip_id: str
    num_frames: int
    onset: int
    offset: int
    apex: int | None
    fps: float | None

    def is_called(self, clip: OwnClip) -> bool:
        """Whether a clip is called as this one."""
        return _is_called(clip.path, self.clip_id)

    def is_seen_whole(self, clip: OwnClip) -> bool:
        """Whether a clip has the frames that were seen, by their numbers."""
        numbers = [frame.number for frame in clip.frames]
        return (self.num_frames, self.onset, self.offset) == (len(numbers), numbers[0], numbers[-1])


def read_known_clips(run_dir: Path) -> tuple[KnownClip, ...]:
    """The clips of a run's finished folds; none of a run without thumbnails.

    Raises:
        ValueError: a file of the run is damaged.
    """
    pooled = bool(read_json(run_dir / "run.json").get("data", {}).get("sets"))
    found: dict[str, KnownClip] = {}
    first = next(iter(sorted(run_dir.glob("folds/seed*"))), run_dir)  # repetitions have the same clips
    for result in sorted(first.glob("s*/result.json")):
        for clip_id, told in read_thumbnails(result.parent).items():
            name = clip_id.partition("/")[2] if pooled else clip_id
            numbers = {frame["name"]: int(frame["number"]) for frame in told["frames"]}
            found[clip_id] = KnownClip(
                name,
                told["num_frames"],
                numbers["first"],
                numbers["last"],
                numbers.get("apex"),
                told.get("fps"),
            )
    return tuple(found.values())


def find_given_face(clip: OwnClip, folders: Sequence[Path]) -> "tuple[Eyes | Box, Path] | None":
    """The face that a table `faces.csv` gives of a clip, and the table.

    Args:
        clip: whose face.
        folders: of the run's data, where such a table must be a good one. In the folders that the clip is in, a file of
            that name counts only if it is a face table and names the clip.

    Raises:
        ValueError: such a table is misformed.
    """
    from akm_jax.prepare.face_table import named_clips, read_face_table  # here: it needs OpenCV

    around = [folder for path in (clip.path.absolute(), clip.path.resolve()) for folder in path.parents]
    for folder in dict.fromkeys([*folders, *around]):
        table = folder / FACE_TABLE
        if not table.is_file():
            continue
        if folder not in folders and not any(_is_called(clip.path, clip_id) for clip_id in named_clips(table)):
            continue
        for clip_id, face in read_face_table(table, None).items():
            if _is_called(clip.path, clip_id):
                return face, table
    return None


@dataclasses.dataclass(frozen=True)
class Timing:
    """When things are in a clip, for methods that ask.

    Attributes:
        fps: frames per second; 0 where not known.
        apex: index of the apex; -1 where nothing says it.
        is_told: whether the user said it.
        notes: what was taken from where.
        warnings: why the result may mean nothing.
    """

    fps: float = 0.0
    apex: int = -1
    is_told: bool = False
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def time_clip(
    clip: OwnClip,
    known: Sequence[KnownClip],
    *,
    fps: float | None = None,
    apex: int | None = None,
    asks: Literal["", "rate", "apex"] = "",
) -> Timing:
    """Rate and apex of a clip: as the user says, as the run knows them of a clip of its set, as the video has them.

    Where none of them says the rate, it is that of the training clips, if all have the same.

    Args:
        clip: from onset to offset.
        known: the clips of a run.
        fps: frames per second.
        apex: number of the frame, in the file names, of a video from 0.
        asks: what makes a difference to the method, of which there is something to say.

    Raises:
        ValueError: a rate that is none, or an apex that is no frame of the clip.
    """
    if fps is not None and not 0 < fps < np.inf:
        raise ValueError(f"fps {fps:g}: expected frames per second, above 0")
    numbers = [frame.number for frame in clip.frames]
    if apex is not None and apex not in numbers:
        raise ValueError(f"--apex={apex}: {_numbering(clip, numbers, apex)}")
    one, notes, warnings = _find(clip, known), [], []
    if one is not None and not one.is_seen_whole(clip):
        notes.append(
            f"the run has a clip called {one.clip_id}, of which it saw frames {one.onset} to {one.offset} "
            f"(--onset={one.onset} --offset={one.offset})"
        )
        one = None
    place = apex if apex is not None or one is None else one.apex
    rate = fps if fps is not None or one is None else one.fps
    rate = rate if rate is not None else _rate_of_video(clip)
    if rate is None and (rate := common_rate(known)) and asks == "rate":
        notes.append(f"{rate:g} frames/s are taken, those of the training clips; --fps says otherwise")
    if asks == "apex" and place is None and one is None and any(other.apex is not None for other in known):
        warnings.append("the training clips had an annotated apex, this one has none; --apex says which frame it is")
    return Timing(
        rate or 0.0, -1 if place is None else numbers.index(place), apex is not None, tuple(notes), tuple(warnings)
    )


def _numbering(clip: OwnClip, numbers: Sequence[int], wrong: int) -> str:
    """How the frames are numbered, and the number of the frame that whoever counted from 0 may have meant."""
    where = "as in the file names" if clip.times is None else "as in the video, from 0"
    meant = f" (frame {wrong} counted from 0 is {numbers[wrong]})" if 0 <= wrong < len(numbers) else ""
    return f"expected a frame of the clip, numbered {where}, {numbers[0]} to {numbers[-1]}{meant}"


def _find(clip: OwnClip, known: Sequence[KnownClip]) -> KnownClip | None:
    """The clip that this one is called as; of several the one with the same frames."""
    called = [one for one in known if one.is_called(clip)]
    return next((one for one in called if one.is_seen_whole(clip)), called[0] if called else None)


def _rate_of_video(clip: OwnClip) -> float | None:
    """Mean frames per second; None of pictures, and where a video does not say."""
    if clip.times is None or len(clip.times) < 2 or not clip.times[-1] > clip.times[0]:
        return None
    return float((clip.frames[-1].number - clip.frames[0].number) / (clip.times[-1] - clip.times[0]))


def common_rate(known: Iterable[KnownClip]) -> float:
    """Frames per second of all clips; 0 where they differ, or are not known."""
    rates = {one.fps for one in known}
    return (rates.pop() or 0.0) if len(rates) == 1 else 0.0


def _is_called(path: Path, clip_id: str) -> bool:
    """Whether a path ends in a clip's id, with the suffix of a file or without."""
    wanted = clip_id.replace("/", "_")
    spellings = [one.parts for place in (path.absolute(), path.resolve()) for one in (place, place.with_suffix(""))]
    return any("_".join(parts[k:]) == wanted for parts in spellings for k in range(len(parts)))
