"""Weights that every fold starts from: of a pretraining, or of a PyTorch file. What fits by name and shape is copied.

The trunk must fit as a whole, else they are another network's; only its first convolution may differ, as in networks
for colour pictures (torchvision's ResNet-18 has 7 x 7 x 3 where AKMNet has 5 x 5 x 1).
"""

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from flax import nnx

from akm_jax.config import ModelConfig
from akm_jax.files import PRETRAINED, read_json
from akm_jax.interop.torch import copy_matching, load_state_dict, to_state_dict
from akm_jax.models.akmnet import AKMNet
from akm_jax.train import checkpoint
from akm_jax.train.state import empty_state, graph_definition, merge

STEM = "conv1.weight"
_TRUNK = ("conv1.", "bn1.", "layer")


class Started(NamedTuple):
    """A network with weights of another place, and the names (PyTorch's) of what was copied, and of what was left."""

    network: AKMNet
    copied: list[str]
    left: list[str]


def start_from(place: Path, network: AKMNet) -> Started:
    """Copy what fits.

    Args:
        place: a run directory with a pretraining, or a PyTorch state dict (.pt, .pth).
        network: with fresh weights.

    Raises:
        FileNotFoundError: there is nothing.
        ImportError: a state dict is given, and PyTorch is not installed.
        ValueError: there are no weights, or they are another network's.
    """
    source = _of_pretraining(place) if place.is_dir() else load_state_dict(place)
    return copy_weights(source, network, place)


def copy_weights(source: Mapping[str, np.ndarray], network: AKMNet, place: Path) -> Started:
    """As `start_from`, from a state dict; `place` is for messages.

    Raises:
        ValueError: a part of the trunk does not fit.
    """
    wanted = to_state_dict(nnx.state(network))
    entries = {name: value for name, value in source.items() if not name.endswith("num_batches_tracked")}
    wrong = [
        _difference(name, entries, wanted)
        for name in sorted({*entries, *wanted})
        if name.startswith(_TRUNK) and name != STEM and _shape(entries, name) != _shape(wanted, name)
    ]
    if wrong:
        more = f"\n  and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ValueError(
            f"--init={place}: weights of another network than this one's trunk, which is a ResNet-18 of --model.widths:"
            + "".join(f"\n  {text}" for text in wrong[:5])
            + more
        )
    filled, left = copy_matching(entries, network)
    return Started(filled, [name for name in entries if name not in left], left)


def checksum(started: Started) -> str:
    """CRC-32 of what was copied, names and values."""
    weights, found = to_state_dict(nnx.state(started.network)), 0
    for name in sorted(started.copied):
        found = zlib.crc32(np.ascontiguousarray(weights[name]).tobytes(), zlib.crc32(name.encode(), found))
    return f"{found:08x}"


def _shape(entries: Mapping[str, np.ndarray], name: str) -> tuple[int, ...] | None:
    return np.shape(entries[name]) if name in entries else None


def _difference(name: str, entries: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> str:
    if name not in entries:
        return f"{name} is missing"
    if name not in wanted:
        return f"{name} {np.shape(entries[name])} has no place here"
    return f"{name} is {np.shape(entries[name])}, expected {np.shape(wanted[name])}"


def _of_pretraining(run_dir: Path) -> dict[str, np.ndarray]:
    """Weights of a run's pretraining in PyTorch's names."""
    if not (run_dir / "run.json").is_file():
        raise ValueError(
            f"--init={run_dir}: run.json is missing; expected a run directory of experiments.pretrain, or a PyTorch "
            "state dict (.pt, .pth)"
        )
    run = read_json(run_dir / "run.json")
    found, problems = checkpoint.newest(run_dir / PRETRAINED)
    if found is None:
        raise ValueError(
            "\n".join([f"--init={run_dir}: there are no weights of a finished pretraining", *problems])
            + "\nfinish it (python -m experiments.pretrain, same command); networks of folds are no start, for each "
            "has seen all subjects but one"
        )
    model, num_classes = ModelConfig.from_json(run["config"]["model"]), len(run["data"]["class_names"])
    state = found.restore(empty_state(model, num_classes))
    return to_state_dict(nnx.state(merge(graph_definition(model, num_classes), state)))
