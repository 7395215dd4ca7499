"""Caffe models that protobuf's own library writes here, read without it and without Caffe."""

import functools

import jax
import numpy as np
import pytest
from flax import nnx
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from akm_jax.config import RunOptions
from akm_jax.interop.caffe import read_caffemodel, resnet10_weights
from akm_jax.interop.torch import flat_state
from akm_jax.methods.atnet import ATNet
from akm_jax.methods.macro2micro import Macro2Micro
from akm_jax.methods.micro_attention import MicroAttention
from akm_jax.methods.protocol import Context
from akm_jax.models.r10 import ResNet10
from akm_jax.observe import Observer
from akm_jax.train.folds_together import initial_state, start_from
from akm_jax.views.view import Views

COUNT = 40.0  # batches that the averages are sums over
TYPES = {"string": 9, "int32": 5, "int64": 3, "float": 2, "double": 1, "message": 11}
# What the reader looks at of caffe.proto, and a part that it must pass by: (name, number, type, repeated, packed).
MESSAGES = {
    "BlobShape": [("dim", 1, "int64", True, True)],
    "BlobProto": [
        *(
            (name, number, "int32", False, False)
            for number, name in enumerate(("num", "channels", "height", "width"), 1)
        ),
        ("data", 5, "float", True, True),
        ("diff", 6, "float", True, True),
        ("shape", 7, "BlobShape", False, False),
        ("double_data", 8, "double", True, True),
    ],
    "LayerParameter": [
        ("name", 1, "string", False, False),
        ("type", 2, "string", False, False),
        ("loss_weight", 5, "float", True, False),
        ("blobs", 7, "BlobProto", True, False),
    ],
    "V1LayerParameter": [
        ("bottom", 2, "string", True, False),
        ("name", 4, "string", False, False),
        ("type", 5, "int32", False, False),
        ("blobs", 6, "BlobProto", True, False),
    ],
    "NetParameter": [
        ("name", 1, "string", False, False),
        ("layers", 2, "V1LayerParameter", True, False),
        ("force_backward", 5, "int32", False, False),
        ("layer", 100, "LayerParameter", True, False),
    ],
}


@functools.cache
def caffe(name):
    """A message class of caffe.proto, as far as `MESSAGES` has it."""
    file = descriptor_pb2.FileDescriptorProto(name="caffe_part.proto", package="caffe_part", syntax="proto2")
    for title, fields in MESSAGES.items():
        message = file.message_type.add(name=title)
        for field, number, kind, repeated, packed in fields:
            added = message.field.add(name=field, number=number, label=3 if repeated else 1)
            added.type = TYPES.get(kind, TYPES["message"])
            if added.type == TYPES["message"]:
                added.type_name = f".caffe_part.{kind}"
            added.options.packed = packed
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"caffe_part.{name}"))


def write(path, layers, *, old=False, doubles=False):
    """A model with the blobs of each layer, in the present form or that of 2014."""
    net = caffe("NetParameter")(name="", force_backward=1)
    for name, blobs in layers.items():
        layer = (net.layers if old else net.layer).add(name=name)
        for array in blobs:
            blob = layer.blobs.add()
            (blob.double_data if doubles else blob.data).extend(array.ravel().tolist())
            if old:
                sides = (1,) * (4 - array.ndim) + array.shape
                blob.num, blob.channels, blob.height, blob.width = sides
            else:
                blob.shape.dim.extend(array.shape)
    path.write_bytes(net.SerializeToString())
    return path


