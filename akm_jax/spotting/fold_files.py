"""A fold on disk: weights and losses in one `.npz`, whole or absent."""

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from flax import nnx

IDENTITY, LOSSES = "identity", "losses"


def write_fold(path: Path, weights: nnx.State, losses: Sequence[float], identity: str) -> None:
    """Write the state after some epochs, over an earlier one."""
    arrays = {"/".join(map(str, place)): np.asarray(leaf[...]) for place, leaf in nnx.to_flat_state(weights)}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        np.savez(file, **arrays, **{LOSSES: np.array(losses), IDENTITY: np.array(identity)})  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_fold(path: Path, like: nnx.State, identity: str) -> tuple[nnx.State, list[float]]:
    """Weights in the form of `like`, and the losses of the epochs done.

    Raises:
        ValueError: the file cannot be read, or another training wrote it.
    """
    try:
        with np.load(path) as file:
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as e:
        raise ValueError(f"{path}: cannot be read ({e}); delete it to have the fold trained anew") from e
    if str(found.get(IDENTITY)) != identity:
        raise ValueError(
            f"{path}: written by a training with other settings or features ({found.get(IDENTITY)}, now {identity}); "
            "choose another folder, or delete the file"
        )
    flat = [(p, leaf.replace(jnp.asarray(found["/".join(map(str, p))]))) for p, leaf in nnx.to_flat_state(like)]
    return nnx.from_flat_state(flat), found[LOSSES].tolist()
