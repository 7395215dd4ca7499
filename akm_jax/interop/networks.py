"""Weights of the compared networks by PyTorch's names: state dicts in, and our parameters out in that layout.

A table a network: (pattern of the state-dict entry, path of ours, layout). `load_state_dict` of `interop.torch` reads
the files.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

import jax.numpy as jnp
import numpy as np
from flax import nnx

from akm_jax.interop.torch import CONV, LINEAR, SAME, Layout, flat_state
from akm_jax.models.atnet import ATNet
from akm_jax.models.htnet import HTNet
from akm_jax.models.macro2micro import Macro2Micro
from akm_jax.models.micro_attention import MicroAttention
from akm_jax.models.off_apexnet import OffApexNet
from akm_jax.models.rcn import RcnA
from akm_jax.models.sssnet import SSSNet
from akm_jax.models.strcn import STRCN
from akm_jax.models.ststnet import STSTNet
from akm_jax.ops.batch_norm import BatchCount

Row = tuple[str, str, Layout]
Network = TypeVar("Network", bound=nnx.Module)


def layer(entry: str, path: str, layout: Layout) -> list[Row]:
    """Rows of a convolution or a matrix, with or without bias."""
    return [(rf"{entry}\.weight", f"{path}/kernel", layout), (rf"{entry}\.bias", f"{path}/bias", SAME)]


def norm(entry: str, path: str) -> list[Row]:
    """Rows of a batch norm."""
    names = {"weight": "scale", "bias": "bias", "running_mean": "mean", "running_var": "var"}
    return [(rf"{entry}\.{theirs}", f"{path}/{ours}", SAME) for theirs, ours in names.items()]


STSTNET = [
    *(row for i in range(3) for row in layer(f"conv{i + 1}", f"streams/{i}/conv", CONV)),
    *(row for i in range(3) for row in norm(f"bn{i + 1}", f"streams/{i}/norm")),
    *layer("fc", "head", LINEAR),
]
SSSNET = [
    *(row for i in (1, 2) for row in layer(f"conv{i}", f"conv{i}", CONV) + norm(f"bn{i}", f"norm{i}")),
    *layer("fc1", "hidden", LINEAR),
    *layer("fc", "head", LINEAR),
]
OFF_APEXNET = [
    *(row for i in (1, 2) for row in layer(f"conv{i}u?", f"streams/0/conv{i}", CONV)),
    *(row for i in (1, 2) for row in layer(f"conv{i}v", f"streams/1/conv{i}", CONV)),
    *(row for i in (1, 2) for row in layer(f"fc{i}", f"hidden/{i - 1}", LINEAR)),
    *layer("fc", "head", LINEAR),
]
_RCN_PARTS = {r"conv1\.": "stem", r"rcls\.0\.ffconv\.": "forward", r"rcls\.0\.rrconv\.": "recurrent"}
RCN_A = [
    *(row for theirs, ours in _RCN_PARTS.items() for row in layer(f"{theirs}0", f"{ours}/conv", CONV)),
    *(row for theirs, ours in _RCN_PARTS.items() for row in norm(f"{theirs}1", f"{ours}/norm")),
    *layer("fc", "head", LINEAR),
]


def resnet10(prefix: str, path: str) -> list[Row]:
    """Rows of the trunk, with the gates that Micro-Attention adds."""
    rows = [
        row for name in ("data_bn", "conv1_bn", "last_bn") for row in norm(prefix + name, path + name[:-2] + "norm")
    ]
    rows += layer(f"{prefix}conv1", f"{path}conv1", CONV)
    for i, width in enumerate((64, 128, 256, 512)):
        theirs, ours = rf"{prefix}layer_{width}_1\.", f"{path}blocks/{i}/"
        convs = {"conv1": "conv1", "conv2": "conv2", "conv_expand": "shortcut", "mask": "gate"}
        rows += [row for a, b in convs.items() for row in layer(theirs + a, ours + b, CONV)]
        rows += [row for j in (1, 2) for row in norm(f"{theirs}bn{j}", f"{ours}norm{j}")]
    return rows


MACRO2MICRO = [*resnet10("", "trunk/"), *layer("fc", "head", LINEAR)]
ATNET = [
    *resnet10(r"spatial\.", "spatial/"),
    (r"lstm(\d)\.w_x", r"lstm\1/input_kernel", LINEAR),
    (r"lstm(\d)\.w_h", r"lstm\1/hidden_kernel", LINEAR),
    (r"lstm(\d)\.bias", r"lstm\1/bias", SAME),
    *layer("fc", "head", LINEAR),
]

# 1 x 1 convolutions that are matrices here, and vectors that are written as maps of one pixel there.
POINTWISE = Layout(lambda x: x[:, :, 0, 0].T, lambda x: x.T[:, :, None, None])
VECTOR = Layout(lambda x: x.reshape(-1), lambda x: x[None, :, None, None])


def channel_norm(entry: str, path: str) -> list[Row]:
    """Rows of HTNet's layer norm."""
    return [(rf"{entry}\.g", f"{path}/scale", VECTOR), (rf"{entry}\.b", f"{path}/bias", VECTOR)]