@pytest.fixture(scope="module")
def trunk():
    """State of a trunk with averages that were moved, by our paths."""
    rng = np.random.default_rng(0)
    state = nnx.state(nnx.eval_shape(lambda: ResNet10(rngs=nnx.Rngs(0))))
    shapes = {"/".join(map(str, path)): leaf.shape for path, leaf in nnx.to_flat_state(state)}
    return {
        name: np.float32(COUNT) if name.endswith("weight") else rng.normal(size=shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def as_caffe(trunk, colours=1):
    """The same by Caffe's names, written down once more: from the network's description, not from the table."""
    pairs = [("data_bn", "data_scale", "data_norm"), ("conv1_bn", "conv1_scale", "conv1_norm")]
    pairs += [("last_bn", "last_scale", "last_norm")]
    convs = {}
    for i, width in enumerate((64, 128, 256, 512)):
        for j in (1, 2)[i == 0 :]:
            pairs.append((f"layer_{width}_1_bn{j}", f"layer_{width}_1_scale{j}", f"blocks/{i}/norm{j}"))
        names = {"conv1": "conv1", "conv2": "conv2", **({"conv_expand": "shortcut"} if i else {})}
        convs |= {f"layer_{width}_1_{a}": f"blocks/{i}/{b}" for a, b in names.items()}
    layers = {"data": [], "score": [np.zeros((1000, 512)), np.zeros(1000)]}
    layers["conv1"] = [
        np.repeat(trunk["conv1/kernel"].transpose(3, 2, 0, 1), colours, 1) / colours,
        trunk["conv1/bias"],
    ]
    for name, at in convs.items():
        layers[name] = [trunk[f"{at}/kernel"].transpose(3, 2, 0, 1)]
    for averages, scale, at in pairs:
        times = colours if averages == "data_bn" else 1
        of_norm = {name: np.repeat(trunk[f"{at}/{name}"], times) for name in ("mean", "var", "scale", "bias")}
        layers[averages] = [of_norm["mean"] * COUNT, of_norm["var"] * COUNT, np.array([COUNT])]
        layers[scale] = [of_norm["scale"], of_norm["bias"]]
    return layers


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, atol=1e-7, err_msg=name)  # a product and a quotient


@pytest.mark.parametrize(
    ("options", "colours"), [({}, 1), ({"old": True}, 1), ({"doubles": True}, 1), ({}, 3)], ids=str
)
def test_the_trunk_is_read(trunk, tmp_path, options, colours):
    path = write(tmp_path / "r10.caffemodel", as_caffe(trunk, colours), **options)
    same(resnet10_weights(path), trunk)


@pytest.mark.parametrize(("colours", "expected"), [(1, 4_897_794), (3, 4_904_070)])
def test_the_trunk_is_as_large_as_published(trunk, colours, expected):
    """Learnables of the grey form and of the one for colours; averages are none."""
    layers = as_caffe(trunk, colours)
    learned = [blobs for name, blobs in layers.items() if name != "score" and "_bn" not in name]
    assert sum(blob.size for blobs in learned for blob in blobs) == expected


def test_layers_come_as_they_lie_in_the_file(tmp_path):
    layers = {"a": [np.arange(6.0).reshape(1, 2, 3), np.arange(2.0)], "b": []}
    found = read_caffemodel(write(tmp_path / "any.caffemodel", layers))
    assert list(found) == ["a"]
    assert [blob.shape for blob in found["a"]] == [(1, 2, 3), (2,)]
    np.testing.assert_array_equal(found["a"][0], layers["a"][0])


def test_what_does_not_fit_is_named_in_one_error(trunk, tmp_path):
    layers = as_caffe(trunk)
    del layers["layer_512_1_conv2"]
    layers["conv1"] = [np.zeros((32, 1, 7, 7)), np.zeros(32)]
    layers["last_bn"][2] = np.zeros(1)
    layers["last_scale"] = layers["last_scale"][:1]
    layers["layer_64_1_scale2"][0] = np.full(64, np.nan)
    layers["layer_128_1_conv1"].append(np.zeros(128))
    with pytest.raises(ValueError) as caught:
        resnet10_weights(write(tmp_path / "wrong.caffemodel", layers))
    text = str(caught.value)
    for said in (
        "does not fit ResNet-10, 7 entries",
        "layer_512_1_conv2: no such layer",
        "conv1/kernel is (7, 7, 1, 32), expected (7, 7, 1, 64)",
        "last_bn: its averages are of 0 batches: it was never trained",
        "last_scale: holds 1 blobs; expected scale and shift",
        "blocks/0/norm2/scale holds numbers that are not finite",
        "blocks/1/conv1/bias is (128,), expected none",
        "Other layers there: score",
    ):
        assert said in text, said
    del layers["score"]
    layers = {"conv1_1": [np.zeros((64, 3, 3, 3))], "fc6": [np.zeros((8, 8))]}
    with pytest.raises(ValueError, match="(?s)does not fit ResNet-10, .*Other layers there: conv1_1, fc6"):
        resnet10_weights(write(tmp_path / "vgg.caffemodel", layers))
    no_bias = as_caffe(trunk)
    no_bias["conv1"] = no_bias["conv1"][:1]
    with pytest.raises(ValueError, match="1 entries:\n  conv1/bias is missing"):
        resnet10_weights(write(tmp_path / "bias.caffemodel", no_bias))


def test_other_files_are_refused(trunk, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file; expected weights of a Caffe network"):
        read_caffemodel(tmp_path / "none.caffemodel")
    whole = write(tmp_path / "whole.caffemodel", as_caffe(trunk)).read_bytes()
    path = tmp_path / "other"
    for content in (
        whole[: len(whole) // 2],
        b"\x80" * 20,
        b"PK\x03\x04 a zip archive, such as a PyTorch file",
        b"\x80",
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="other is no Caffe model, or is cut short"):
            read_caffemodel(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="holds no layer with weights"):
        read_caffemodel(path)
    net = caffe("NetParameter")()
    blob = net.layer.add(name="a").blobs.add()
    blob.data.extend([1, 2, 3])
    blob.shape.dim.extend([2, 2])
    path.write_bytes(net.SerializeToString())
    with pytest.raises(ValueError, match="a blob of 2 x 2 holds 3 numbers"):
        read_caffemodel(path)


class Told(Observer):
    def __init__(self):
        self.texts = []

    def tell(self, text):
        self.texts.append(text)


@pytest.mark.parametrize("kind", [Macro2Micro, MicroAttention, ATNet])
def test_every_fold_starts_from_the_weights(trunk, tmp_path, kind):
    path = write(tmp_path / "r10.caffemodel", as_caffe(trunk))
    recipe = kind(trunk=path).recipe(3)
    fresh = jax.eval_shape(lambda: initial_state(jax.random.key(0), recipe=recipe))
    fresh = jax.tree.map(lambda leaf: np.full(leaf.shape, 7, np.float32), fresh)
    state = start_from(recipe.trained, fresh)
    leaves = flat_state(state.params) | flat_state(state.stats)
    at = kind.trunk_path + "/"
    same({n.removeprefix(at): v for n, v in leaves.items() if n.startswith(at) and "gate" not in n}, trunk)
    for name, value in leaves.items():
        if not name.startswith(at) or "gate" in name:
            assert np.all(np.asarray(value) == 7), name
    with pytest.raises(ValueError, match="no place for: trunk/conv9/kernel"):
        start_from({"trunk/conv9/kernel": np.zeros(3)}, fresh)


def test_a_run_is_held_to_its_weights(trunk, make_clip_set, tmp_path):
    clips, told = make_clip_set(num_subjects=2).without_labels(), Told()
    path = write(tmp_path / "r10.caffemodel", as_caffe(trunk))
    method, context = Macro2Micro(trunk=path), Context(RunOptions(), tmp_path / "pretrained", told)
    for _ in range(2):
        method.prepare(clips, Views(), [], context)
    assert f"starting from {path}: {len(trunk)} arrays of the trunk; others are fresh" in told.texts
    write(path, as_caffe({**trunk, "conv1/bias": trunk["conv1/bias"] + 1}))
    with pytest.raises(ValueError, match="but the run was started from weights of checksum .* another --run_dir"):
        method.prepare(clips, Views(), [], context)
