"""What a user's folder holds: frames, clips, subjects.

Shared by the builders of all sets; knows nothing of any one of them and imports neither TensorFlow nor TFDS. A builder
finds the set's root (`find_root`), lists its clips, and hands them to a `disk_check.DiskCheck`.
"""

import dataclasses
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from akm_jax.data.pictures import READING, Frame, is_picture

_SUBJECT = re.compile(r"(?:(?:subject|sub|s)[ _-]?)?0*(\d+)(?:\.0)?", re.IGNORECASE)
_JUNK_FOLDERS = ("__MACOSX", "$RECYCLE.BIN")


@dataclasses.dataclass(frozen=True)
class Annotation:
    """What a set's table says about a clip. Frame numbers are those in the file names.

    Attributes:
        onset, offset: first and last frame of the expression.
        apex: frame of the strongest expression; -1 where the table gives none that can be right.
        action_units: as written, e.g. "R4+R10".
    """

    onset: int
    apex: int
    offset: int
    action_units: str


@dataclasses.dataclass(frozen=True)
class ClipFolder:
    """A clip on disk.

    Attributes:
        clip_id: unique within the set.
        subject: as `normalise_subject` gives it.
        label: class name; the emotion in sets with a table.
        folder: where the frames lie; the file itself if the clip is a video.
        frames: in the order of their numbers, those of onset..offset in sets with a table; empty if none was found. A
            video's are numbered from 0, and all have its path.
        annotation: the table's row, in sets that have one.
        fps: frames per second, in sets whose clips differ; None: the set's.
        is_video: whether the clip is a video file.
    """

    clip_id: str
    subject: str
    label: str
    folder: Path
    frames: tuple[Frame, ...]
    annotation: Annotation | None = None
    fps: float | None = None
    is_video: bool = False

    @property
    def pictures(self) -> tuple[Frame, ...]:
        """Frames that are files of their own."""
        return () if self.is_video else self.frames

    @property
    def files(self) -> tuple[Path, ...]:
        """What the clip is read from."""
        return (self.folder,) if self.is_video else tuple(frame.path for frame in self.frames)


def normalise_subject(name: str | float) -> str:
    """Subject number without padding or prefix: `1`, `01`, `sub01`, `s1`, `s01`, `1.0` -> "1"; `006` -> "6".

    Raises:
        ValueError: `name` is not a subject.
    """
    match = _SUBJECT.fullmatch(str(name).strip())
    if match is None:
        raise ValueError(f"not a subject: {name!r}; expected a number, with or without s, sub or subject before it")
    return match[1]


def subfolders(folder: Path) -> list[Path]:
    """Folders in `folder` by name, without what operating systems and archivers leave behind."""
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if e.is_dir() and not e.name.startswith(".") and e.name not in _JUNK_FOLDERS]
    return [folder / name for name in sorted(names)]


def unwrap(folder: Path) -> Path:
    """`folder`, or the folder of the same name that is all it holds (`Cropped/Cropped`, as unzipping leaves it)."""
    inner = folder / folder.name
    return inner if inner.is_dir() and subfolders(folder) == [inner] else folder


def other_files(folder: Path) -> list[Path]:
    """Files at any depth of `folder` that are no frames: what operating systems and viewers leave behind."""
    walked = ((where, name) for where, _, names in os.walk(folder) for name in names)
    return sorted(Path(where, name) for where, name in walked if not is_picture(name))


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
            f"{folder} does not hold {wanted}; it holds {listing}. "
            f"Unzip the set there, or pass the folder above {wanted}"
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


def fingerprint(root: Path, clips: Sequence[ClipFolder], sources: Sequence[Path] = ()) -> str:
    """Digest of names, sizes and modification times of all frames: differs as soon as a clip on disk has changed.

    It differs too from what a version made that read the same files otherwise (`akm_jax.data.pictures.READING`).

    Args:
        root: names are taken from here on.
        clips: whose files count.
        sources: files whose bytes count besides.
    """
    digest = hashlib.sha256(f"read as {READING}\n".encode())
    for path in sources:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    for clip in sorted(clips, key=lambda c: str(c.folder)):
        digest.update(f"{clip.clip_id}\n{clip.subject}\n{clip.label}\n".encode())
        if clip.annotation is not None and not clip.is_video:  # a video's last frame is not known without decoding
            digest.update(f"{clip.annotation}\n".encode())
        for path in clip.files:
            stat = path.stat()
            digest.update(f"{relative(root, path)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def relative(root: Path, path: Path) -> str:
    """`path` from `root` on, with slashes; all of it where it lies elsewhere."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
