"""Weights to start from: what is copied, what is left, what is refused."""

from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx

from akm_jax.config import ModelConfig
from akm_jax.files import PRETRAINED, write_json
from akm_jax.interop.torch import to_state_dict
from akm_jax.models.akmnet import AKMNet
from akm_jax.train import checkpoint
from akm_jax.train.start_weights import copy_weights, start_from
from akm_jax.train.state import empty_state

SMALL = ModelConfig(image_size=32, widths=(4, 4, 8, 8), gru_hidden=4)
PLACE = Path("other.pth")


@pytest.fixture(scope="module")
def fresh():
    return AKMNet(SMALL, 3, rngs=nnx.Rngs(0))


@pytest.fixture(scope="module")
def other(fresh):
    """A state dict with other numbers at every place."""
    return {name: value + 1 for name, value in to_state_dict(nnx.state(fresh)).items()}


def trunk_of(network):
    flat = to_state_dict(nnx.state(network))
    return {name: value for name, value in flat.items() if name.startswith(("conv1", "bn1", "layer"))}


def as_torchvision(other):
    """Of the form of torchvision's ResNet-18: a stem for colour, no mining, no recurrence, a classifier of its own."""
    trunk = {name: value for name, value in other.items() if name.startswith(("bn1", "layer"))}
    tracked = {f"{name}.num_batches_tracked": np.array(3) for name in ("bn1", "layer1.0.bn1")}
    classifier = {"fc.weight": np.zeros((1000, 8), np.float32), "fc.bias": np.zeros(1000, np.float32)}
    return {"conv1.weight": np.zeros((4, 3, 7, 7), np.float32), **trunk, **tracked, **classifier}


def test_a_resnet18_for_colour_gives_its_trunk_without_the_stem(fresh, other):
    network, copied, left = copy_weights(as_torchvision(other), fresh, PLACE)
    assert left == ["conv1.weight", "fc.weight", "fc.bias"]
    found = trunk_of(network)
    assert set(copied) == set(found) - {"conv1.weight"}
    for name in copied:
        np.testing.assert_array_equal(found[name], other[name])
    np.testing.assert_array_equal(found["conv1.weight"], trunk_of(fresh)["conv1.weight"])


def test_another_number_of_classes_leaves_the_classifier_alone(fresh, other):
    four = dict(other)
    four["fc.1.weight"], four["fc.1.bias"] = np.zeros((4, 8), np.float32), np.zeros(4, np.float32)
    network, copied, left = copy_weights(four, fresh, PLACE)
    assert left == ["fc.1.weight", "fc.1.bias"]
    assert len(copied) == len(other) - 2
    np.testing.assert_array_equal(network.head_kernel[...], fresh.head_kernel[...])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer1.2.conv1.weight": np.zeros((4, 4, 3, 3))}, r"layer1\.2\.conv1\.weight \(4, 4, 3, 3\) has no place"),
        (
            {"layer1.0.conv1.weight": np.zeros((4, 4, 1, 1))},
            r"layer1\.0\.conv1\.weight is \(4, 4, 1, 1\), expected \(4",
        ),
        ({"layer4.1.bn2.weight": None}, r"layer4\.1\.bn2\.weight is missing"),
    ],
    ids=["deeper", "bottlenecks", "a part is missing"],
)
def test_another_architecture_is_refused(fresh, other, change, message):
    changed = {name: value for name, value in (as_torchvision(other) | change).items() if value is not None}
    with pytest.raises(ValueError, match=rf"--init=other\.pth: weights of another network[^\n]*\n  {message}"):
        copy_weights(changed, fresh, PLACE)


def test_a_network_of_other_parts_is_refused_in_a_few_lines(fresh):
    vgg = {f"features.{i}.weight": np.zeros((4, 4, 3, 3), np.float32) for i in range(8)}
    with pytest.raises(ValueError, match=r"bn1\.bias is missing") as error:
        copy_weights(vgg, fresh, PLACE)
    assert len(str(error.value).splitlines()) == 7


def pretrained(folder, model, num_classes):
    """A run directory as a pretraining leaves it."""
    state = empty_state(model, num_classes)
    state = jax.tree.map(lambda leaf: np.random.default_rng(leaf.size).uniform(0.5, 1, leaf.shape).astype("f4"), state)
    checkpoint.save(folder / PRETRAINED, 2, state, {"accuracy": 1.0})
    names = [f"class {k}" for k in range(num_classes)]
    settings = {"image_size": model.image_size, "widths": list(model.widths), "gru_hidden": model.gru_hidden}
    write_json(
        folder / "run.json", {"config": {"method": "pretrain", "model": settings}, "data": {"class_names": names}}
    )
    return state


def test_every_trunk_tensor_of_a_pretraining_is_copied(fresh, tmp_path):
    state = pretrained(tmp_path, SMALL, 5)
    network, copied, left = start_from(tmp_path, fresh)
    trunk = trunk_of(network)
    assert set(trunk) <= set(copied)
    assert left == ["fc.1.weight", "fc.1.bias"]
    stem, last = state.params["trunk"]["stem_conv"], state.stats["trunk"]["blocks"][7]["norm2"]
    np.testing.assert_array_equal(network.trunk.stem_conv.kernel[...], stem["kernel"][...])
    np.testing.assert_array_equal(network.trunk.blocks[7].norm2.var[...], last["var"][...])


def test_a_pretraining_of_another_width_is_refused(fresh, tmp_path):
    pretrained(tmp_path, ModelConfig(image_size=32, widths=(4, 4, 8, 12), gru_hidden=4), 3)
    with pytest.raises(ValueError, match=r"layer4\.0\.bn1\.bias is \(12,\), expected \(8,\)"):
        start_from(tmp_path, fresh)


def test_a_place_without_weights_is_named(fresh, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.pt: no such file"):
        start_from(tmp_path / "gone.pt", fresh)
    with pytest.raises(ValueError, match=r"run\.json is missing; expected a run directory of experiments\.pretrain"):
        start_from(tmp_path, fresh)
    write_json(tmp_path / "run.json", {})
    with pytest.raises(ValueError, match=r"no weights of a finished pretraining(.|\n)*networks of folds are no start"):
        start_from(tmp_path, fresh)
