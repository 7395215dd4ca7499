"""`python -m experiments.loso` stopped and killed: the same command goes on, and the results are the same."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest


def start(arguments: Sequence[str], folder: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "experiments.loso", *arguments]
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, inherited)
    return process


class Finished:
    """The folds that a run has finished; none may be written again."""

    def __init__(self, run: Path):
        self._run = run
        self._stamps: dict[Path, int] = {}

    def check(self) -> None:
        for result, stamp in self._stamps.items():
            assert result.stat().st_mtime_ns == stamp, f"{result} was written twice"
        found = self._run.glob("folds/*/*/result.json")
        self._stamps = {result: result.stat().st_mtime_ns for result in found}


def check_results(run: Path, whole: Path, *, epochs: int) -> None:
    """The predictions of an uninterrupted run, each epoch in the log once, no half-written file."""
    assert (run / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()
    assert not [p for p in run.rglob(".*") if p.name.startswith(".")]
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    keys = [(e["seed"], e["subject"], e["training"], e["epoch"]) for e in lines]
    assert len(keys) == len(set(keys)) == epochs


def test_stopped_and_killed_a_run_still_ends_with_the_same_predictions(finished, tiny, tmp_path):
    """Ctrl-C after the first epoch, SIGKILL after the third, which is in the second fold."""
    arguments = [*tiny, f"--data_dir={finished / 'data'}", "--run_dir=stopped"]
    run = tmp_path / "stopped"
    log, folds = run / "log.jsonl", Finished(run)
    for epochs, stop in ((1, signal.SIGINT), (3, signal.SIGKILL)):
        process = start(arguments, tmp_path)
        while process.poll() is None and not (log.is_file() and log.read_text().count("\n") >= epochs):
            time.sleep(0.01)
        process.send_signal(stop)
        _, errors = process.communicate(timeout=60)
        if stop == signal.SIGINT:
            assert process.returncode == 130, errors
            assert "the same command goes on from here" in errors
            assert "Traceback" not in errors
        else:
            assert process.returncode == -signal.SIGKILL, errors
        folds.check()
    process = start(arguments, tmp_path)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    folds.check()
    check_results(run, finished / "run", epochs=3 * 2)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_killed_again_and_again_a_run_still_ends_with_the_same_predictions(finished, command, tiny, tmp_path):
    """Twenty SIGKILLs at random moments: no finished fold is lost or trained twice, no half-written file is left."""
    arguments = [*tiny, "--epochs=3", f"--data_dir={finished / 'data'}", "--rules=last,inner,test", "--seeds=2"]
    assert command("loso", *arguments, "--run_dir=whole", cwd=tmp_path).returncode == 0
    run = tmp_path / "killed"
    folds = Finished(run)
    kills = attempts = 0
    delays = [2.0 + 0.7 * ((7 * i) % 11) for i in range(60)]
    while True:
        process = start([*arguments, "--run_dir=killed"], tmp_path)
        try:
            _, errors = process.communicate(timeout=delays[attempts] if kills < 20 else None)
            assert process.returncode == 0, errors
            if kills >= 20:
                break
            shutil.rmtree(run)  # ended before twenty kills: start over, kills go on counting
            folds = Finished(run)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
        folds.check()
        attempts += 1
        time.sleep(0.01)
    folds.check()
    check_results(run, tmp_path / "whole", epochs=2 * 3 * 2 * 3)
