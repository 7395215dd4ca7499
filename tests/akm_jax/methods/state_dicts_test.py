"""State dicts of compared networks as classifiers: which network a file is of, and what it says of a clip."""

import dataclasses
import json

import numpy as np
import pytest

from akm_jax.classifier import load_classifier, predict
from akm_jax.config import AKMNetConfig, ModelConfig
from akm_jax.methods._state_dicts import NAMES, recognise
from akm_jax.methods.akmnet import AKMNet
from akm_jax.methods.atnet import ATNet
from akm_jax.methods.htnet import HTNet
from akm_jax.methods.lbp_top import LBPTop
from akm_jax.methods.macro2micro import Macro2Micro
from akm_jax.methods.micro_attention import MicroAttention
from akm_jax.methods.off_apexnet import OffApexNet
from akm_jax.methods.rcn import RCN
from akm_jax.methods.sssnet import SSSNet
from akm_jax.methods.strcn import STRCN
from akm_jax.methods.ststnet import STSTNet
from akm_jax.views.flow_picture import FlowPicture
from akm_jax.views.view import Clip

torch = pytest.importorskip("torch")

QUICK = FlowPicture(size=28, flow="farneback", scale="bytes")
PORT = STSTNet(variant="port", view=QUICK)
READY_MADE = dataclasses.replace(PORT, view=dataclasses.replace(QUICK, flow_dir="f"))
OUT = {"out.weight": np.zeros((3, 8)), "out.bias": np.zeros(3)}

RECORDED = {
    "ststnet_port": STSTNet(variant="port"),
    "ststnet_paper": STSTNet(variant="port"),
    "sssnet": SSSNet(),
    "offapex_two_streams": OffApexNet(),
    "offapex_meb": OffApexNet(form="meb"),
    "rcn_a": RCN(),
    "macro2micro_r10": Macro2Micro(),
    "atnet": ATNet(),
    "htnet": HTNet(),
    "htnet_256": HTNet(),
    "strcn": STRCN(),
    "strcn_shared_weights": STRCN(share=True),
    "strcn_wide": STRCN(),
}


def recorded_names(golden_dir, name):
    """What a recording was made with, and its state dict, whose values are 0."""
    meta = json.loads(str(np.load(golden_dir / f"{name}.npz")["meta"]))
    return meta, {entry: np.broadcast_to(np.float32(0), shape) for entry, shape in meta["state_dict"].items()}


@pytest.mark.parametrize("name", RECORDED)
def test_golden_state_dicts_tell_their_network_and_its_sizes(golden_dir, name):
    meta, state_dict = recorded_names(golden_dir, name)
    expected = RECORDED[name]
    sizes = {field: meta[key] for field, key in (("dim", "dim"), ("features", "C")) if key in meta}
    if expected.name in ("htnet", "strcn"):
        expected = dataclasses.replace(expected, **sizes)
    assert recognise(state_dict) == expected
    assert recognise(state_dict, expected.name) == expected


@pytest.mark.parametrize("name", ["micro_attention_paper", "micro_attention_atnet"])
def test_golden_state_dicts_of_two_forms_with_the_same_names_are_asked_about(golden_dir, name):
    _, state_dict = recorded_names(golden_dir, name)
    with pytest.raises(ValueError, match=r"say --method=micro_attention, which takes the default one, or .*\(variant="):
        recognise(state_dict)
    assert recognise(state_dict, "micro_attention") == MicroAttention()


def save(folder, state_dict, name="006.pth"):
    arrays = {entry: torch.from_numpy(np.array(value)) for entry, value in state_dict.items()}
    torch.save(arrays, folder / name)
    return folder / name


@pytest.fixture
def weights(tmp_path, ststnet_weights):
    """STSTNet's weights as a file."""
    return save(tmp_path, ststnet_weights)


@pytest.fixture
def frames():
    return np.random.default_rng(1).integers(0, 255, (5, 32, 32), dtype=np.uint8)


