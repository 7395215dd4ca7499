"""The examples of `docs/own_method.md` run as they stand on the page, and do what it says of them."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import akm_jax
import akm_jax.methods
from akm_jax.files import fold_folder, read_json
from akm_jax.observe import Observer
from experiments.loso import make_method
from experiments.options import parse_experiment

RULES = "last,inner,test"
METHODS = {"differences": "Regression", "network": "SmallNetwork"}


@pytest.fixture(scope="module")
def page(write_programs, tmp_path_factory):
    """A folder in which the programs of the page have run, and their modules by name."""
    folder = tmp_path_factory.mktemp("own_method")
    names = [path.stem for path in write_programs("own_method.md", folder)]
    assert names == ["clips", "differences", "network"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        patch.setenv("AKM_VIEWS_DIR", str(folder / "views"))
        yield folder, {name: importlib.import_module(name) for name in names}
        for name in names:
            del sys.modules[name]


class Trained(Observer):
    """Counts epochs, and stops the run after some of them."""

    def __init__(self, stop_after=0):
        self.epochs, self._stop_after = 0, stop_after

    def epoch_done(self, place, entry):
        self.epochs += 1
        if self.epochs == self._stop_after:
            raise KeyboardInterrupt


def run(page, module, run_dir, observer=None, *, epochs=None, **options):
    folder, modules = page
    kind = getattr(modules[module], METHODS[module])
    method = kind() if epochs is None else kind(epochs=epochs)
    return akm_jax.run_loso(
        method,
        modules["clips"].clip_set,
        folder / run_dir,
        observers=[observer] if observer else [],
        console=Console(quiet=True),
        **options,
    )


@pytest.mark.parametrize(("module", "run_dir"), [("differences", "regression"), ("network", "small_network")])
def test_an_example_learns_under_every_rule_and_has_its_page(page, module, run_dir):
    folder, modules = page
    summary = modules[module].summary
    assert set(summary["rules"]) == set(RULES.split(","))
    assert summary["num_clips"] == 45
    for scores in summary["rules"].values():
        assert scores["accuracy"] > 0.8  # chance is a third
    text = (folder / "runs" / run_dir / "report.html").read_text()
    assert f'<p class="kicker">{run_dir}, leave one subject out</p>' in text
    assert ("Training on all other subjects: loss" in text) == (module == "network")


@pytest.mark.parametrize(("module", "run_dir"), [("differences", "regression"), ("network", "small_network")])
def test_a_second_run_trains_nothing(page, module, run_dir):
    folder, modules = page
    path = folder / "runs" / run_dir / "predictions.csv"
    before, trained = path.read_bytes(), Trained()
    assert run(page, module, f"runs/{run_dir}", trained, rules=RULES) == modules[module].summary
    assert trained.epochs == 0
    assert path.read_bytes() == before


def test_the_network_reads_single_clips_as_its_run_did(page):
    folder, modules = page
    place, clip_set = folder / "runs" / "small_network", modules["clips"].clip_set
    classifier = akm_jax.load_classifier(place, subject="person 1", method=modules["network"].SmallNetwork())
    result = read_json(fold_folder(place, 0, "person 1") / "result.json")
    for clip_id, expected in result["rules"]["last"]["clips"].items():
        said = akm_jax.predict(classifier, clip_set.read(clip_set.clip_ids.index(clip_id)), fps=100)
        np.testing.assert_allclose(said.logits, expected["logits"], atol=1e-5)
        assert said.label == expected["prediction"]
    with pytest.raises(ValueError, match="a run of method 'regression', which says nothing of single clips"):
        akm_jax.load_classifier(folder / "runs" / "regression", method=modules["differences"].Regression())


@pytest.mark.parametrize("epochs", [1, 2, 15])
def test_the_network_goes_on_where_it_was_stopped(page, epochs):
    """Byte for byte the predictions of a run that was not stopped."""
    folder, _ = page
    options = {"rules": RULES, "folds": "person 1,person 3", "epochs": 6}
    if not (folder / "whole").is_dir():
        run(page, "network", "whole", **options)
    stopped, rest = Trained(stop_after=epochs), Trained()
    place = f"stopped_{epochs}"
    with pytest.raises(KeyboardInterrupt):
        run(page, "network", place, stopped, checkpoint_interval_s=0.0, **options)
    run(page, "network", place, rest, checkpoint_interval_s=0.0, **options)
    assert stopped.epochs + rest.epochs == 2 * 2 * 6 + 1  # of the epoch it was stopped in, nothing was kept
    whole, resumed = (folder / name / "predictions.csv" for name in ("whole", place))
    assert whole.read_bytes() == resumed.read_bytes()


def test_the_method_becomes_one_of_the_command_line(page, tmp_path, monkeypatch):
    folder, _ = page
    program, _, _ = (folder / "differences.py").read_text().partition("\nsummary = ")
    program = program.replace("from clips import clip_set\n", "")
    (tmp_path / "regression.py").write_text(f"{program}\nMETHOD = Regression\n")
    monkeypatch.setattr(akm_jax.methods, "__path__", [*akm_jax.methods.__path__, str(tmp_path)])
    try:
        arguments = ["--method=regression", "--preset=tiny", "--strength=0.3", "--view.grid=12"]
        experiment = parse_experiment(arguments, program="loso", description="")
        method = make_method(experiment, ())
    finally:
        sys.modules.pop("akm_jax.methods.regression", None)
    assert (type(method).__name__, method.strength, method.view.grid) == ("Regression", 0.3, 12)
    assert experiment.run_dir == Path("runs/synthetic-regression-tiny")


@pytest.mark.parametrize("name", ["label", "subject", "clip_id"])
def test_what_the_page_says_is_refused_is(page, name):
    clip = akm_jax.Clip(page[1]["clips"].frames[0], 100.0, -1)
    with pytest.raises(akm_jax.LeakError, match=f"asked a clip for its {name}"):
        getattr(clip, name)
