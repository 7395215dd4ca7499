"""What a user's folder holds: frames, clips, subjects, and everything that is wrong with it.

Shared by the builders of all sets; knows nothing of any one of them and imports neither TensorFlow nor TFDS. A builder
finds the set's root (`find_root`), lists its clips, and hands them to a `DiskCheck`, which reads every frame once,
collects all problems, and raises them together.
"""

import collections
import concurrent.futures
import csv
import dataclasses
import hashlib
import io
import itertools
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".bmp", ".png")
NO_FRAMES = "no frames (jpg, jpeg, bmp or png)"
_SUBJECT = re.compile(r"(?:(?:subject|sub|s)[ _-]?)?0*(\d+)(?:\.0)?", re.IGNORECASE)
_JUNK_FOLDERS = ("__MACOSX", "$RECYCLE.BIN")
_log = logging.getLogger(__name__)

Track = Callable[[Iterable, str, int], Iterable]
"""Wraps an iterable in a progress display: (items, what is going on, number of items) -> the same items."""


class Frame(NamedTuple):
    """One frame file; `number` is the last run of digits in its name, whatever it counts from."""

    number: int
    path: Path


@dataclasses.dataclass(frozen=True)
class ClipFolder:
    """A clip on disk.

    Attributes:
        clip_id: unique within the set.
        subject: as `normalise_subject` gives it.
        label: class name.
        folder: where the frames lie.
        frames: in the order of their numbers; empty if none was found.
    """

    clip_id: str
    subject: str
    label: str
    folder: Path
    frames: tuple[Frame, ...]


@dataclasses.dataclass(frozen=True)
class KnownDefect:
    """A defect that every distributed copy of a set has, and the evidence for it.

    Attributes:
        kind: "empty" (the clip's folder holds no frames) or "gap" (frame numbers are missing).
        max_missing: frames that may be missing in a "gap".
    """

    clip_id: str
    kind: str
    max_missing: int
    evidence: str


def normalise_subject(name: str | float) -> str:
    """Subject number without padding or prefix: `1`, `01`, `sub01`, `s1`, `s01`, `1.0` -> "1"; `006` -> "6".

    Raises:
        ValueError: `name` is not a subject.
    """
    match = _SUBJECT.fullmatch(str(name).strip())
    if match is None:
        raise ValueError(f"not a subject: {name!r}; expected a number, with or without s, sub or subject before it")
    return match[1]


def list_frames(folder: Path) -> tuple[Frame, ...]:
    """Frames of a clip folder in the order of their numbers; other files are left alone.

    Raises:
        ValueError: a picture without a number, or two with the same number.
    """
    paths = [p for p in Path(folder).iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")]
    frames = sorted(Frame(_frame_number(path), path) for path in paths)
    for one, other in itertools.pairwise(frames):
        if one.number == other.number:
            raise ValueError(f"{folder}: {one.path.name} and {other.path.name} have the same frame number")
    return tuple(frames)


def _frame_number(path: Path) -> int:
    digits = re.findall(r"\d+", path.stem)
    if not digits:
        raise ValueError(f"{path}: no frame number in the file name; expected a name such as image000123.bmp")
    return int(digits[-1])


def subfolders(folder: Path) -> list[Path]:
    """Folders in `folder` by name, without what operating systems and archivers leave behind."""
    return sorted(
        p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".") and p.name not in _JUNK_FOLDERS
    )


def unwrap(folder: Path) -> Path:
    """`folder`, or the folder of the same name that is all it holds (`Cropped/Cropped`, as unzipping often leaves it)."""
    inner = folder / folder.name
    return inner if inner.is_dir() and subfolders(folder) == [inner] else folder


def find_root(folder: Path, *names: str, depth: int = 4) -> Path:
    """Find a set's root, the folder whose path ends in `names`: `folder` itself or one up to `depth` levels below it.

    Case is ignored, and so is a folder repeated in one of the same name (`SMIC_all_cropped/SMIC_all_cropped/HS`).

    Raises:
        FileNotFoundError: `folder` is absent, or no such root lies in it.
        ValueError: there are several.
    """
    folder = Path(os.path.abspath(Path(folder).expanduser()))
    wanted = "/".join(names)
    if not folder.is_dir():
        raise FileNotFoundError(f"data folder {folder} does not exist; expected a folder that holds {wanted}")
    tail = [name.casefold() for name in names]
    found = [path for path in _walk(folder, depth) if _tail(path, len(names)) == tail]
    found = [path for path in found if not any(path in other.parents for other in found)]
    if not found:
        listing = ", ".join(sorted(p.name for p in folder.iterdir())[:8]) or "nothing"
        raise FileNotFoundError(
            f"{folder} does not hold {wanted}; it holds {listing}. Unzip the set there, or pass the folder above {wanted}"
        )
    if len(found) > 1:
        raise ValueError(f"{folder} holds {wanted} more than once: {', '.join(map(str, found))}; pass one of them")
    return found[0]


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    yield folder
    if depth > 0:
        for inner in subfolders(folder):
            yield from _walk(inner, depth - 1)


def _tail(path: Path, count: int) -> list[str]:
    """The last `count` folder names, in lower case, neighbours of the same name counted once."""
    names = [part.casefold() for part in path.parts]
    return [name for name, before in zip(names, [None, *names], strict=False) if name != before][-count:]


