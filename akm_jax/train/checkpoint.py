"""Checkpoints of a training (Orbax), each complete and verified or not used at all.

A checkpoint is a folder `epoch_0007` with the arrays (`state/`), what is known so far (`notes.json`) and a checksum of
every file (`manifest.json`). It is written beside its place and renamed; the one before it is kept until the next.
"""

import dataclasses
import hashlib
import shutil
import threading
from pathlib import Path
from typing import Any

import jax
import numpy as np

from akm_jax.files import read_json, write_json
from akm_jax.machine import require_room
from akm_jax.observe import ALL_SUBJECTS, INNER

KEPT = 2
TRAIN_ANEW = "nothing by which other clips could be read; run its command again with another --run_dir"
# Orbax counts its operations in one place a process, so one thread uses it at a time.
_one_at_a_time = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint: the arrays of a training after an epoch, and notes of whoever trains.

    Attributes:
        place: its folder, `epoch_NNNN`.
        epoch: epochs done.
        notes: JSON types.
    """

    place: Path
    epoch: int
    notes: dict[str, Any]

    def shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Shape and type of every array by its name; `restore(shapes())` gives all, whatever they are."""
        import orbax.checkpoint as ocp  # as in `save`

        with _one_at_a_time, ocp.StandardCheckpointer() as checkpointer:
            saved = checkpointer.metadata(self.place / "state").item_metadata
        return {name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for name, leaf in saved.tree.items()}

    def restore(self, like: Any) -> Any:
        """The arrays, in the structure and on the devices of `like`.

        Raises:
            ValueError: they are another network's.
        """
        return _restore(self.place, like)


def _arrays(state: Any) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def save(folder: Path, epoch: int, state: Any, notes: dict[str, Any]) -> Path:
    """Write `folder/epoch_NNNN`, then remove all but the last two.

    Args:
        folder: checkpoints of one training.
        epoch: epochs done.
        state: arrays of JAX or NumPy in any tree.
        notes: JSON types.

    Raises:
        OSError: the disk is full or may not be written.
    """
    import orbax.checkpoint as ocp  # takes a second, and most commands save nothing

    folder = folder.absolute()
    place = folder / f"epoch_{epoch:04d}"
    partial = folder / f".{place.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    arrays = _arrays(state)
    num_bytes = sum(array.nbytes for array in arrays.values())
    # Orbax's own threads end badly on a full disk.
    require_room(partial, 2 * num_bytes, f"a checkpoint of {num_bytes / 2**20:.1f} MiB")
    with _one_at_a_time, ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(partial / "state", arrays)
    write_json(partial / "notes.json", {"epoch": epoch, **notes})
    write_json(partial / "manifest.json", _checksums(partial))
    shutil.rmtree(place, ignore_errors=True)
    partial.rename(place)
    for old in checkpoints(folder)[:-KEPT]:
        shutil.rmtree(old)
    return place


def checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints of a folder, oldest first."""
    return sorted(folder.glob("epoch_[0-9]*"))


def read(place: Path) -> Checkpoint:
    """Verify one checkpoint, a folder `epoch_NNNN`, and read its notes.

    Raises:
        ValueError: a file is missing or its checksum differs.
    """
    place = place.absolute()  # Orbax reads nothing of a relative path
    manifest = read_json(place / "manifest.json") if (place / "manifest.json").is_file() else None
    actual = _checksums(place)
    if manifest != actual:
        differing = sorted({*(manifest or {}), *actual} - {k for k in actual if (manifest or {}).get(k) == actual[k]})
        raise ValueError(f"{place}: damaged checkpoint, files missing or changed: {', '.join(differing[:3])}")
    notes = read_json(place / "notes.json")
    return Checkpoint(place, notes.pop("epoch"), notes)


def _restore(place: Path, like: Any) -> Any:
    import orbax.checkpoint as ocp  # as in `save`

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
    return jax.tree.unflatten(jax.tree.structure(like), [_placed(arrays[k], target[k]) for k in target])


def _placed(array: np.ndarray, like: Any) -> Any:
    """Where `like` is, and bound to that device only if `like` is: else JAX would compile every program once more."""
    if not isinstance(like, jax.Array):
        return np.asarray(array)
    return jax.device_put(array, like.sharding if like.committed else None)


def good(folder: Path) -> tuple[list[Checkpoint], list[str]]:
    """The good checkpoints of a folder, newest first; and what is wrong with the others."""
    found, problems = [], []
    for place in reversed(checkpoints(folder)):
        try:
            found.append(read(place))
        except ValueError as e:
            problems.append(str(e))
    return found, problems


def newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest good checkpoint of a folder, or None; and what was wrong with others."""
    found, problems = good(folder)
    return (found[0] if found else None), problems


def of_fold(fold: Path) -> Checkpoint:
    """The last of a finished fold: of the training on all other subjects, or of the inner one where there is no other.

    Raises:
        ValueError: it is damaged (the one before it is of another epoch than the fold's results), or the fold kept
            none, as folds of descriptors in older versions.
    """
    for training in (ALL_SUBJECTS, INNER):
        last = checkpoints(fold / "checkpoints" / training)[-1:]
        if not last:
            continue
        anew = f"delete the folder {fold} and give its run's command again, which trains that fold anew"
        try:
            found = read(last[0])
        except ValueError as e:
            raise ValueError(f"{fold}: no good checkpoint\n{e}\n{anew}") from e
        result = read_json(fold / "result.json") if (fold / "result.json").is_file() else {}
        history = result.get("histories", {}).get(training, [])
        if history and history[-1]["epoch"] != found.epoch:
            raise ValueError(
                f"{fold}: its last checkpoint is of epoch {found.epoch}, its results of epoch {history[-1]['epoch']}; "
                f"{anew}"
            )
        return found
    raise ValueError(f"{fold}: the fold kept {TRAIN_ANEW}")


def _checksums(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json")
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
