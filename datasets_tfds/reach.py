"""What can't be opened, or is not what it was taken for, and what to do about it: folders, files, links, archives."""

import errno
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

from akm_jax.data import pictures
from akm_jax.data.pictures import Frame, enumerate_some

Defect = tuple[str, str]  # what is wrong, remedy

_PERMISSION = "no permission to read it", "allow it: chmod -R u+rX FOLDER"
_ARCHIVES = {  # by the first bytes
    b"PK": "a zip file",
    b"Rar!": "a rar file",
    b"7z\xbc\xaf": "a 7z file",
    b"\x1f\x8b": "a gz file",
    b"BZh": "a bz2 file",
    b"\xfd7zXZ": "an xz file",
}
_ARCHIVE_SUFFIXES = (".zip", ".rar", ".7z", ".gz", ".tgz", ".bz2", ".xz", ".tar", ".001")
_TABLES = (".csv", ".tsv", ".txt", ".xls", ".xlsx")
_LISTED = 8  # entries of a folder that are named


def require_folder(path: Path, expected: str) -> Path:
    """The folder that a user names, absolute.

    Args:
        path: as given; `~` is the user's own folder.
        expected: what it should be, for the error.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is a file (an archive, the table, ...), or may not be read.
    """
    folder = Path(os.path.abspath(Path(path).expanduser()))
    if os.path.isdir(folder):
        if not os.access(folder, os.R_OK | os.X_OK):
            raise ValueError(f"data folder {folder}: {_PERMISSION[0]}; {_PERMISSION[1]}")
        return folder
    if os.path.isfile(folder):
        what, remedy = _describe_file(folder)
        raise ValueError(f"{folder} is {what}: {remedy}; expected {expected}")
    what = "is a link to what is not there" if folder.is_symlink() else "does not exist"
    raise FileNotFoundError(f"data folder {folder} {what}; expected {expected}")


def require_file(path: Path, option: str) -> Path:
    """The file that an option names, absolute.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is a folder, or may not be read.
    """
    file = Path(os.path.abspath(Path(path).expanduser()))
    if defect := find_defect(file):
        kind = FileNotFoundError if not os.path.exists(file) else ValueError
        raise kind(f"{option}={file}: {defect[0]}; {defect[1]}")
    return file


def read_bytes(path: Path) -> bytes:
    """What a file holds.

    Raises:
        ValueError: it can't be read, and what to do.
    """
    if defect := find_defect(path):
        raise ValueError(f"{path}: {defect[0]}; {defect[1]}")
    return path.read_bytes()


def _describe_file(path: Path) -> Defect:
    """What a file is, and what to do where a folder was expected."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        return _describe_error(path, error)
    archive = next((name for start, name in _ARCHIVES.items() if head.startswith(start)), None)
    if head[257:262] == b"ustar":
        archive = "a tar file"
    if head.startswith((b"PK", b"\xd0\xcf\x11\xe0")) and (not archive or _is_workbook(path)):
        return "an Excel workbook", "pass the folder that it lies in"
    if archive:
        return archive, "unpack it, and pass the folder that comes out"
    if path.suffix.lower() in _TABLES:
        return "a table", "pass the folder that it lies in"
    return "a file", "pass the folder that it lies in"


def _is_workbook(path: Path) -> bool:
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except zipfile.BadZipFile:
        return False


def describe_contents(folder: Path) -> str:
    """The first entries of a folder; archives first, each with what to do."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        return f"what can't be listed ({error.strerror})"
    archives = [name for name in names if name.lower().endswith(_ARCHIVE_SUFFIXES)]
    others = [name for name in names if name not in archives][: _LISTED - len(archives[:_LISTED])]
    return ", ".join([*(f"{name} (unpack it)" for name in archives[:_LISTED]), *others]) or "nothing"


def find_defect(path: Path, *, folder: bool = False) -> Defect | None:
    """Why a file (or a folder) can't be read, and the remedy; None if it can be."""
    try:
        os.stat(path)
    except OSError as error:
        return _describe_error(path, error)
    if os.path.isdir(path) != folder:
        return ("a file", "put a folder there") if folder else ("a folder", "move it away")
    if not os.access(path, os.R_OK | (os.X_OK if folder else 0)):
        return _PERMISSION
    return None


def _describe_error(path: Path, error: OSError) -> Defect:
    if error.errno == errno.ENOENT and path.is_symlink():
        return "a link to what is not there", "mount the disk that it points to, or copy the files themselves"
    if error.errno == errno.ELOOP:
        return "a link that leads back to itself", "put the file itself there"
    if error.errno in (errno.EACCES, errno.EPERM):
        return _PERMISSION
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "does not exist", "repair the path"
    return f"cannot be read ({error.strerror or error})", "see whether the disk is sound, or copy it again"


def find_defects(frames: Sequence[Frame]) -> tuple[list[Frame], list[Defect]]:
    """The frames whose files can be opened, and what is wrong with the others: one line for each kind."""
    reached, names = [], dict[Defect, list[str]]()
    for frame in frames:
        if defect := find_defect(frame.path):
            names.setdefault(defect, []).append(frame.path.name)
        else:
            reached.append(frame)
    return reached, [(f"{enumerate_some(which)}: {what}", remedy) for (what, remedy), which in names.items()]


def list_frames(folder: Path, pattern: str = "") -> tuple[Frame, ...]:
    """Frames of a clip folder in order, as `akm_jax.data.pictures.list_frames`.

    Raises:
        FrameOrderError: its pictures can't be put in order.
        ValueError: the folder can't be listed; the text ends in ` -> remedy`.
    """
    if defect := find_defect(folder, folder=True):
        raise ValueError(" -> ".join(defect))
    return pictures.list_frames(folder, pattern)


def holds_pictures(folder: Path) -> bool:
    """Whether pictures lie in `folder` itself; False where it can't be listed."""
    try:
        return any(pictures.is_picture(path.name) for path in folder.iterdir())
    except OSError:
        return False
