"""`python -m experiments.spot` on drawn long videos: from nothing, again, with a recogniser, with bad options."""

import json
import types

import numpy as np
import pytest
from rich.console import Console

from akm_jax.classifier import load_classifier, predict
from akm_jax.data.clip_set import ClipSet
from akm_jax.descriptors.lbp_top import LBPTopConfig
from akm_jax.files import fold_folder, write_json
from akm_jax.methods._support_vectors import Frames
from akm_jax.methods.lbp_top import LBPTop, LBPTopView
from akm_jax.run import run_loso
from experiments.spot import make_recogniser

SMALL = ("--synthetic_long.subjects=2", "--synthetic_long.videos=1", "--type=micro", "--flow=dis", "--epochs=1")


@pytest.fixture(scope="module")
def spotted(finished, warm_command, tmp_path_factory):
    """A finished run whose micro-expressions were named by the networks of a tiny run."""
    folder = tmp_path_factory.mktemp("spot")
    arguments = [
        *SMALL,
        "--run_dir=run",
        "--data_dir=data",
        "--features_dir=features",
        f"--recognise={finished / 'run'}",
    ]
    done = warm_command("spot", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, arguments, done


def test_a_run_prints_scores_and_baselines(spotted):
    folder, _, done = spotted
    for text in (
        "2 videos of 2 subjects",
        "F1 of the motion baseline",
        "F1 of the random baseline",
        "STRS",
        "report.html",
    ):
        assert text in done.stderr
    summary = json.loads((folder / "run" / "summary.json").read_text())
    assert summary["scores"]["micro"]["tp"] + summary["scores"]["micro"]["fn"] == 6
    assert set(summary["strs"]["analysis"]["classes"]) <= {"negative", "positive", "surprise", "others"}


def test_a_finished_run_is_scored_again_and_nothing_else(spotted, warm_command):
    folder, arguments, _ = spotted
    before = (folder / "run" / "summary.json").read_text()
    done = warm_command("spot", *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "2 of 2 folds were finished before" in done.stderr
    assert (folder / "run" / "summary.json").read_text() == before


def test_its_tables_are_those_that_evaluate_spots_reads(spotted, warm_command):
    folder, *_ = spotted
    done = warm_command("evaluate_spots", "run/predictions.csv", "run/truth.csv", "--json=scores.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    scores, summary = (json.loads((folder / name).read_text()) for name in ("scores.json", "run/summary.json"))
    assert scores["types"] == summary["scores"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--threshold=3"], "--threshold=3.0: expected a number from 0 to 1"),
        (["--synthetic_long.seconds=12"], "--synthetic_long.seconds=12 at 30 frames/s do not hold 2 macro-"),
        (["--dataset=smic"], "unknown set of long videos 'smic'"),
        (["--recognise=nowhere"], "--recognise=nowhere: not a finished run"),
        (["--flow=rlof"], "config.flow: there 'dis', now 'rlof'"),
        (["--synthetic_long.strength=0", "--run_dir=run"], "data.checksum"),
    ],
)
def test_bad_options_say_what_is_expected(spotted, warm_command, arguments, message):
    folder, given, _ = spotted
    done = warm_command("spot", *given, *arguments, cwd=folder)
    assert done.returncode == (2 if "=3.0" in message or ".seconds=" in message else 1)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("summary", "message"),
    [
        ({"part": "1 of 3 subjects"}, "only 1 of 3 subjects were left out"),
        ({"data": {"sets": ["smic", "samm"]}}, "a run of several sets"),
    ],
)
def test_networks_that_learned_from_whom_a_video_shows_name_nothing(tmp_path, summary, message):
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(ValueError, match=f"{message}, so that videos would be read by networks that have learned"):
        make_recogniser(tmp_path)


def test_any_method_that_reads_single_clips_names_emotions_at_the_videos_rate(tmp_path):
    """A descriptor whose steps in time depend on the rate."""
    rng = np.random.default_rng(0)
    clips = [rng.integers(0, 200, (12, 32, 32), dtype=np.uint8) for _ in range(12)]
    clip_set = ClipSet.from_frames(clips, ["joy", "fear"] * 6, [*"aaaabbbbcccc"], fps=200)
    view = LBPTopView(Frames(size=32), LBPTopConfig(rows=2, cols=2, radii=(1, 1, 0)))
    quiet = {"console": Console(quiet=True), "views_dir": tmp_path / "views", "rules": "last"}
    run_loso(LBPTop(view=view), clip_set, tmp_path / "run", **quiet)
    recognise = make_recogniser(tmp_path / "run")
    for subject, fold in (("a", "a"), ("b", "b"), ("stranger", None)):
        classifier = load_classifier(tmp_path / "run", subject=fold)
        for rate in (30.0, 200.0):
            said = [recognise(types.SimpleNamespace(subject=subject, fps=rate), one) for one in clips]
            assert said == [clip_set.class_names[predict(classifier, one, fps=rate).label] for one in clips]


def test_a_run_that_reads_no_single_clips_is_refused_before_anything_is_trained(tmp_path):
    run = tmp_path / "run"
    write_json(run / "summary.json", {})
    config = {"method": "ststnet", "view": {"name": "FlowPicture", "flow_dir": "flow"}}
    write_json(run / "run.json", {"config": config, "data": {"class_names": ["a", "b"]}})
    write_json(fold_folder(run, 0, "1") / "result.json", {})
    with pytest.raises(ValueError, match=r"a run on ready-made flow pictures \(--view\.flow_dir\)"):
        make_recogniser(run)
