"""The list of methods."""

import json

import pytest

from akm_jax.methods import find_method, method_names
from akm_jax.methods._support_vectors import SupportVectors
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
