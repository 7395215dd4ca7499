"""What a user's folder holds: frames, clips, subjects.

Shared by the builders of all sets; knows nothing of any one of them and imports neither TensorFlow nor TFDS. A builder
finds the set's root (`find_root`), lists its clips, and hands them to a `disk_check.DiskCheck`. What can't be opened is
told by `datasets_tfds.reach`.
"""

import dataclasses
import hashlib
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from akm_jax.data.pictures import READING, Frame, is_picture
from akm_jax.data.subjects import normalise_subject as normalise_subject
from datasets_tfds import reach

# Eyes or boxes of clips whose face is not to be detected.
FACE_TABLE = "faces.csv"
# What subjects' and long videos' folders are called.
_MEMBER = re.compile(r"(?:(?:subject|sub|s)[ _-]?)?\d+(?:_\d+)?", re.IGNORECASE)
# What file managers, network drives, archivers and file systems leave behind, in lower case.
_LEFT_BEHIND = frozenset(
    (
        *("thumbs", "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini"),
        *("$recycle.bin", "system volume information", "recycler", "lost+found", "lost.dir"),
        *("__macosx", ".ds_store", ".appledouble", ".appledb", ".appledesktop", "network trash folder", "icon\r"),
        *("temporary items", "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@tmp"),
    )
)


@dataclasses.dataclass(frozen=True)
class Places:
    """Where the parts of a set lie, as the user says; None: they are looked for by their names.

    Attributes:
        table: the annotation table.
        frames: the folder that holds the subjects, or the videos.
    """

    table: Path | None = None
    frames: Path | None = None


BY_NAME = Places()


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


def is_left_behind(name: str) -> bool:
    """Whether an entry of this name is of no set: hidden, or left there by a file manager, a network drive and so on.

    One list for all sets. A program that has a workbook open keeps a `~$` file beside it.
    """
    return name.startswith((".", "~$")) or name.casefold() in _LEFT_BEHIND


def subfolders(folder: Path) -> list[Path]:
    """Folders in `folder` by name, without what is left behind (`is_left_behind`).

    Raises:
        OSError: `folder` can't be listed.
    """
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if not is_left_behind(e.name) and os.path.isdir(e.path)]
    return [folder / name for name in sorted(names)]


def seen_subfolders(folder: Path) -> list[Path]:
    """The same; none where it can't be listed, which whoever needs the folder will tell."""
    try:
        return subfolders(folder)
    except OSError:
        return []


def unwrap(folder: Path) -> Path:
    """`folder`, or the folder of the same name that is all it holds (`Cropped/Cropped`, as unzipping leaves it)."""
    inner = folder / folder.name
    return inner if os.path.isdir(inner) and seen_subfolders(folder) == [inner] else folder


def other_entries(folder: Path) -> list[Path]:
    """What is of no set at any depth of `folder`: files that are no frames, and folders that are left behind."""
    found: list[Path] = []
    for where, folders, names in os.walk(folder):
        left = [name for name in folders if is_left_behind(name)]
        folders[:] = [name for name in folders if name not in left]
        found += [Path(where, name) for name in (*left, *names) if not is_picture(name)]
    return sorted(found)


def files_left_beside(root: Path) -> list[Path]:
    """What file managers left beside `root`."""
    try:
        return sorted(path for path in root.parent.iterdir() if path.name.casefold() in _LEFT_BEHIND)
    except OSError:  # one may enter it, but not list it
        return []


def list_files(folder: Path, suffixes: Sequence[str], depth: int) -> Iterator[Path]:
    """Files of some suffixes, in lower case, in `folder` and up to `depth` levels below it, and links to nothing."""
    try:
        yield from (path for path in folder.iterdir() if path.suffix.lower() in suffixes and not os.path.isdir(path))
    except OSError:  # not to be listed: whoever needs a file that may be there says that it was not found
        return
    if depth > 0:
        for inner in seen_subfolders(folder):
            yield from list_files(inner, suffixes, depth - 1)


def find_root(folder: Path, *names: str | Sequence[str], depth: int = 4, option: str = "") -> Path:
    """Find a set's root, the folder whose path ends in `names`: `folder` itself or one up to `depth` levels below it.

    Case, blanks, hyphens and underscores are ignored, and so is a folder repeated in one of the same name
    (`SMIC_all_cropped/SMIC_all_cropped/HS`).

    Args:
        folder: where to look.
        *names: the last folder names of the root's path; each may have several forms, the usual one first. Of several
            roots the one counts that is called as usual and holds subjects.
        depth: how far below `folder` the root may lie.
        option: of the command line, by which a folder of any other name can be given.

    Raises:
        FileNotFoundError: `folder` is absent, or no such root lies in it.
        ValueError: `folder` is a file, or there are several roots.
    """
    forms = [(name,) if isinstance(name, str) else tuple(name) for name in names]
    wanted = "/".join(" or ".join(form) for form in forms)
    folder = reach.require_folder(folder, f"a folder that holds {wanted}")
    tails = {tail: rank for rank, tail in enumerate(itertools.product(*([spell(f) for f in form] for form in forms)))}
    ranks = {path: tails[tail] for path in _walk(folder, depth) if (tail := _tail(path, len(forms))) in tails}
    found = [path for path in ranks if _holds_members(path)] or list(ranks)
    found = [path for path in found if ranks[path] == min(ranks[other] for other in found)]
    found = [path for path in found if not any(path in other.parents for other in found)]
    if not found:
        more = f", or name the folder with the frames: {option}" if option else ""
        raise FileNotFoundError(
            f"{folder} does not hold {wanted}; it holds {reach.describe_contents(folder)}. "
            f"Unzip the set there, or pass the folder above {wanted}{more}"
        )
    if len(found) > 1:
        raise ValueError(f"{folder} holds {wanted} more than once: {', '.join(map(str, found))}; pass one of them")
    return found[0]


def choose_root(folder: Path, given: Path | None, *names: str | Sequence[str]) -> Path:
    """The folder that the user names with --data.frames, or else the one that `find_root` finds.

    Raises:
        FileNotFoundError, ValueError: there is no such folder; or as `find_root`.
    """
    if given is None:
        return find_root(folder, *names, option="--data.frames=FOLDER")
    return unwrap(reach.require_folder(given, "the folder that --data.frames names"))


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    yield folder
    if depth > 0:
        for inner in seen_subfolders(folder):
            yield from _walk(inner, depth - 1)


def _holds_members(folder: Path) -> bool:
    return any(_MEMBER.fullmatch(path.name) for path in seen_subfolders(folder))


def spell(name: str) -> str:
    """A folder's name in one spelling: lower case, one underscore in place of blanks, hyphens and underscores."""
    return re.sub(r"[\s_-]+", "_", name.strip()).casefold()


def _tail(path: Path, count: int) -> tuple[str, ...]:
    """The last `count` folder names in one spelling, neighbours of the same name counted once."""
    names = [spell(part) for part in path.parts]
    return tuple([name for name, before in zip(names, [None, *names], strict=False) if name != before][-count:])


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
            digest.update(f"{relative(root, path)} {_state(path)}\n".encode())
    return digest.hexdigest()


def _state(path: Path) -> str:
    """Size and time of a file; one that can't be reached has neither, and is reported when the frames are read."""
    try:
        stat = path.stat()
    except OSError:
        return "not to be reached"
    return f"{stat.st_size} {stat.st_mtime_ns}"


def relative(root: Path, path: Path) -> str:
    """`path` from `root` on, with slashes; all of it where it lies elsewhere."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
