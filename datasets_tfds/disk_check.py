"""Everything that is wrong with a user's folder, collected and told in one report.

A builder lists the clips of a set and hands them to a `DiskCheck`, which reads every frame once, collects all problems,
and raises them together. Imports neither TensorFlow nor TFDS.
"""

import collections
import concurrent.futures
import csv
import dataclasses
import itertools
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from akm_jax.data.pictures import Frame, Inspection, describe_folder, enumerate_some, inspect_pictures, is_picture
from akm_jax.machine import num_cores
from akm_jax.observe import Track
from datasets_tfds import layout, reach
from datasets_tfds.layout import ClipFolder

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class KnownDefect:
    """A defect that every distributed copy of a set has, and the evidence for it.

    Attributes:
        kind: "empty" (the clip's folder holds no frames), "gap" (frame numbers are missing; the clip is used as it
            is) or "incomplete" (so many are missing that the clip is left out).
        max_missing: frames that may be missing in a "gap".
    """

    clip_id: str
    kind: str
    max_missing: int
    evidence: str


def read_known_defects(path: Path, config: str) -> dict[str, KnownDefect]:
    """Known defects by clip id, those that concern builder configuration `config`.

    The table has columns clip_id, configs (several, blank between), kind, max_missing, evidence.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if config in row["configs"].split()]
    return {
        row["clip_id"]: KnownDefect(row["clip_id"], row["kind"], int(row["max_missing"]), row["evidence"])
        for row in rows
    }


class DiskCheck:
    """Everything that is wrong with a folder, in one report.

    Attributes:
        title: what the report calls the set.
        root: the folder that is told of; paths in it are told from it on.
        has_known_numbers: whether a gap in a clip's frame numbers means that frames are missing, as in published sets.
        problems: what must be repaired. A problem that belongs to a clip spoils it; `finish` raises all of them, or
            leaves the spoilt clips out.
        notes: what does not hinder, but changes what is built: known defects, corrections, counts that differ from the
            published ones.
        handled: what is uncommon and taken care of; only `experiments.check_data` tells it.
        left_out: ids of clips that are not built.
    """

    def __init__(self, title: str, root: Path, *, has_known_numbers: bool = True):
        self.title, self.root, self.has_known_numbers = title, root, has_known_numbers
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.handled: list[str] = []
        self.left_out: set[str] = set()

    def add_problem(self, where: Path | str, what: str, remedy: str, clip_id: str | None = None) -> None:
        """Add one line; `clip_id` names the clip that it spoils, if any."""
        self.problems.append(f"{self.relative(where)}: {what} -> {remedy}")
        if clip_id is not None:
            self.left_out.add(clip_id)

    def add_error(self, where: Path | str, error: ValueError, remedy: str, clip_id: str | None = None) -> None:
        """Add what an error says; its text may end in ` -> ` and a remedy of its own."""
        what, _, own = str(error).partition(" -> ")
        self.add_problem(where, what, own or remedy, clip_id)

    def subfolders(self, folder: Path) -> list[Path]:
        """Folders in `folder`, as `layout.subfolders`; one that can't be entered, and a link to nothing, are problems.

        None where `folder` itself can't be listed, which is a problem too.
        """
        if defect := reach.find_defect(folder, folder=True):
            self.add_problem(folder, *defect)
            return []
        for path in sorted(folder.iterdir()):
            if path.is_symlink() and not layout.is_left_behind(path.name) and not os.path.exists(path):
                self.add_problem(path, *(reach.find_defect(path) or ("a broken link", "delete it")))
        return layout.subfolders(folder)

    def list_frames(self, folder: Path, clip_id: str) -> tuple[Frame, ...]:
        """Frames in `folder`, in order; none, and a problem of the clip, where they can't be listed."""
        try:
            return reach.list_frames(folder)
        except ValueError as error:
            self.add_error(folder, error, "delete or rename the surplus pictures", clip_id)
            return ()

    def check_clips(
        self,
        clips: Sequence[ClipFolder],
        known: Mapping[str, KnownDefect],
        track: Track = lambda items, what, total: items,
    ) -> None:
        """Read every frame of every clip once (in threads) and add what is wrong with them, and with their numbers."""
        with concurrent.futures.ThreadPoolExecutor(max_workers=min(8, num_cores())) as pool:
            pictures = track(pool.map(_inspect, clips), "Checking frames", len(clips))
            for clip, found in zip(clips, pictures, strict=True):
                self._check_numbers(clip, known.get(clip.clip_id))
                for what, remedy in found.defects:
                    self.add_problem(clip.folder, what, remedy, clip.clip_id)
                self.notes.extend(f"{clip.clip_id}: {note}" for note in found.notes)
        self._check_ids(clips)

    def check_numbers(self, clips: Sequence[ClipFolder]) -> None:
        """The same without reading a picture: empty clips, gaps in their numbers, files not to be opened, ids again."""
        for clip in clips:
            self._check_numbers(clip, None)
            for what, remedy in reach.find_defects(clip.pictures)[1]:
                self.add_problem(clip.folder, what, remedy, clip.clip_id)
        self._check_ids(clips)

    def _check_ids(self, clips: Sequence[ClipFolder]) -> None:
        for clip_id, count in collections.Counter(clip.clip_id for clip in clips).items():
            if count > 1:
                folders = [clip.folder for clip in clips if clip.clip_id == clip_id]
                where = ", ".join(self.relative(folder) for folder in folders[1:])
                self.add_problem(folders[0], f"clip {clip_id} again in {where}", "keep one of them", clip_id)

    def finish(self, clips: Sequence[ClipFolder], *, allow_missing: bool) -> list[ClipFolder]:
        """Log the notes and give the clips that can be used.

        Raises:
            ValueError: there are problems and `allow_missing` is false, or no clip can be used.
        """
        for note in self.notes:
            _log.warning("%s: %s", self.title, note)
        if self.problems and not allow_missing:
            raise ValueError(
                f"{self._report()}\nRepair these, or leave the clips concerned out: --allow_missing, "
                "or AKM_ALLOW_MISSING=1 before `tfds build`"
            )
        kept = [clip for clip in clips if clip.clip_id not in self.left_out]
        if not kept:
            raise ValueError(f"{self._report()}\nNo clip can be used")
        if self.problems:
            _log.warning("%s\nLeft out: %s", self._report(), ", ".join(sorted(self.left_out)) or "no clip")
        return kept

    def record(self, fingerprint: str, kept: Sequence[ClipFolder]) -> dict[str, Any]:
        """What to keep beside a prepared set: what it was made from, which clips it holds, and what was wrong."""
        clips = [
            {"clip_id": c.clip_id, "subject": c.subject, "label": c.label, "num_frames": len(c.frames)} for c in kept
        ]
        return {
            "fingerprint": fingerprint,
            "clips": clips,
            "left_out": sorted(self.left_out),
            "problems": self.problems,
            "notes": self.notes,
        }

    def _report(self) -> str:
        count = f"{len(self.problems)} problem" + "s" * (len(self.problems) != 1)
        return "\n  ".join([f"{self.title}: {count} in {self.root}", *self.problems])

    def _check_numbers(self, clip: ClipFolder, known: KnownDefect | None) -> None:
        """Empty clips and gaps in the frame numbers; a known defect is a note."""
        if clip.clip_id in self.left_out and not clip.frames:
            return
        missing = _missing_numbers(clip) if self.has_known_numbers else []
        if clip.frames and not missing:
            return
        is_empty = not clip.frames and not any(is_picture(path.name) for path in clip.folder.iterdir())
        what = describe_folder(clip.folder) if is_empty else _describe(missing, clip)
        if is_empty and known is not None and known.kind == "empty":
            self._leave_out_known(clip.clip_id, "no frames", known)
        elif known is not None and known.kind == "incomplete":
            self._leave_out_known(clip.clip_id, what, known)
        elif not is_empty and known is not None and known.kind == "gap" and len(missing) <= known.max_missing:
            self.notes.append(f"{clip.clip_id}: {what}, a known defect ({known.evidence})")
        else:
            more = "" if is_empty else "; if the distributed archive lacks them, add the clip to known_defects.csv"
            self.add_problem(clip.folder, what, f"unzip this clip again{more}", clip.clip_id)

    def _leave_out_known(self, clip_id: str, what: str, known: KnownDefect) -> None:
        self.notes.append(f"{clip_id} left out: {what}, a known defect ({known.evidence})")
        self.left_out.add(clip_id)

    def relative(self, path: Path | str) -> str:
        """`path` as it is told: from the root on, where it lies below it."""
        return layout.relative(self.root, Path(path))


