"""A user's own still pictures for pretraining: one folder a class, any format that Pillow reads, grey on reading.

FOLDER/positive/0001.jpg
FOLDER/negative/a.png
"""

import dataclasses
import logging
import shutil
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from akm_jax.data.clip_set import ClipSet
from akm_jax.data.pictures import check_picture, decode_grey, enumerate_some, reason_of
from akm_jax.observe import Track
from datasets_tfds.classes import MEGC3, PAPER4
from datasets_tfds.layout import is_left_behind, subfolders

LAYOUT = "expected one folder a class with pictures in it, such as FOLDER/positive/0001.jpg"
_MOST_SHOWN = 10
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class FilePictures:
    """Picture files as clips of one frame."""

    paths: tuple[Path, ...]

    @property
    def checksum(self) -> int:
        """CRC-32 of all files."""
        checksum = 0
        for path in self.paths:
            checksum = zlib.crc32(path.read_bytes(), checksum)
        return checksum

    def read(self, clip: int) -> np.ndarray:
        """One picture, grey uint8 (1, H, W).

        Raises:
            ValueError: it cannot be read.
        """
        path = self.paths[clip]
        try:
            return decode_grey(path.read_bytes())[None]
        except Exception as error:
            raise ValueError(f"{path}: {reason_of(error)}") from error


def load_stills(folder: Path, *, track: Track = lambda items, what, total: items) -> ClipSet:
    """Pictures of a folder as clips of one frame; every one is checked.

    Classes come in the order of the paper's four or of MEGC 2019 where the folders are named so, else sorted by name.
    Whom a picture shows is not known: the n-th of every class stands as person n, so that people who are held out are
    the same share of each class.

    Args:
        folder: where the classes' folders lie.
        track: progress display.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: not that layout, fewer than two classes or than two pictures of one, or pictures that cannot be
            read; all are named, up to some.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; {LAYOUT}")
    names = _class_names(folder)
    paths = {name: _pictures(folder / name) for name in names}
    if few := [name for name in names if len(paths[name]) < 2]:
        raise ValueError(f"{folder}: fewer than 2 pictures of class {', '.join(few)}; {LAYOUT}")
    every = [path for name in names for path in paths[name]]
    _require_readable(folder, track(every, "Checking pictures", len(every)))
    sizes = [len(paths[name]) for name in names]
    return ClipSet(
        name="stills",
        class_names=names,
        clip_ids=tuple(f"{path.parent.name}/{path.name}" for path in every),
        subjects=tuple(f"{person:06d}" for size in sizes for person in range(size)),
        labels=np.repeat(np.arange(len(names), dtype=np.int32), sizes),
        lengths=np.ones(len(every), np.int32),
        frame_numbers=np.zeros(len(every), np.int32),
        fps=np.zeros(len(every), np.float32),
        apexes=np.zeros(len(every), np.int32),
        pictures=FilePictures(tuple(every)),
    )


def write_stills(stills: ClipSet, folder: Path) -> None:
    """Write clips of one frame as `load_stills` reads them, FOLDER/CLASS/CLIP.png; the folder is there whole or not.

    A folder that holds the same names is left as it is.

    Raises:
        ValueError: the folder holds something else.
    """
    places = [
        f"{stills.class_names[label]}/{name}.png" for label, name in zip(stills.labels, stills.clip_ids, strict=True)
    ]
    if folder.exists():
        found = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*"))
        height, width = stills.read(0)[0].shape
        if found != sorted(places) or _size_of(folder / places[0]) != (width, height):
            raise ValueError(
                f"{folder} is there and holds {len(found)} pictures, which are not the {len(places)} of "
                f"{width} x {height} to be drawn; give another folder, or take those that are there, without --draw"
            )
        return
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for clip, place in enumerate(places):
        (partial / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(stills.read(clip)[0]).save(partial / place)
    partial.rename(folder)


def _size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def _class_names(folder: Path) -> tuple[str, ...]:
    found = [path.name for path in subfolders(folder)]
    if len(found) < 2:
        which = f"one class folder, {found[0]}" if found else "no class folders"
        raise ValueError(f"{folder} holds {which}; a network learns to tell two classes or more apart: {LAYOUT}")
    known = next((scheme for scheme in (PAPER4, MEGC3) if set(found) == set(scheme)), None)
    return known or tuple(found)


def _pictures(folder: Path) -> list[Path]:
    """Pictures of a class by name; what has the suffix of none is logged, for it may be one that was forgotten."""
    entries = sorted(path for path in folder.iterdir() if not is_left_behind(path.name))
    if folders := [path.name for path in entries if path.is_dir()]:
        raise ValueError(f"{folder} holds folders, {enumerate_some(folders)}; {LAYOUT}")
    suffixes = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    pictures = [path for path in entries if path.suffix.lower() in suffixes]
    if others := [path.name for path in entries if path.suffix.lower() not in suffixes]:
        _log.warning("%s: %d files that are no pictures are left out: %s", folder, len(others), enumerate_some(others))
    return pictures


def _require_readable(folder: Path, paths: Iterable[Path]) -> None:
    problems = []
    for path in paths:
        try:
            data = path.read_bytes()
            if not data:
                raise ValueError("file of zero bytes")
            check_picture(data)
        except Exception as error:  # broken files make Pillow raise many types; all are reported
            problems.append(f"{path.relative_to(folder)}: {reason_of(error)}")
    if problems:
        more = f"\n  and {len(problems) - _MOST_SHOWN} more" if len(problems) > _MOST_SHOWN else ""
        lines = "".join(f"\n  {problem}" for problem in problems[:_MOST_SHOWN])
        raise ValueError(f"{folder}: {len(problems)} pictures cannot be read; replace or remove them:{lines}{more}")