def fingerprint(root: Path, clips: Sequence[ClipFolder]) -> str:
    """Digest of names, sizes and modification times of all frames: differs as soon as a clip on disk has changed."""
    digest = hashlib.sha256()
    for clip in sorted(clips, key=lambda c: str(c.folder)):
        digest.update(f"{clip.clip_id}\n{clip.subject}\n{clip.label}\n".encode())
        for frame in clip.frames:
            stat = frame.path.stat()
            digest.update(f"{frame.path.relative_to(root).as_posix()} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def decode_grey(data: bytes) -> np.ndarray:
    """Decode an encoded picture to grey, uint8 (H, W). Whatever Pillow raises for a broken one passes through.

    Raises:
        ValueError: more than 8 bits a pixel.
    """
    with Image.open(io.BytesIO(data)) as image:
        if image.mode.startswith(("I", "F")):
            raise ValueError(f"{image.mode} picture: expected 8 bits a channel")
        return np.asarray(image.convert("L"))


def read_known_defects(path: Path, config: str) -> dict[str, KnownDefect]:
    """Known defects by clip id, from a table with columns clip_id, configs (several, blank between), kind, max_missing,
    evidence; only those that concern builder configuration `config`."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if config in row["configs"].split()]
    return {
        row["clip_id"]: KnownDefect(row["clip_id"], row["kind"], int(row["max_missing"]), row["evidence"])
        for row in rows
    }


class DiskCheck:
    """Everything that is wrong with a folder, in one report.

    Problems that belong to a clip spoil it; `finish` raises all of them, or leaves the spoilt clips out. Notes are what
    does not hinder: known defects, counts that differ from the published ones.
    """

    def __init__(self, title: str, root: Path):
        self.title, self.root = title, root
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.left_out: set[str] = set()

    def add_problem(self, path: Path, what: str, remedy: str, clip_id: str | None = None) -> None:
        """Add one line; `clip_id` names the clip that it spoils, if any."""
        self.problems.append(f"{self._relative(path)}: {what} -> {remedy}")
        if clip_id is not None:
            self.left_out.add(clip_id)

    def check_clips(
        self,
        clips: Sequence[ClipFolder],
        known: dict[str, KnownDefect],
        track: Track = lambda items, what, total: items,
    ) -> None:
        """Read every frame of every clip once (in threads) and add what is wrong with them."""
        with concurrent.futures.ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            pictures = track(pool.map(inspect_pictures, (clip.frames for clip in clips)), "Checking frames", len(clips))
            for clip, found in zip(clips, pictures, strict=True):
                self._check_numbers(clip, known.get(clip.clip_id))
                for what, remedy in found:
                    self.add_problem(clip.folder, what, remedy, clip.clip_id)
        for clip_id, count in collections.Counter(clip.clip_id for clip in clips).items():
            if count > 1:
                folders = [clip.folder for clip in clips if clip.clip_id == clip_id]
                where = ", ".join(self._relative(folder) for folder in folders[1:])
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
        clips = [{"clip_id": c.clip_id, "subject": c.subject, "num_frames": len(c.frames)} for c in kept]
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
        if not clip.frames:
            if known is not None and known.kind == "empty":
                self.notes.append(f"{clip.clip_id} left out: no frames, a known defect ({known.evidence})")
                self.left_out.add(clip.clip_id)
            elif clip.clip_id not in self.left_out:
                self.add_problem(clip.folder, NO_FRAMES, "unzip this clip again", clip.clip_id)
            return
        missing = clip.frames[-1].number - clip.frames[0].number + 1 - len(clip.frames)
        what = f"{missing} missing in the frame numbers: {_gaps(clip.frames)}"
        if known is not None and known.kind == "gap" and 0 < missing <= known.max_missing:
            self.notes.append(f"{clip.clip_id}: {what}, a known defect ({known.evidence})")
        elif missing:
            remedy = "unzip this clip again; if the distributed archive lacks them, add the clip to known_defects.csv"
            self.add_problem(clip.folder, what, remedy, clip.clip_id)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


def _gaps(frames: Sequence[Frame]) -> str:
    neighbours = itertools.pairwise(frames)
    return _enumerate([f"none between {a.number} and {b.number}" for a, b in neighbours if b.number > a.number + 1])


def _enumerate(items: Sequence, limit: int = 3) -> str:
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(str(item) for item in items[:limit]) + more


def inspect_pictures(frames: Sequence[Frame]) -> list[tuple[str, str]]:
    """Decode a clip's pictures and give (what is wrong, remedy), one pair for each kind of defect."""
    defects: dict[str, list[str]] = {}
    sizes: dict[tuple[int, int], list[str]] = {}
    for frame in frames:
        try:
            data = frame.path.read_bytes()
            shape = decode_grey(data).shape if data else None
        except Exception as error:  # noqa: BLE001 - broken files make Pillow raise many types; all are reported
            defects.setdefault(_reason(error), []).append(frame.path.name)
            continue
        if shape is None:
            defects.setdefault("file of zero bytes", []).append(frame.path.name)
        else:
            sizes.setdefault(shape, []).append(frame.path.name)
    found = [(f"{_enumerate(names)}: {what}", "copy from the archive again") for what, names in defects.items()]
    if len(sizes) > 1:
        shapes = ", ".join(f"{w} x {h} ({_enumerate(names, 1)})" for (h, w), names in sizes.items())
        found.append((f"frames of different sizes: {shapes}", "crop all frames of a clip alike"))
    return found


def _reason(error: Exception) -> str:
    """What Pillow's error says, without byte counts and addresses, so that equal defects are counted together."""
    if "truncated" in str(error).lower():
        return "truncated"
    return "unreadable: " + re.sub(r" <_io\.BytesIO object at 0x[0-9a-f]+>", "", str(error) or type(error).__name__)
