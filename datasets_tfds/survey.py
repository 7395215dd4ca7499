"""`Survey`: what a user's folder holds of one set, whichever it is; shared by builders and `experiments.check_data`."""

import collections
import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from akm_jax.observe import Track
from datasets_tfds import layout
from datasets_tfds.disk_check import DiskCheck, KnownDefect
from datasets_tfds.layout import ClipFolder
from datasets_tfds.published import Published, count_differences
from datasets_tfds.tables import Table


@dataclasses.dataclass(frozen=True)
class Survey:
    """Clips found by names and table alone, and a check that holds what is wrong with these.

    Attributes:
        clips: by subject and clip id; also the spoilt ones.
        check: problems so far; `read_frames` adds those of the pictures.
        published: what the set's paper counts; None for data that nothing is published of.
        known: defects that every distributed copy has, by clip id.
        fps: frames per second of clips that have no rate of their own.
        table: the annotation table, in sets that have one.
        sources: other files that say what the clips are; a changed one makes another set.
    """

    clips: tuple[ClipFolder, ...]
    check: DiskCheck
    published: Published | None
    known: Mapping[str, KnownDefect]
    fps: float
    table: Table | None = None
    sources: tuple[Path, ...] = ()

    def read_frames(self, track: Track = lambda items, what, total: items) -> None:
        """Read all frames once, and compare what is whole with the published numbers."""
        self.check.check_clips(self.clips, self.known, track)
        if self.published is not None:
            self.check.notes.extend(count_differences(self.published, self.usable))

    def without_published(self) -> Self:
        """The same with nothing to compare it with."""
        return dataclasses.replace(self, published=None)

    def fps_of(self, clip: ClipFolder) -> float:
        """Frames per second of a clip."""
        return self.fps if clip.fps is None else clip.fps

    @property
    def usable(self) -> Sequence[ClipFolder]:
        """Clips that nothing is wrong with, as far as it is known by now."""
        return [clip for clip in self.clips if clip.clip_id not in self.check.left_out]

    def fingerprint(self) -> str:
        """Digest of all frame files (names, sizes, times) and annotations."""
        return layout.fingerprint(self.check.root, self.clips, self.sources)

    def note_uncommon(self) -> None:
        """Add to `check.handled` what is uncommon about the folder and taken care of."""
        root, handled = self.check.root, self.check.handled
        if root.name.casefold() == root.parent.name.casefold() or _is_nested(root.parent):
            handled.append(f"{root}: lies in a folder repeated in itself, as unzipping leaves it")
        pictures = [frame.path.stem for clip in self.clips for frame in clip.pictures]
        widths = sorted({len(re.findall(r"\d+", name)[-1]) for name in pictures})
        if len(widths) > 1:
            handled.append(f"frame numbers of {widths[0]} to {widths[-1]} digits: sorted as numbers")
        used = {*self.sources, *(clip.folder for clip in self.clips)}
        for path in [*layout.files_left_beside(root), *layout.other_entries(root)]:
            if path not in used:
                handled.append(f"{self.check.relative(path)}: not a frame, left alone")

    def describe(self) -> dict[str, Any]:
        """What was found, as plain values: the figures of the usable clips beside the published ones."""
        clips, published = self.usable, self.published or Published(0, 0)
        lengths = [len(clip.frames) for clip in clips] or [0]
        labels = collections.Counter(clip.label for clip in clips)
        names = [*published.clips_per_class, *sorted(labels.keys() - published.clips_per_class.keys())]
        return {
            "unit": "clips",
            "tree": str(self.check.root),
            "table": self.table and str(self.table.path),
            "sheet": self.table and self.table.sheet,
            "version": self.table and self.table.version.name,
            "rows": self.table and {"found": len(self.table.rows), "published": self.table.version.num_rows},
            "clips": {"found": len(clips), "published": published.num_clips or None},
            "subjects": {"found": len({clip.subject for clip in clips}), "published": published.num_subjects or None},
            "frames": sum(lengths),
            "frames_per_clip": {
                "min": min(lengths),
                "mean": round(float(np.mean(lengths)), 1),
                "median": float(np.median(lengths)),
                "max": max(lengths),
            },
            "apexes": sum(clip.annotation is not None and clip.annotation.apex >= 0 for clip in clips),
            "classes": {
                name: {"found": labels[name], "published": published.clips_per_class.get(name)} for name in names
            },
        }


def _is_nested(folder: Path) -> bool:
    return folder.name.casefold() == folder.parent.name.casefold()
