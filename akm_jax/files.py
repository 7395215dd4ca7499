"""Files: results that are whole or absent, where those of a fold lie, tables that users write, locks."""

import contextlib
import errno
import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)
# What file systems without locks answer, such as some of NFS and FUSE.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
PRETRAINED = "pretrained"
"""Folder of a run directory with the weights that all folds start from."""


def fold_folder(run_dir: Path, seed: int, subject: str) -> Path:
    """Directory of one fold of a run."""
    return run_dir / "folds" / f"seed{seed}" / f"s{subject}"


def write_text(path: Path, text: str) -> None:
    """Write a file beside its place, flush it to disk, rename it over the old one.

    Names of files that are not UTF-8 on their disk are written with the bytes as numbers.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def write_json(path: Path, content: Any) -> None:
    """Write JSON as `write_text` does; NaN and infinity are refused, JSON has no such numbers."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ValueError: the file is not JSON; the message names it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as e:
        raise ValueError(f"{path}: not a JSON file ({e}); delete it to have it written anew") from e


def read_table_text(path: Path, columns: Sequence[str]) -> tuple[str, str]:
    """Text of a table in UTF-8, and what separates its fields: comma, or semicolon where its first line has more.

    Args:
        path: the file, with or without a byte order mark.
        columns: what it must have, for the message.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is not UTF-8 text.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected a table with the columns {', '.join(columns)}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise ValueError(f"{path}: not UTF-8 text ({e}); save the table as CSV in UTF-8") from e
    first = text.partition("\n")[0]
    return text, ";" if first.count(";") > first.count(",") else ","


def one_at_a_time(path: Path, what: str) -> contextlib.AbstractContextManager[None]:
    """Hold a lock; where another process holds it, say so and wait until it is done, however it ends.

    Args:
        path: the lock's file, which stays.
        what: the other process does, for the log, e.g. "prepares smic".

    Raises:
        OSError: the file can't be written.
    """
    return _hold(path, lambda: _log.warning("another process %s; waiting until it is done (%s)", what, path))


def only_process(path: Path, refusal: str) -> contextlib.AbstractContextManager[None]:
    """Hold a lock, which ends with the process, however it ends; where another process holds it, refuse.

    Args:
        path: the lock's file, which stays.
        refusal: what the error says.

    Raises:
        ValueError: another process holds it.
        OSError: the file can't be written.
    """

    def refuse() -> None:
        raise ValueError(refusal)

    return _hold(path, refuse)


@contextlib.contextmanager
def _hold(path: Path, busy: Callable[[], None]) -> Iterator[None]:
    """Hold a lock; `busy` is called where another process does, which is waited for if it returns."""
    from filelock import FileLock, Timeout  # here: it takes a while to load

    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()  # raises what is wrong: waiting would not mend it
    # Its fallback, a file that marks who holds it, would outlive a process that is killed.
    lock = FileLock(path, mode=0o666, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        busy()
        lock.acquire()
    except OSError as e:
        if e.errno not in _NO_LOCKS:
            raise
        _log.warning("%s: its disk knows no locks; start only one process at a time on it", path.parent)
    try:
        yield
    finally:
        lock.release()
