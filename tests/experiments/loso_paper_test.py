"""`python -m experiments.loso` at the size of the paper."""

import json
import subprocess
import sys

import pytest


@pytest.mark.long
def test_paper_size_starts_and_proceeds(command, tmp_path, monkeypatch):
    """SMIC's size (164 clips, 16 subjects, 128 x 128), the published network, a few steps of two folds."""
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    drawn = [sys.executable, "-m", "datasets_tfds.synthetic", "--layout=smic", "--published_counts", "--out=smic"]
    subprocess.run(drawn, cwd=tmp_path, check=True, capture_output=True)
    arguments = ["--preset=paper", "--dataset=smic", "--manual_dir=smic", "--data_dir=built", "--run_dir=run"]
    done = command("loso", *arguments, "--folds=5,19", "--epochs=1", "--steps_per_epoch=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["compilations"] == 1
    assert summary["padding_share"] <= 0.05
    assert not summary["complete"]
    assert "padding" in done.stderr
