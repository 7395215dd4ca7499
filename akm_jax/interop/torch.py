"""Weights of the released PyTorch AKMNet: `.pt` state dicts in, and our parameters in PyTorch's names and layout out.

One table says which entry belongs to which parameter. PyTorch itself is imported only to unpickle a file.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from akm_jax.config import ModelConfig
from akm_jax.models.akmnet import AKMNet


@dataclasses.dataclass(frozen=True)
class Layout:
    """How an array is laid out there and here; the two functions invert each other."""

    to_jax: Callable[[np.ndarray], np.ndarray]
    to_torch: Callable[[np.ndarray], np.ndarray]


SAME = Layout(lambda x: x, lambda x: x)
CONV = Layout(lambda x: x.transpose(2, 3, 1, 0), lambda x: x.transpose(3, 2, 0, 1))  # OIHW, HWIO
LINEAR = Layout(lambda x: x.T, lambda x: x.T)  # out x in, in x out

_NORM = {"weight": "scale", "bias": "bias", "running_mean": "mean", "running_var": "var"}
_GRU = {"weight_ih": "input_kernel", "weight_hh": "hidden_kernel", "bias_ih": "input_bias", "bias_hh": "hidden_bias"}


def _block(stage: str, block: str) -> str:
    return f"trunk/blocks/{2 * (int(stage) - 1) + int(block)}"


# (pattern of the state-dict entry, path of ours, layout)
TABLE: tuple[tuple[str, Callable[..., str], Layout], ...] = (
    (r"conv1\.weight", lambda: "trunk/stem_conv/kernel", CONV),
    (r"bn1\.(\w+)", lambda n: f"trunk/stem_norm/{_NORM[n]}", SAME),
    (r"layer(\d)\.(\d)\.conv([12])\.weight", lambda s, b, i: f"{_block(s, b)}/conv{i}/kernel", CONV),
    (r"layer(\d)\.(\d)\.bn([12])\.(\w+)", lambda s, b, i, n: f"{_block(s, b)}/norm{i}/{_NORM[n]}", SAME),
    (r"layer(\d)\.(\d)\.downsample\.0\.weight", lambda s, b: f"{_block(s, b)}/shortcut_conv/kernel", CONV),
    (r"layer(\d)\.(\d)\.downsample\.1\.(\w+)", lambda s, b, n: f"{_block(s, b)}/shortcut_norm/{_NORM[n]}", SAME),
    (r"alpha\.0\.weight", lambda: "mining/kernel", LINEAR),
    (r"alpha\.0\.bias", lambda: "mining/bias", SAME),
    (r"gru\.(weight_ih|weight_hh)_l(\d)(_reverse)?", lambda n, i, r: _gru_path(n, i, r), LINEAR),
    (r"gru\.(bias_ih|bias_hh)_l(\d)(_reverse)?", lambda n, i, r: _gru_path(n, i, r), SAME),
    (r"fc\.1\.weight", lambda: "head_kernel", LINEAR),
    (r"fc\.1\.bias", lambda: "head_bias", SAME),
)


def _gru_path(name: str, layer: str, reverse: str | None) -> str:
    return f"fusion/layers/{layer}/{'backward' if reverse else 'forward'}/{_GRU[name]}"


def _find(entry: str) -> tuple[str, Layout] | None:
    for pattern, path, layout in TABLE:
        match = re.fullmatch(pattern, entry)
        if match:
            try:
                return path(*match.groups()), layout
            except KeyError:  # a batch-norm entry that the table does not name
                return None
    return None


def _entries() -> list[str]:
    """Every state-dict entry of AKMNet, in no particular order."""
    norm = ["weight", "bias", "running_mean", "running_var"]
    names = ["conv1.weight", *[f"bn1.{n}" for n in norm]]
    for stage in range(1, 5):
        for block in range(2):
            prefix = f"layer{stage}.{block}"
            for i in (1, 2):
                names += [f"{prefix}.conv{i}.weight", *[f"{prefix}.bn{i}.{n}" for n in norm]]
            if stage > 1 and block == 0:
                names += [f"{prefix}.downsample.0.weight", *[f"{prefix}.downsample.1.{n}" for n in norm]]
    names += ["alpha.0.weight", "alpha.0.bias", "fc.1.weight", "fc.1.bias"]
    return names + [f"gru.{n}_l{i}{r}" for n in _GRU for i in (0, 1) for r in ("", "_reverse")]


def _torch_shape(shape: tuple[int, ...], layout: Layout) -> tuple[int, ...]:
    return layout.to_torch(np.empty(shape, np.bool_)).shape


def load_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """Read a `.pt` state dict (only tensors are unpickled) as NumPy arrays.

    A file with the state dict under the key "state_dict" or "model" is accepted, and so is the prefix "module." that
    nn.DataParallel puts before every name. Shorter floating types (half, bfloat16) come as float32.

    Raises:
        FileNotFoundError: no such file.
        ImportError: PyTorch is not installed (the extra `torch`).
        ValueError: the file is not a state dict of tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected a PyTorch state dict (.pt, .pth)")
    try:
        import torch
    except ImportError as e:
        raise ImportError(f"reading {path} needs PyTorch; install the extra: pip install 'akm_jax[torch]'") from e
    expected = "expected a state dict saved with torch.save(model.state_dict(), path)"
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as e:
        raise ValueError(f"{path}: {_why_unreadable(path, e)}; {expected}") from e
    if isinstance(content, torch.nn.Module):
        raise ValueError(f"{path}: {_WHOLE_MODEL}; {expected}")
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f"{path}: holds a {type(content).__name__}; {expected}")
    wrong = [str(k) for k, v in content.items() if not isinstance(k, str) or not isinstance(v, torch.Tensor)]
    if wrong:
        raise ValueError(f"{path}: entries that are not named tensors: {wrong[:5]}; {expected}")
    return {key.removeprefix("module."): _as_array(path, key, value) for key, value in content.items()}


