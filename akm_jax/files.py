"""Result files that are either whole or absent: written beside their place, then renamed; where a fold's lie; locks."""

import contextlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)
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


@contextlib.contextmanager
def one_at_a_time(path: Path, what: str) -> Iterator[None]:
    """Hold a lock; where another process holds it, say so and wait until it is done, however it ends.

    Args:
        path: the lock's file, which stays.
        what: the other process does, for the log, e.g. "prepares smic".

    Raises:
        OSError: the file can't be written.
    """
    from filelock import FileLock, Timeout  # here: it takes a while to load

    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()  # raises what is wrong: waiting would not mend it
    lock = FileLock(path, mode=0o666)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _log.warning("another process %s; waiting until it is done (%s)", what, path)
        lock.acquire()
    except NotImplementedError:  # a file system without locks
        _log.warning("%s: locks are not possible there; start one process at a time", path.parent)
    try:
        yield
    finally:
        lock.release()
