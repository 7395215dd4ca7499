"""Several folds of `experiments.loso` at a time, on simulated devices."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.long  # programs of four devices, which nothing else compiles


@pytest.fixture
def four_devices(quick_flags):
    """Two folds at a time, each of whose steps two devices share, as they do where XLA_FLAGS names no number."""
    return {**os.environ, "XLA_FLAGS": f"--xla_force_host_platform_device_count=4 {quick_flags}"}


def test_folds_on_two_devices_give_what_one_gives(finished, command, tiny, tmp_path, four_devices):
    done = command("loso", *tiny, f"--data_dir={finished / 'data'}", "--run_dir=two", cwd=tmp_path, env=four_devices)
    assert done.returncode == 0, done.stderr
    assert "4 x cpu" in done.stderr
    assert re.findall(r"fold (\d)/3", done.stderr) == ["1", "2", "3"]
    one, two = finished / "run", tmp_path / "two"
    assert (one / "predictions.csv").read_bytes() == (two / "predictions.csv").read_bytes()
    results = list(one.glob("folds/*/*/result.json"))
    assert len(results) == 3
    for result in results:
        mine, theirs = (json.loads(path.read_text()) for path in (result, two / result.relative_to(one)))
        assert mine["rules"] == theirs["rules"]
        assert theirs["compilations"] == 1
    lines = [json.loads(line) for line in (two / "log.jsonl").read_text().splitlines()]
    assert sorted({line["subject"] for line in lines}) == sorted(p.name[1:] for p in two.glob("folds/seed0/s*"))
    assert len(lines) == 3 * 2
    assert len(list((two / "tensorboard").rglob("events.out.*"))) == 3


def test_stopped_on_two_devices_a_run_goes_on_on_one(finished, command, tiny, tmp_path, four_devices):
    arguments = [*tiny, f"--data_dir={finished / 'data'}", "--epochs=4"]
    assert command("loso", *arguments, "--run_dir=whole", cwd=tmp_path).returncode == 0
    program = [sys.executable, "-m", "experiments.loso", *arguments, "--run_dir=interrupted"]
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
    process = subprocess.Popen(program, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=four_devices)
    signal.signal(signal.SIGINT, inherited)
    log = tmp_path / "interrupted" / "log.jsonl"
    while process.poll() is None and not (log.is_file() and log.read_text().count("\n") >= 2):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "the same command goes on from here" in errors
    assert "Traceback" not in errors
    done = command("loso", *arguments, "--run_dir=interrupted", "--devices=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    whole, resumed = ((tmp_path / name / "predictions.csv").read_bytes() for name in ("whole", "interrupted"))
    assert whole == resumed