_LAYER, _OURS = r"layers\.(\d)\.0\.layers\.(\d+)\.", r"levels/\1/layers/\2/"
HTNET = [
    *layer(r"to_patch_embedding\.1", "embedding", CONV),
    (r"layers\.(\d)\.0\.pos_emb", r"levels/\1/position", SAME),
    *channel_norm(rf"{_LAYER}0\.norm", f"{_OURS}norm1"),
    *layer(rf"{_LAYER}0\.fn\.to_qkv", f"{_OURS}queries_keys_values", CONV),
    *layer(rf"{_LAYER}0\.fn\.to_out\.0", f"{_OURS}out", CONV),
    *channel_norm(rf"{_LAYER}1\.norm", f"{_OURS}norm2"),
    *layer(rf"{_LAYER}1\.fn\.net\.0", f"{_OURS}wide", CONV),
    *layer(rf"{_LAYER}1\.fn\.net\.3", f"{_OURS}narrow", CONV),
    *layer(r"layers\.(\d)\.1\.0", r"levels/\1/conv", CONV),
    *channel_norm(r"layers\.(\d)\.1\.1", r"levels/\1/norm"),
    *channel_norm(r"mlp_head\.0", "norm"),
    *layer(r"mlp_head\.2", "head", LINEAR),
]
_STRCN_PARTS = {
    "conv1": "stem",
    **{rf"block{i + 1}\.f1": f"blocks/{i}/forward" for i in range(4)},
    **{rf"block{i + 1}\.f{j + 2}": f"blocks/{i}/recurrent/{j}" for i in range(4) for j in range(2)},
}
STRCN_G = [
    *(row for a, b in _STRCN_PARTS.items() for row in layer(rf"{a}\.conv", f"{b}/conv", CONV)),
    *(row for a, b in _STRCN_PARTS.items() for row in norm(rf"{a}\.bn", f"{b}/norm")),
    *layer("out", "head", POINTWISE),
]

TABLES: dict[type[nnx.Module], list[Row]] = {
    ATNet: ATNET,
    HTNet: HTNET,
    Macro2Micro: MACRO2MICRO,
    MicroAttention: MACRO2MICRO,
    OffApexNet: OFF_APEXNET,
    RcnA: RCN_A,
    SSSNet: SSSNET,
    STRCN: STRCN_G,
    STSTNet: STSTNET,
}


def find(table: Sequence[Row], entry: str) -> tuple[str, Layout] | None:
    """Path and layout of a state-dict entry; None if the table has none."""
    for pattern, path, layout in table:
        match = re.fullmatch(pattern, entry)
        if match:
            return match.expand(path), layout
    return None


def arrays_by_path(network: type[nnx.Module], state_dict: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays of a state dict, as they are, by the path of ours that has their name; "" is that of unknown ones."""
    counted = {entry: value for entry, value in state_dict.items() if not entry.endswith("num_batches_tracked")}
    return {(find(TABLES[network], entry) or ("", SAME))[0]: value for entry, value in counted.items()}


def parameter_paths(network: nnx.Module) -> set[str]:
    """Paths of what a state dict of a network holds: weights and running averages."""
    leaves = nnx.to_flat_state(nnx.state(network))
    return {"/".join(map(str, path)) for path, leaf in leaves if not isinstance(leaf, BatchCount)}


def from_state_dict(network: Network, state_dict: Mapping[str, np.ndarray]) -> Network:
    """A network with every weight from a state dict.

    Args:
        network: of the form the weights are of; only its shapes are used, so `nnx.eval_shape` of one will do.
        state_dict: arrays by PyTorch's names.

    Raises:
        ValueError: one error that lists every missing, unknown and mis-shaped entry.
    """
    table, name = TABLES[type(network)], type(network).__name__
    graph, state = nnx.split(network)
    leaves = {"/".join(map(str, path)): (path, leaf) for path, leaf in nnx.to_flat_state(state)}
    values: dict[str, np.ndarray] = {}
    problems = []
    for entry, value in state_dict.items():
        if entry.endswith("num_batches_tracked"):
            continue
        path, layout = find(table, entry) or ("", SAME)
        if path not in leaves:
            problems.append(f"unknown: {entry} {np.shape(value)}")
            continue
        expected = layout.to_torch(np.empty(leaves[path][1].shape, np.bool_)).shape
        if np.shape(value) != expected:
            problems.append(f"wrong shape: {entry} is {np.shape(value)}, expected {expected}")
        values[path] = layout.to_jax(np.asarray(value))
    for path, (_, leaf) in leaves.items():
        if path not in values and not isinstance(leaf, BatchCount):
            problems.append(f"missing: {path}")
    if problems:
        raise ValueError(f"state dict does not fit {name}, {len(problems)} entries:\n  " + "\n  ".join(problems))
    # What took many batches to gather moves slowly on: Caffe's count of batches starts where it settles.
    filled = {
        way: leaf.replace(jnp.asarray(values.get(path, SETTLED), leaf.dtype)) for path, (way, leaf) in leaves.items()
    }
    return nnx.merge(graph, nnx.from_flat_state(filled))


SETTLED = 1000.0
"""Decayed number of batches after very many, 1 / (1 - .999)."""


def to_state_dict(network: type[nnx.Module], state, entries: Sequence[str]) -> dict[str, np.ndarray]:
    """What a network's state, or a part or gradient of it, holds of some entries, in PyTorch's layout."""
    flat, out = flat_state(state), {}
    for entry in entries:
        path, layout = find(TABLES[network], entry) or ("", SAME)
        if path in flat:
            out[entry] = np.ascontiguousarray(layout.to_torch(np.asarray(flat[path])))
    return out