def by_torch(entries, picture):
    """The authors' PyTorch network on what OpenCV reads of a picture: blue (strain), green (v), red (u)."""
    functional = torch.nn.functional
    w = {name: torch.from_numpy(value) for name, value in entries.items()}
    x, maps = torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)[None], []
    for i in (1, 2, 3):
        y = torch.relu(functional.conv2d(x, w[f"conv{i}.weight"], w[f"conv{i}.bias"], padding=2))
        statistics = (w[f"bn{i}.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
        maps.append(functional.max_pool2d(functional.batch_norm(y, *statistics), 3, 3, 1))
    cells = functional.avg_pool2d(torch.cat(maps, 1), 2)
    return (cells.flatten(1) @ w["fc.weight"].T + w["fc.bias"]).numpy()[0]


def test_weights_of_ststnets_authors_say_what_their_program_says(weights, ststnet_weights, frames):
    classifier = load_classifier(weights, class_names=("negative", "positive", "surprise"), method=PORT)
    said = predict(classifier, frames, apex=3)
    expected = by_torch(ststnet_weights, QUICK(Clip(frames, 0, 3)))
    np.testing.assert_allclose(said.logits, expected, rtol=1e-5)  # sums of 400 products in float32
    assert np.ptp(expected) > 1  # whose channels another way round would show
    assert classifier.class_names == ("negative", "positive", "surprise")
    assert said.probabilities.sum() == pytest.approx(1)


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize(("variant", "blocks"), [("paper", 3), ("crossdb", 4)])
def test_the_blocks_of_strcn_tell_its_form(variant, blocks, share):
    """Two convolutions of a block or three, as they share weights or not."""
    parts = ["conv1", *(f"block{i + 1}.f{j + 1}" for i in range(blocks) for j in range(3 - share))]
    entries = ["conv.weight", *(f"bn.{name}" for name in ("weight", "bias", "running_mean", "running_var"))]
    found = recognise({f"{part}.{entry}": np.zeros(8) for part in parts for entry in entries} | OUT)
    assert found == STRCN(variant=variant, share=share, features=8)


@pytest.mark.parametrize("method", [None, "ststnet"])
def test_the_names_in_a_file_tell_its_network(weights, method):
    classifier = load_classifier(weights, method=method)
    assert classifier.method == STSTNet(variant="port")
    assert classifier.class_names == ("class 0", "class 1", "class 2")
    assert not classifier.mines_key_frames


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        (None, {"class_names": ("a", "b")}, "006.pth: 3 classes, but 2 names were given: a, b"),
        ("sssnet", {}, r"006.pth: state dict does not fit SSSNet, \d+ entries:\n  wrong shape: conv1.weight is \(3, 3"),
        ("akmnet", {}, "006.pth: not an AKMNet state dict: layer1.0.conv1.weight, .* missing; it holds"),
        ("lbp_top", {}, "006.pth: no state dict of method 'lbp_top' is known; expected one of akmnet, atnet, htnet"),
        (LBPTop(), {}, "no state dict of method 'lbp_top' is known"),
        (STSTNet(), {}, r"mean picture subtracted, which no state dict holds; STSTNet\(variant='port'\)"),
        (AKMNet(), {}, "006.pth: not an AKMNet state dict"),
        (READY_MADE, {}, "006.pth: the method given is on ready-made flow pictures"),
    ],
)
def test_what_does_not_fit_is_named(weights, method, options, message):
    with pytest.raises(ValueError, match=message):
        load_classifier(weights, method=method, **options)


def test_a_file_of_no_known_network_says_what_it_holds_and_which_are_known(tmp_path, ststnet_weights):
    place = save(tmp_path, ststnet_weights | {"extra": np.zeros((2, 3))}, "mine.pth")
    with pytest.raises(
        ValueError, match=r"mine\.pth: a state dict of no known network; it holds conv1\.weight"
    ) as error:
        load_classifier(place)
    assert "(3, 3, 3, 3), conv1.bias (3,), " in str(error.value)
    assert "and 16 more; known are akmnet, " + ", ".join(NAMES) in str(error.value)
    with pytest.raises(ValueError, match=r"does not fit STSTNet, 1 entries:\n  unknown: extra \(2, 3\)"):
        load_classifier(place, method="ststnet")
    with pytest.raises(ValueError, match=r"mine\.pth: no classifier of htnet among its entries, conv1"):
        load_classifier(place, method="htnet")


@pytest.mark.parametrize("mining", ["s12", "random"])
def test_golden_weights_of_akmnet_take_the_settings_that_are_given(tmp_path, recorded_weights, mining):
    """Its variants have the same names."""
    place = save(tmp_path, recorded_weights)
    method = AKMNet(AKMNetConfig(model=ModelConfig(mining=mining)))
    if mining == "random":
        with pytest.raises(
            ValueError, match=r"006\.pth: a network of --model\.mining=random sees frames that are drawn"
        ):
            load_classifier(place, method=method)
    else:
        assert load_classifier(place, method=method).method is method
