"""Small networks on flow pictures as methods of a run."""

import dataclasses
import json

import numpy as np
import optax
import pytest
from rich.console import Console

from akm_jax.config import RunOptions, settings_from_json
from akm_jax.loso.run_dir import describe_run
from akm_jax.methods import find_method, method_names
from akm_jax.methods.htnet import HTNet
from akm_jax.methods.off_apexnet import OffApexNet
from akm_jax.methods.ststnet import STSTNet
from akm_jax.observe import Observer
from akm_jax.run import run_loso
from akm_jax.views.flow_picture import FlowPicture
from experiments import methods

NAMES = ("off_apexnet", "rcn", "sssnet", "ststnet")
QUICK = FlowPicture(size=28, flow="farneback", scale="bytes")


class Told(Observer):
    def __init__(self):
        self.texts = []

    def tell(self, text):
        self.texts.append(text)


def run(method, clip_set, folder, observer=None, **options):
    observers = [] if observer is None else [observer]
    return run_loso(
        method,
        clip_set,
        folder / "run",
        observers=observers,
        console=Console(quiet=True),
        views_dir=folder / "views",
        **options,
    )


def test_they_are_methods():
    assert set(NAMES) <= set(method_names())
    assert "flow_network" not in method_names()


@pytest.mark.parametrize("name", NAMES)
def test_each_takes_the_picture_that_its_view_makes(name):
    method = find_method(name)()
    method.validate()
    assert (method.view.size, method.view.channels) == method.picture
    assert method.all_folds_at_once


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (STSTNet(), (500, 1e-4, "every_epoch")),
        (STSTNet(variant="port"), (800, 0.0, "never")),
        (STSTNet(variant="port", epochs=3, weight_decay=1e-3, shuffle="once"), (3, 1e-3, "once")),
        (STSTNet(weight_decay=0.0), (500, 0.0, "every_epoch")),
    ],
)
def test_settings_of_ststnet_are_those_of_the_program_unless_given(method, expected):
    """A run records them as they are, and its training takes them."""
    held, recipe = describe_run(method, RunOptions()), method.recipe(3)
    assert (held["epochs"], held["weight_decay"], held["shuffle"]) == expected
    assert (recipe.epochs, recipe.shuffle) == (expected[0], expected[2])
    assert settings_from_json(STSTNet, held) == method
    ones = {"kernel": np.ones((2, 2), np.float32)}
    updates, _ = recipe.optimizer.update(optax.tree.zeros_like(ones), recipe.optimizer.init(ones), ones)
    assert bool(np.any(updates["kernel"])) == (expected[1] > 0)


def test_a_variant_that_there_is_not_is_named():
    with pytest.raises(ValueError, match="--variant=code: expected one of paper, port"):
        STSTNet(variant="code")


def test_htnet_can_be_trained_unshuffled():
    assert HTNet().recipe(3).shuffle == "every_epoch"
    assert HTNet(shuffle="never").recipe(3).shuffle == "never"


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (STSTNet(view=FlowPicture(size=60)), "--view.size=60, 3 channels: ststnet takes pictures of side 28 with 3"),
        (OffApexNet(view=QUICK), "28, 3 channels: off_apexnet takes pictures of side 28 with 2"),
        (STSTNet(dropout=1.0), "--dropout=1.0: expected 0 <= rate < 1"),
        (STSTNet(epochs=0), "--epochs=0: expected at least 1"),
    ],
)
def test_wrong_settings_are_named(method, message):
    with pytest.raises(ValueError, match=message):
        method.validate()


def test_a_run_of_all_folds(make_clip_set, tmp_path):
    """Scores of every subject; how clips without an apex were read is said, and stands in the summary."""
    clip_set = make_clip_set(num_subjects=3, clips_per_subject=3)
    told = Told()
    summary = run(STSTNet(view=QUICK, epochs=2), clip_set, tmp_path, told, rules="last")
    assert summary["num_clips"] == 9
    assert 0 <= summary["rules"]["last"]["accuracy"] <= 1
    assert "9 of 9 clips without an annotated apex: the middle frame is taken for it" in told.texts[0]
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["config"]["view"]["apex"] == "middle"


def test_nothing_is_said_where_every_apex_is_annotated(make_clip_set):
    assert said_by(STSTNet(), make_clip_set(3, 3), apexes=np.zeros(9, np.int32)) == []


def said_by(method, clip_set, **changes):
    """What a run of a method tells before it trains."""
    told = Told()
    context = dataclasses.make_dataclass("Context", ["observer"])(told)
    method.prepare(dataclasses.replace(clip_set.without_labels(), **changes), [], [], context)
    return told.texts


USES_APEX = [name for name in method_names() if find_method(name)().apex_rule]


def test_every_network_but_akmnet_needs_the_apex():
    assert set(USES_APEX) == {*NAMES, "atnet", "htnet", "macro2micro", "micro_attention", "resnet18", "strcn", "vgg11"}


@pytest.mark.parametrize("name", USES_APEX)
def test_how_clips_without_an_annotated_apex_are_read_is_told_and_recorded(name, make_clip_set):
    """As in SMIC, by every method that needs the apex: in the run's output, its record and the list of methods."""
    method, clip_set = find_method(name)(), make_clip_set(3, 3)
    (text,) = said_by(method, clip_set)
    rule = "9 of 9 clips without an annotated apex: the middle frame is taken for it (--view.apex=middle)"
    assert text == rule
    assert describe_run(method, RunOptions())["view"]["apex"] == "middle"
    assert "the middle frame" in method.ours
    assert "apex=middle" in methods.as_text(methods.describe(name, 3))
    by_xia = dataclasses.replace(method, view=dataclasses.replace(method.view, apex="xia"))
    (text,) = said_by(by_xia, clip_set, apexes=np.array([0] * 5 + [-1] * 4, np.int32))
    assert text.startswith("4 of 9 clips without an annotated apex: the frame that differs most")
    assert describe_run(by_xia, RunOptions())["view"]["apex"] == "xia"
