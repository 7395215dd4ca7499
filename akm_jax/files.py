"""Result files that are either whole or absent: written beside their place, then renamed; where a fold's lie."""

import json
import os
from pathlib import Path
from typing import Any

PRETRAINED = "pretrained"
"""Folder of a run directory with the weights that all folds start from."""


def fold_folder(run_dir: Path, seed: int, subject: str) -> Path:
    """Directory of one fold of a run."""
    return run_dir / "folds" / f"seed{seed}" / f"s{subject}"


def write_text(path: Path, text: str) -> None:
    """Write a file beside its place, flush it to disk, rename it over the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
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
