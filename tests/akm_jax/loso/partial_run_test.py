"""A run of some subjects: understood in every spelling, refused before anything is written, never called complete."""

import dataclasses
import json
from typing import ClassVar

import numpy as np
import pytest
from rich.console import Console

from akm_jax.methods.protocol import Epoch, Method
from akm_jax.run import run_loso
from experiments.loso import print_summary


@dataclasses.dataclass(frozen=True)
class Majority(Method):
    """Predicts the most frequent class of its training clips."""

    name: ClassVar[str] = "majority"
    epochs: ClassVar[int] = 1

    def train_fold(self, training, _views, _start):
        counts = np.bincount(training.labels, minlength=3).astype(float)
        yield Epoch(1, [np.tile(counts, (len(clips), 1)) for clips in training.watched], {}, None)


@pytest.fixture(scope="module")
def clip_set(make_clip_set):
    return make_clip_set(4, 6)


@pytest.fixture
def run(clip_set, tmp_path):
    return lambda **options: run_loso(Majority(), clip_set, tmp_path / "run", console=Console(quiet=True), **options)


def printed(summary, tmp_path, capsys):
    print_summary(summary, tmp_path / "report.html")
    return capsys.readouterr().err


def test_some_subjects_are_said_beside_every_figure(run, tmp_path, capsys):
    summary = run(folds="sub02")
    assert summary == json.loads((tmp_path / "run" / "summary.json").read_text())
    assert not summary["complete"]
    assert summary["headline_rule"] is None
    assert {found["part"] for found in [summary, *summary["rules"].values()]} == {"1 of 4 subjects"}
    lines = printed(summary, tmp_path, capsys).splitlines()
    assert all("1 of 4 subjects" in line for line in lines[:3])
    assert "headline" not in "".join(lines)
    page = (tmp_path / "run" / "report.html").read_text()
    assert page.count("1 of 4 subjects") >= 6
    assert "Only 1 of 4 subjects were left out in turn: 2." in page
    assert ">headline<" not in page


def test_the_same_subjects_in_another_spelling_are_the_same_run(run, tmp_path):
    run(folds="s1, 03")
    before = (tmp_path / "run" / "run.json").read_bytes()
    assert json.loads(before)["config"]["folds"] == "1,3"
    run(folds="1,3,sub01")
    assert (tmp_path / "run" / "run.json").read_bytes() == before


def test_a_mistyped_subject_spoils_no_directory(run, tmp_path):
    with pytest.raises(ValueError, match="--folds: no clips of subject sub07; the data set has 1, 2, 3, 4"):
        run(folds="sub07,1")
    assert not (tmp_path / "run").exists()
    assert run()["num_subjects"] == 4


def test_all_subjects_are_complete(run, tmp_path, capsys):
    summary = run(folds="1,2,3,4")
    assert summary["complete"]
    assert summary["headline_rule"] == "last"
    assert "part" not in summary
    text = printed(summary, tmp_path, capsys)
    assert "last epoch (headline)" in text
    assert "of 4 subjects" not in text


def test_epochs_that_stop_early_are_no_headline(run, tmp_path, capsys):
    text = printed(run() | {"complete": False}, tmp_path, capsys)
    assert "headline" not in text
    assert "every epoch stopped early" in text
