"""Weights of Caffe networks, read without Caffe; and those of its ResNet-10 for the trunk of Peng et al.'s networks.

A `.caffemodel` is one protocol buffer message, `NetParameter` of Caffe's `caffe.proto`, of which only the layers' names
and blobs are looked at. Names of the layers: cvjena/cnn-models, `ResNet_preact/ResNet10_cvgj`, which the networks of
Peng et al. keep.
"""

import functools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx

from akm_jax.interop.torch import CONV
from akm_jax.models.r10 import WIDTHS, ResNet10

Field = tuple[int, int, Any]
"""Number, wire type and content of a field: an int where the wire type is `VARINT`, else a memoryview of its bytes."""

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# Fields of caffe.proto: layers of a net and their names and blobs, in the present form and in that of 2014.
LAYERS, NAMES, BLOBS = {100: "present", 2: "old"}, {"present": 1, "old": 4}, {"present": 7, "old": 6}
# Of a blob: numbers, shape (one message), or the four sides of 2014.
DATA, DOUBLES, SHAPE, SIDES = 5, 8, 7, (1, 2, 3, 4)


def read_caffemodel(path: Path | str) -> dict[str, list[np.ndarray]]:
    """Blobs of every layer that has some, by the layer's name, as they lie in the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no Caffe model.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected weights of a Caffe network (.caffemodel)")
    layers: dict[str, list[np.ndarray]] = {}
    try:
        for number, wire, content in _fields(memoryview(path.read_bytes())):
            if number in LAYERS and wire == BYTES:
                name, blobs = _layer(content, LAYERS[number])
                if blobs:
                    layers[name] = blobs
    except (ValueError, TypeError) as e:
        raise ValueError(f"{path} is no Caffe model, or is cut short: {e}; expected a whole .caffemodel") from e
    if not layers:
        raise ValueError(f"{path} holds no layer with weights; expected a .caffemodel, not what a solver keeps")
    return layers


def resnet10_weights(path: Path | str) -> dict[str, np.ndarray]:
    """Weights and running averages of the trunk, `models.r10.ResNet10`, by our paths; other layers are left out.

    Caffe keeps averages as sums beside the decayed number of batches, by which they are divided here. Of a network on
    colour pictures the first filters are summed over the colours, and the input's averages, scale and shift are means
    of theirs: our reading, for none was published.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no Caffe model, or of another network: everything that does not fit is named.
    """
    layers = read_caffemodel(path)
    shapes = _shapes()
    found: dict[str, np.ndarray] = {}
    problems = []
    for layer, (kind, place) in TRUNK.items():
        try:
            found |= {f"{place}/{name}": value for name, value in KINDS[kind](layers.get(layer, [])).items()}
        except ValueError as e:
            problems.append(f"{layer}: {e}")
    if not problems:
        problems = [f"{name} is missing" for name in sorted(shapes.keys() - found.keys())]
    for name, value in found.items():
        if value.shape != shapes.get(name):
            problems.append(f"{name} is {value.shape}, expected {shapes.get(name, 'none')}")
        elif not np.isfinite(value).all():
            problems.append(f"{name} holds numbers that are not finite")
    if problems:
        others = ", ".join(sorted(set(layers) - set(TRUNK))[:5]) or "no others"
        raise ValueError(
            f"{path} does not fit ResNet-10, {len(problems)} entries:\n  " + "\n  ".join(problems) + "\n"
            f"Other layers there: {others}"
        )
    return found


@functools.cache
def _shapes() -> dict[str, tuple[int, ...]]:
    state = nnx.state(nnx.eval_shape(lambda: ResNet10(rngs=nnx.Rngs(0))))
    return {"/".join(map(str, path)): leaf.shape for path, leaf in nnx.to_flat_state(state)}


def _trunk() -> dict[str, tuple[str, str]]:
    """Caffe's layers: what kind each is, and where it lies in ours."""
    table = {"conv1": ("convolution", "conv1")}
    norms = {"data": "data_norm", "conv1": "conv1_norm", "last": "last_norm"}
    for theirs, ours in norms.items():
        table |= {f"{theirs}_bn": ("averages", ours), f"{theirs}_scale": ("scale", ours)}
    for i, width in enumerate(WIDTHS):
        at, block = f"layer_{width}_1_", f"blocks/{i}"
        first = width == WIDTHS[0]
        for j in (2,) if first else (1, 2):
            table |= {f"{at}bn{j}": ("averages", f"{block}/norm{j}"), f"{at}scale{j}": ("scale", f"{block}/norm{j}")}
        table |= {f"{at}conv{j}": ("convolution", f"{block}/conv{j}") for j in (1, 2)}
        if not first:
            table[f"{at}conv_expand"] = ("convolution", f"{block}/shortcut")
    return table


