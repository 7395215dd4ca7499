"""`LongSurvey`: the long videos in a user's folder and the expressions annotated in them, before a picture is read."""

import collections
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from akm_jax.data.long_videos import TYPES, UNKNOWN, ExpressionType, Interval
from akm_jax.data.pictures import Frame
from akm_jax.observe import Track
from datasets_tfds import layout
from datasets_tfds.disk_check import DiskCheck
from datasets_tfds.layout import ClipFolder
from datasets_tfds.long import faces
from datasets_tfds.long.faces import Face
from datasets_tfds.long.intervals import IntervalReader, Rules, WrittenInterval
from datasets_tfds.published import count_differences
from datasets_tfds.survey import Survey


@dataclasses.dataclass(frozen=True)
class LongClip(ClipFolder):
    """A long video on disk; `clip_id` is the video's id, `frames` all its frames.

    Attributes:
        intervals: the expressions annotated in it, in the order of the table.
    """

    intervals: tuple[Interval, ...] = ()


@dataclasses.dataclass(frozen=True)
class LongSurvey(Survey):
    """What a folder holds of a set of long videos; `clips` are `LongClip`s, and `sources` include the table.

    Attributes:
        published_intervals: expressions of each type that the set's paper counts.
        known_faces: faces that the folder tells of, by video id.
    """

    clips: tuple[LongClip, ...]
    published_intervals: Mapping[str, int] = dataclasses.field(default_factory=dict)
    known_faces: Mapping[str, Face] = dataclasses.field(default_factory=dict)

    @classmethod
    def complete(
        cls, manual_dir: Path, path: Path, clips: tuple[LongClip, ...], check: DiskCheck, **fields: Any
    ) -> "LongSurvey":
        """A survey by the table at `path`, with the faces that the user's folder tells of.

        Raises:
            ValueError: what it tells of faces is misformed.
        """
        known = faces.read_faces(manual_dir, {clip.clip_id for clip in clips})
        sources = (path, *faces.face_files(manual_dir))
        return cls(clips=clips, check=check, known={}, sources=sources, known_faces=known, **fields)

    def without_published(self) -> Self:
        """The same with nothing to compare it with."""
        return dataclasses.replace(self, published=None, published_intervals={})

    @property
    def usable(self) -> Sequence[LongClip]:
        """Videos that nothing is wrong with, as far as it is known by now."""
        return [clip for clip in self.clips if clip.clip_id not in self.check.left_out]

    def read_frames(self, track: Track = lambda items, what, total: items) -> None:
        """Read all frames once, and compare what is whole with the published numbers."""
        super().read_frames(track)
        self._compare_intervals()

    def check_numbers(self) -> None:
        """The same without reading a picture: the builder meets broken ones when it crops them."""
        self.check.check_numbers(self.clips)
        if self.published is not None:
            self.check.notes.extend(count_differences(self.published, self.usable))
        self._compare_intervals()

    def _compare_intervals(self) -> None:
        pairs = [(kind, len(self._of_type(kind)), count) for kind, count in self.published_intervals.items()]
        if different := [f"{kind} {found}/{count}" for kind, found, count in pairs if found != count]:
            text = ", ".join(different)
            self.check.notes.append(f"numbers of intervals differ from the published ones (found/published): {text}")

    def _of_type(self, kind: str) -> list[Interval]:
        return [interval for clip in self.usable for interval in clip.intervals if interval.type == kind]

    def describe(self) -> dict[str, Any]:
        """What was found, as plain values, with the intervals of each type instead of classes."""
        apexes = sum(interval.apex != UNKNOWN for kind in TYPES for interval in self._of_type(kind))
        rates = sorted({self.fps_of(clip) for clip in self.usable})
        intervals = {kind: self._describe_type(kind) for kind in TYPES}
        known = sum(clip.clip_id in self.known_faces for clip in self.usable)
        told = {"unit": "videos", "apexes": apexes, "classes": {}, "fps": rates, "intervals": intervals, "faces": known}
        return {**super().describe(), **told}

    def _describe_type(self, kind: ExpressionType) -> dict[str, Any]:
        """Counts, and lengths in frames, onset and offset among them, where the onset is known."""
        found = self._of_type(kind)
        lengths = [interval.offset - interval.onset + 1 for interval in found if interval.onset != UNKNOWN]
        return {
            "found": len(found),
            "published": self.published_intervals.get(kind),
            "unknown_onsets": len(found) - len(lengths),
            "videos": sum(any(interval.type == kind for interval in clip.intervals) for clip in self.usable),
            "min": min(lengths, default=0),
            "mean": round(sum(lengths) / max(len(lengths), 1), 1),
            "max": max(lengths, default=0),
        }


def read_frames_of(check: DiskCheck, folder: Path, video_id: str) -> tuple[Frame, ...]:
    """Frame files of a video; none, and a problem, where they can't be put in order."""
    return check.list_frames(folder, video_id)


def annotate(
    videos: Sequence[LongClip],
    rows: Sequence[WrittenInterval],
    check: DiskCheck,
    rules: Rules,
    first: int | None = None,
) -> tuple[LongClip, ...]:
    """Give each video the expressions that the table says are in it.

    Args:
        videos: without intervals.
        rows: of the table.
        check: is told of rows without a video and numbers that can't be right.
        rules: how the table counts.
        first: what the table calls the first frame; None: its number in the file name.

    Returns:
        The videos by subject and id.
    """
    reader, by_video = IntervalReader(check, rules), collections.defaultdict(list)
    for row in rows:
        by_video[row.video_id].append(row)
    for video_id in by_video.keys() - {video.clip_id for video in videos}:
        mine = by_video[video_id]
        what = f"video {video_id} is annotated ({len(mine)} rows), but is not there"
        check.add_problem(mine[0].where, what, "unzip this video again, or delete the rows", video_id)
    annotated = []
    for video in videos:
        start = first if first is not None else (video.frames[0].number if video.frames else 1)
        found = [reader.read(row, start, len(video.frames)) for row in by_video[video.clip_id] if video.frames]
        intervals = tuple(interval for interval in found if interval is not None)
        annotated.append(dataclasses.replace(video, intervals=intervals))
    reader.finish()
    if silent := [video.clip_id for video in videos if not by_video[video.clip_id]]:
        check.handled.append(f"videos without an interval: {', '.join(silent)}")
    return tuple(sorted(annotated, key=lambda video: (_subject_key(video.subject), video.clip_id)))


def _subject_key(subject: str) -> tuple[bool, int, str]:
    return not subject.isdecimal(), int(subject) if subject.isdecimal() else 0, subject


def find_folders(
    check: DiskCheck, folders: Sequence[Path], read_id: Callable[[Path], str], expected: str
) -> dict[str, Path]:
    """Video folders by what `read_id` makes of their names; others are surplus, and two of one id a problem."""
    found: dict[str, Path] = {}
    for folder in folders:
        try:
            video_id = read_id(folder)
        except ValueError:
            check.add_problem(folder, f"surplus folder; a video is called {expected}", "move it away")
            continue
        if video_id in found:
            what = f"the same video as {check.relative(found[video_id])}"
            check.add_problem(folder, what, "keep one of them", video_id)
        found.setdefault(video_id, layout.unwrap(folder))
    return found
