"""`python -m experiments.spot` on drawn long videos: from nothing, again, with a recogniser, with bad options."""

import json

import pytest

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
        (["--dataset=smic"], "unknown set of long videos 'smic'"),
        (["--recognise=nowhere"], "--recognise=nowhere: not a finished run"),
        (["--flow=rlof"], "config.flow: there 'dis', now 'rlof'"),
        (["--synthetic_long.strength=0", "--run_dir=run"], "data.checksum"),
    ],
)
def test_bad_options_say_what_is_expected(spotted, warm_command, arguments, message):
    folder, given, _ = spotted
    done = warm_command("spot", *given, *arguments, cwd=folder)
    assert done.returncode == 1
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