_WHOLE_MODEL = (
    "a whole pickled model, or other objects beside its weights, which are not unpickled because a file could run "
    "anything; load it in the program that saved it and save model.state_dict() alone"
)


def _why_unreadable(path: Path, error: Exception) -> str:
    """What a file is that PyTorch does not load as weights, as far as its first bytes and PyTorch tell."""
    start = path.read_bytes()[:512].lstrip().lower()
    if not start:
        return "an empty file; copy or download it again"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "a web page, not weights: the page was saved in place of the file it links to; download the file itself"
    if start.startswith(b"version https://git-lfs"):
        return "a pointer of Git LFS, not the file itself; fetch it with git lfs pull"
    if start.startswith(b"\x89hdf"):
        return "an HDF5 file, as Keras writes them; of SOFTNet it is read by experiments.watch --spotter"
    if "Unsupported global" in str(error) or "Unsupported class" in str(error):
        return _WHOLE_MODEL
    return f"PyTorch can't read it as plain weights ({type(error).__name__}); the file may be incomplete"


def _as_array(path: Path, key: str, value: Any) -> np.ndarray:
    """A tensor as float32 where it is of a shorter floating type (half, bfloat16, ...), else as it is."""
    import torch

    if value.layout is not torch.strided or value.is_quantized or value.is_meta:
        raise ValueError(f"{path}: {key} is a sparse, quantised or empty tensor; expected plain ones, saved dense")
    value = value.detach().resolve_conj().resolve_neg()
    return (value.float() if value.is_floating_point() and value.element_size() < 4 else value).numpy()


def flat_state(model_or_state) -> dict[str, jax.Array]:
    """Parameters and batch statistics by path, e.g. "trunk/stem_conv/kernel"."""
    state = nnx.state(model_or_state) if isinstance(model_or_state, nnx.Module) else model_or_state
    return {"/".join(map(str, path)): leaf[...] for path, leaf in nnx.to_flat_state(state)}


def to_state_dict(state) -> dict[str, np.ndarray]:
    """A model's state, or any part or gradient of it, in PyTorch's names and layout (inverse of the import)."""
    flat, out = flat_state(state), {}
    for entry in _entries():
        path, layout = _find(entry) or ("", SAME)
        if path in flat:
            out[entry] = np.ascontiguousarray(layout.to_torch(np.asarray(flat[path])))
    return out


def num_classes(state_dict: Mapping[str, np.ndarray]) -> int:
    """Number of classes of a state dict.

    Raises:
        ValueError: the classifier `fc.1.weight` is missing.
    """
    if "fc.1.weight" not in state_dict:
        raise ValueError(f"not an AKMNet state dict: fc.1.weight is missing; it holds {sorted(state_dict)[:5]} ...")
    return int(state_dict["fc.1.weight"].shape[0])