def _convolution(blobs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    _require(blobs, (1, 2), "filters, and perhaps shifts")
    if blobs[0].ndim != 4:
        raise ValueError(f"filters are {blobs[0].shape}; expected four sides")
    kernel = blobs[0]
    if kernel.shape[1] == 3:  # only the first layer sees colours
        kernel = kernel.sum(1, keepdims=True)
    found = {"kernel": CONV.to_jax(kernel)}
    return found if len(blobs) == 1 else {**found, "bias": blobs[1].reshape(-1)}


def _averages(blobs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    _require(blobs, (3,), "sums of means and of variances, and number of batches")
    count = float(blobs[2].reshape(-1)[0]) if blobs[2].size else 0.0
    if count <= 0:
        raise ValueError(f"its averages are of {count:g} batches: it was never trained")
    mean, var = (_grey(blob / np.float32(count)) for blob in blobs[:2])
    return {"mean": mean, "var": var, "weight": np.array(count, np.float32)}


def _scale(blobs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    _require(blobs, (2,), "scale and shift")
    return {"scale": _grey(blobs[0]), "bias": _grey(blobs[1])}


KINDS = {"convolution": _convolution, "averages": _averages, "scale": _scale}
TRUNK = _trunk()


def _grey(blob: np.ndarray) -> np.ndarray:
    """One number a channel; colours, of which only the input has three, become one."""
    flat = blob.reshape(-1)
    return flat.mean(keepdims=True) if flat.size == 3 else flat


def _require(blobs: Sequence[np.ndarray], counts: tuple[int, ...], what: str) -> None:
    if not blobs:
        raise ValueError(f"no such layer with weights; expected {what}")
    if len(blobs) not in counts:
        raise ValueError(f"holds {len(blobs)} blobs; expected {what}")


# The wire format of protocol buffers: https://protobuf.dev/programming-guides/encoding.


def _layer(content: Any, form: str) -> tuple[str, list[np.ndarray]]:
    name, blobs = "", []
    for number, wire, value in _fields(content):
        if number == NAMES[form] and wire == BYTES:
            name = bytes(value).decode()
        elif number == BLOBS[form] and wire == BYTES:
            blobs.append(_blob(value))
    return name, blobs


def _blob(content: Any) -> np.ndarray:
    parts: dict[str, list[np.ndarray]] = {"<f4": [], "<f8": []}
    shape: list[int] = []
    sides: dict[int, int] = {}
    for number, wire, value in _fields(content):
        if number in (DATA, DOUBLES):
            kind = "<f4" if number == DATA else "<f8"
            parts[kind].append(np.frombuffer(value, kind))
        elif number == SHAPE and wire == BYTES:
            shape = [side for n, w, v in _fields(value) if n == 1 for side in ([v] if w == VARINT else _varints(v))]
        elif number in SIDES and wire == VARINT:
            sides[number] = int(value)
    numbers = np.concatenate([*parts["<f4"], *parts["<f8"], np.zeros(0, np.float32)]).astype(np.float32)
    shape = shape or [sides.get(number, 1) for number in SIDES] if shape or sides else [len(numbers)]
    if math.prod(shape) != len(numbers):
        raise ValueError(f"a blob of {' x '.join(map(str, shape))} holds {len(numbers)} numbers")
    return numbers.reshape(shape)


def _varints(content: Any) -> list[int]:
    at, found = 0, []
    while at < len(content):
        value, at = _varint(content, at)
        found.append(value)
    return found


def _fields(content: Any) -> Iterator[Field]:
    """Fields of a message, one after another.

    Raises:
        ValueError: the bytes are none, or end within a field.
    """
    if isinstance(content, int):
        raise ValueError("a number where a message should be")
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _varint(content, at)
            yield number, wire, value
            continue
        if wire == BYTES:
            size, at = _varint(content, at)
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
        else:
            raise ValueError(f"a field of wire type {wire}")
        if at + size > len(content) or number == 0:
            raise ValueError(f"field {number} of {size} bytes, of which {len(content) - at} are there")
        yield number, wire, content[at : at + size]
        at += size


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first; and where the next field begins."""
    value = 0
    for i in range(10):
        if at + i >= len(content):
            raise ValueError("it ends within a number")
        byte = content[at + i]
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at + i + 1
    raise ValueError("a number of more than ten bytes")
