import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from akm_jax.report.page import write_report
from experiments import report

ROOT = Path(__file__).parents[3]


@pytest.fixture
def run(make, clip_set, tmp_path):
    return make.run(tmp_path / "run", clip_set, pictures=False)


def damage(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_command_draws_the_page_and_says_where(run, capsys):
    report.main([str(run.folder)])
    assert (run.folder / "report.html").is_file()
    assert "report.html" in capsys.readouterr().err.replace("\n", "")


def test_error_fits_on_a_screen_and_has_no_traceback(run):
    path = run.folder / "folds/seed0/s2/result.json"
    path.write_text(path.read_text()[:100])
    command = [sys.executable, "-m", "experiments.report", str(run.folder)]
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {path} is damaged")
    assert "delete it and start the run again" in done.stderr
    assert len(done.stderr.splitlines()) < 5


def test_folder_that_is_absent(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist; give the folder a run wrote to"):
        write_report(tmp_path / "nowhere")


def test_folder_that_is_no_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is not a run directory: it has no run\.json"):
        write_report(tmp_path)


def test_run_whose_plan_is_something_else(run):
    (run.folder / "run.json").write_text("{}")
    with pytest.raises(ValueError, match=r"run\.json: not the plan of a run"):
        write_report(run.folder)


def test_run_without_a_finished_fold(make, clip_set, tmp_path):
    make.run(tmp_path, clip_set, finished=0)
    with pytest.raises(FileNotFoundError, match="no fold is finished yet"):
        write_report(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.pop("histories"), "expected an object with"),
        (lambda r: r.update(rules={}), "no result of rule last, inner, test"),
        (lambda r: r.update(rules={"last": []}), "its form is wrong"),
        (lambda r: next(iter(r["rules"]["last"]["clips"].values())).pop("logits"), "rule last, clip s2_4: no logits"),
        (lambda r: r.update(subject="9"), "it is of subject 9, in the folder of another"),
    ],
)
def test_result_of_another_form_is_named_with_its_remedy(run, change, message):
    damage(run.folder / "folds/seed0/s2/result.json", change)
    with pytest.raises(ValueError, match=rf"s2/result\.json is not the result of a fold: {message}.*delete it"):
        write_report(run.folder)


def test_summary_of_another_form_is_named_with_its_remedy(run):
    damage(run.folder / "summary.json", lambda s: s.pop("rules"))
    with pytest.raises(ValueError, match=r"summary\.json is not the summary of a run.*delete it"):
        write_report(run.folder)


def test_failure_leaves_the_page_that_was_there(run):
    before = write_report(run.folder).read_bytes()
    (run.folder / "summary.json").write_text("{")
    with pytest.raises(ValueError, match=r"summary\.json: not a JSON file"):
        write_report(run.folder)
    assert (run.folder / "report.html").read_bytes() == before
