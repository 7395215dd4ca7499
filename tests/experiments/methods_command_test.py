"""The list of methods, and a method on ready-made flow pictures."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from akm_jax.methods import find_method, method_names
from akm_jax.methods._support_vectors import SupportVectors
from akm_jax.methods.htnet import HTNet
from akm_jax.methods.micro_attention import MicroAttention
from akm_jax.methods.off_apexnet import OffApexNet
from akm_jax.methods.strcn import STRCN
from akm_jax.models.r10 import FEATURES
from experiments import methods


def listed(capsys, *arguments):
    methods.main(arguments)
    return capsys.readouterr().out


def test_every_method_is_there(capsys):
    described = json.loads(listed(capsys, "--json"))
    assert [one["name"] for one in described] == list(method_names())
    for one in described:
        assert one["title"]
        assert one["sees"]
        assert one["source"]
        assert one["ours"]
        assert one["parameters"] is None if is_a_descriptor(one["name"]) else one["parameters"] > 0
        assert one["time_s"] > 0
        text = methods.as_text(one)
        assert "\n  source  " in text
        assert "\n  ours  " in text
        assert "\n  time        about " in text


def is_a_descriptor(name):
    """Which has no network."""
    return issubclass(find_method(name), SupportVectors)


def test_time_is_that_of_a_plan_of_such_a_set(capsys):
    """LBP-SIP: a hundredth of a second for each of 255 clips, and a second for each of 26 subjects."""
    ((one,), (longer,)) = (json.loads(listed(capsys, name, "--json")) for name in ("lbp_sip", "stclqp"))
    assert one["time_s"] == pytest.approx(255 * 0.01 + 26, abs=1)
    assert longer["time_s"] > one["time_s"]
    assert "  time        about 29 s on two CPU cores for a set of CASME II's size" in listed(capsys, "lbp_sip")


def test_parameters_are_counted_for_the_classes(capsys):
    """As published for three classes; a class more is a row more of the classifier."""
    names = ["ststnet", "sssnet", "rcn", "macro2micro", "micro_attention"]
    three, four = (json.loads(listed(capsys, *names, "--json", f"--classes={k}")) for k in (3, 4))
    assert [one["parameters"] for one in three] == [1683, 1_349_251, 15_331, 4_899_333, 5_943_813]
    assert four[0]["parameters"] == 2084
    assert four[3]["parameters"] - three[3]["parameters"] == FEATURES + 1


@pytest.mark.parametrize(
    ("method", "num_classes", "expected"),
    [
        (find_method("macro2micro")(), 4, 4_899_846),
        (MicroAttention(), 4, 5_944_326),
        (MicroAttention(), 5, 5_944_839),
        (MicroAttention(variant="atnet"), 3, 5_943_813),
        (find_method("atnet")(), 3, 8_312_837),
        (find_method("atnet")(), 4, 8_313_862),
        (OffApexNet(), 3, 2_664_475),
        (OffApexNet(form="meb"), 3, 807_909),
        (STRCN(features=128), 4, 939_268),
        (STRCN(features=256), 4, 3_746_308),
        (STRCN(), 4, 14_963_716),
        (STRCN(variant="crossdb"), 3, 1_251_203),
        (HTNet(), 3, 139_582_982),
        (HTNet(dim=64), 3, 8_722_310),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_networks_are_as_large_as_published(method, num_classes, expected):
    assert method.num_parameters(num_classes) == expected


def test_a_text_of_some_lines_each(capsys):
    text = listed(capsys, "ststnet", "akmnet")
    assert text.startswith("ststnet: STSTNet\n  source      Liong")
    assert "\n\nakmnet: AKMNet\n" in text
    assert "  view        apex=middle, annotated=True, size=28, flow=tvl1, strain=True, scale=bytes\n" in text
    assert max(map(len, text.splitlines())) <= methods.WIDTH


def test_what_a_method_does_not_say_is_left_out(monkeypatch):
    for name in ("source", "ours", "cost"):
        monkeypatch.setattr(find_method("rcn"), name, "")
    assert "source" not in methods.as_text(methods.describe("rcn", 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["nothing"], "--method=nothing: expected one of akmnet"), (["rcn", "--classes=1"], "--classes=1: expected at")],
)
def test_what_cannot_be_listed_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        methods.main(arguments)


def test_a_folder_of_flow_pictures_takes_the_place_of_flow(finished, warm_command, tmp_path):
    """Each picture is as bright as its class in one channel, and so easy to read; names end in a blank."""
    with (finished / "run" / "predictions.csv").open() as file:
        labels = {row["clip_id"]: row["label"] for row in csv.DictReader(file)}
    folder = tmp_path / "flow pictures"
    folder.mkdir()
    for clip_id, label in labels.items():
        picture = np.random.default_rng(len(clip_id)).integers(0, 60, (28, 28, 3), np.uint8)
        picture[..., sorted(set(labels.values())).index(label)] += 150
        Image.fromarray(picture).save(folder / f"{clip_id} .png")
    options = ("--method=ststnet", "--preset=tiny", "--epochs=60", f"--data_dir={finished / 'data'}", "--run_dir=run")
    run = lambda: warm_command("loso", *options, "--view.flow_dir=flow pictures", cwd=tmp_path)  # noqa: E731
    done = run()
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["num_clips"] == len(labels) == 9
    assert summary["rules"]["last"]["accuracy"] > 0.8
    assert summary["config"]["view"]["flow_dir"] == "flow pictures"
    shutil.rmtree(tmp_path / "run")
    gone = next(iter(labels))
    (folder / f"{gone} .png").unlink()
    done = run()
    assert done.returncode == 1
    assert f"flow pictures: no picture of 1 of 9 clips: {gone}; expected a file" in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
