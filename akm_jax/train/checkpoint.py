"""Checkpoints of a training (Orbax), each complete and verified or not used at all.

A checkpoint is a folder `epoch_0007` with the arrays (`state/`), what is known so far (`notes.json`) and a checksum of
every file (`manifest.json`). It is written beside its place and renamed; the one before it is kept until the next.
"""

import dataclasses
import hashlib
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from akm_jax.files import read_json, write_json
from akm_jax.train.state import TrainState

KEPT = 2
# Orbax counts its operations in one place a process, so one thread uses it at a time.
_one_at_a_time = threading.Lock()


@dataclasses.dataclass
class Training:
    """One training between two epochs: all that a resumed run needs to go on exactly.

    Attributes:
        state: parameters, statistics, momentum.
        epoch: epochs done.
        history: one entry an epoch: learning rate, loss, frames, seconds, accuracy on the watched clips.
        best: what the best epoch so far predicted for the left-out subject, as `result.json` describes a rule.
        best_rank: what made it best; larger is better.
    """

    state: TrainState
    epoch: int = 0
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    best: dict[str, Any] | None = None
    best_rank: list[float] = dataclasses.field(default_factory=list)


def _arrays(state: TrainState) -> dict[str, jax.Array]:
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def save(folder: Path, training: Training) -> Path:
    """Write `folder/epoch_NNNN`, then remove all but the last two.

    Raises:
        OSError: the disk is full or may not be written.
    """
    folder = folder.absolute()
    place = folder / f"epoch_{training.epoch:04d}"
    partial = folder / f".{place.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    arrays = _arrays(training.state)
    _require_room(partial, sum(array.nbytes for array in arrays.values()))
    with _one_at_a_time, ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(partial / "state", arrays)
    notes = {f.name: getattr(training, f.name) for f in dataclasses.fields(training) if f.name != "state"}
    write_json(partial / "notes.json", notes)
    write_json(partial / "manifest.json", _checksums(partial))
    shutil.rmtree(place, ignore_errors=True)
    partial.rename(place)
    for old in checkpoints(folder)[:-KEPT]:
        shutil.rmtree(old)
    return place


def _require_room(folder: Path, num_bytes: int) -> None:
    """Reserve and release the room a checkpoint takes: Orbax's own threads end badly on a full disk."""
    probe = folder / "room"
    try:
        with probe.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 2 * num_bytes)
    except OSError as e:
        raise OSError(e.errno, f"no room for a checkpoint of {num_bytes / 2**20:.1f} MiB", str(folder)) from e
    finally:
        probe.unlink(missing_ok=True)


def checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints of a folder, oldest first."""
    return sorted(folder.glob("epoch_[0-9]*"))


def load(place: Path, like: TrainState) -> Training:
    """Read one checkpoint.

    Args:
        place: a folder `epoch_NNNN`.
        like: a state of the same network; gives structure, shapes, dtypes and devices.

    Raises:
        ValueError: a file is missing or its checksum differs, or the arrays are another network's.
    """
    place = place.absolute()  # Orbax reads nothing of a relative path
    manifest = read_json(place / "manifest.json") if (place / "manifest.json").is_file() else None
    actual = _checksums(place)
    if manifest != actual:
        differing = sorted({*(manifest or {}), *actual} - {k for k in actual if (manifest or {}).get(k) == actual[k]})
        raise ValueError(f"{place}: damaged checkpoint, files missing or changed: {', '.join(differing[:3])}")
    target = _arrays(like)
    with _one_at_a_time, ocp.StandardCheckpointer() as checkpointer:
        saved = checkpointer.metadata(place / "state").item_metadata
        shapes = {name: tuple(leaf.shape) for name, leaf in saved.tree.items()}
        wanted = {name: tuple(leaf.shape) for name, leaf in target.items()}
        if shapes != wanted:
            differing = sorted(k for k in {*shapes, *wanted} if shapes.get(k) != wanted.get(k))
            raise ValueError(
                f"{place}: checkpoint of another network; differing arrays: {', '.join(differing[:3])} "
                f"({len(differing)} in all)"
            )
        on_host = {name: np.empty(leaf.shape, leaf.dtype) for name, leaf in target.items()}
        arrays = checkpointer.restore(place / "state", on_host)
    state = jax.tree.unflatten(jax.tree.structure(like), [_placed(arrays[k], target[k]) for k in target])
    return Training(state, **read_json(place / "notes.json"))


def _placed(array: np.ndarray, like: jax.Array) -> jax.Array:
    """Where `like` is, and bound to that device only if `like` is: else JAX would compile every program once more."""
    return jax.device_put(array, like.sharding if like.committed else None)


def load_latest(folder: Path, like: TrainState) -> tuple[Training | None, list[str]]:
    """The newest good checkpoint of a folder, or None; and what was wrong with newer ones."""
    problems: list[str] = []
    for place in reversed(checkpoints(folder)):
        try:
            return load(place, like), problems
        except ValueError as e:
            problems.append(str(e))
    return None, problems


def _checksums(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json")
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