def _inspect(clip: ClipFolder) -> Inspection:
    """What is wrong with the frames of a clip: those that can't be opened, and those that hold no whole picture."""
    reached, defects = reach.find_defects(clip.pictures)
    seen = inspect_pictures(reached)
    return Inspection([*defects, *seen.defects], seen.notes)


def _missing_numbers(clip: ClipFolder) -> range | list[int]:
    """Frame numbers that the clip should have and lacks: between onset and offset, or else its first and last frame."""
    if clip.annotation is not None:
        have = {frame.number for frame in clip.frames}
        return [n for n in range(clip.annotation.onset, clip.annotation.offset + 1) if n not in have]
    if not clip.frames:
        return []
    return range(clip.frames[-1].number - clip.frames[0].number + 1 - len(clip.frames))  # their count is what matters


def _describe(missing: Sequence[int], clip: ClipFolder) -> str:
    if clip.annotation is None:
        return f"{len(missing)} missing in the frame numbers: {_gaps(clip.frames)}"
    span = f"{clip.annotation.onset}..{clip.annotation.offset}"
    return f"lacks {len(missing)} of its frames {span}: {enumerate_some(missing)}"


def _gaps(frames: Sequence[Frame]) -> str:
    neighbours = itertools.pairwise(frames)
    return enumerate_some([f"none between {a.number} and {b.number}" for a, b in neighbours if b.number > a.number + 1])