def config_from_state_dict(state_dict: Mapping[str, np.ndarray]) -> ModelConfig:
    """The network a state dict belongs to: channels, GRU units and frame size are read from the shapes.

    Raises:
        ValueError: the entries these are read from are missing or do not go together.
    """
    needed = ["conv1.weight", *[f"layer{i}.0.conv1.weight" for i in range(1, 5)], "gru.bias_ih_l0", "fc.1.weight"]
    missing = [entry for entry in needed if entry not in state_dict]
    if missing:
        raise ValueError(
            f"not an AKMNet state dict: {', '.join(missing)} missing; it holds {sorted(state_dict)[:5]} ..."
        )
    widths = tuple(int(state_dict[f"layer{i}.0.conv1.weight"].shape[0]) for i in range(1, 5))
    hidden = int(state_dict["gru.bias_ih_l0"].shape[0]) // 3
    positions = int(state_dict["fc.1.weight"].shape[1]) / (2 * hidden)
    side = math.isqrt(int(positions))
    if side**2 != positions:
        raise ValueError(
            f"fc.1.weight has {positions * 2 * hidden:g} inputs: not {2 * hidden} for each of n x n positions"
        )
    return ModelConfig(image_size=32 * side, widths=widths, gru_hidden=hidden)  # type: ignore[arg-type]


def akmnet_from_state_dict(state_dict: Mapping[str, np.ndarray], config: ModelConfig) -> AKMNet:
    """Build AKMNet with every weight from a state dict; the class count is read from it.

    Raises:
        ValueError: one error that lists every missing, unknown and mis-shaped entry.
    """
    model = nnx.eval_shape(lambda: AKMNet(config, num_classes(state_dict), rngs=nnx.Rngs(0)))
    graph, state = nnx.split(model)
    flat = nnx.to_flat_state(state)
    wanted = {"/".join(map(str, path)): leaf for path, leaf in flat}
    values, problems = {}, []
    for entry, value in state_dict.items():
        if entry.endswith("num_batches_tracked"):
            continue
        found = _find(entry)
        if found is None or found[0] not in wanted:
            problems.append(f"unknown: {entry} {tuple(value.shape)}")
            continue
        path, layout = found
        shape = _torch_shape(wanted[path].shape, layout)
        if tuple(value.shape) != shape:
            problems.append(f"wrong shape: {entry} is {tuple(value.shape)}, expected {shape}")
            continue
        values[path] = layout.to_jax(np.asarray(value))
    present = set(state_dict)
    problems += [f"missing: {entry}" for entry in _entries() if entry not in present]
    if problems:
        raise ValueError(f"state dict does not fit AKMNet, {len(problems)} entries:\n  " + "\n  ".join(problems))
    leaves = {p: leaf.replace(jnp.asarray(values["/".join(map(str, p))], leaf.dtype)) for p, leaf in flat}
    return nnx.merge(graph, nnx.from_flat_state(leaves))


def copy_matching(state_dict: Mapping[str, np.ndarray], model: AKMNet) -> tuple[AKMNet, list[str]]:
    """Start a model from another network's weights: every entry whose name and shape match is copied.

    Returns:
        The model, and the entries of the state dict that did not fit and were left out.

    Raises:
        ValueError: not one entry fits.
    """
    graph, state = nnx.split(model)
    flat = {"/".join(map(str, path)): (path, leaf) for path, leaf in nnx.to_flat_state(state)}
    left = []
    for entry, value in state_dict.items():
        if entry.endswith("num_batches_tracked"):
            continue
        name, layout = _find(entry) or ("", SAME)
        path, leaf = flat.get(name, ((), None))
        if leaf is None or np.shape(value) != _torch_shape(leaf.shape, layout):
            left.append(entry)
            continue
        flat[name] = (path, leaf.replace(jnp.asarray(layout.to_jax(np.asarray(value)), leaf.dtype)))
    if len(left) == len([entry for entry in state_dict if not entry.endswith("num_batches_tracked")]):
        raise ValueError(f"no entry of the state dict fits AKMNet by name and shape; it holds {sorted(state_dict)[:5]}")
    return nnx.merge(graph, nnx.from_flat_state(dict(flat.values()))), left
