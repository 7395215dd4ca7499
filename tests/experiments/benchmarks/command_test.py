"""The benchmark's command line with the smallest network."""

import json
import os
import subprocess
import sys

import pytest

from experiments.benchmark import main
from experiments.benchmarks import machine
from experiments.pictures.__main__ import main as draw

TINY = ["--lengths=smic", "--image_size=32", "--widths", "4", "4", "8", "8"]


def run(*arguments, start=""):
    """Run the command in a process of its own that begins with `start`."""
    program = (
        start + "from experiments.benchmark import main; from experiments.command import run_command; run_command(main)"
    )
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.long
def test_all_parts_and_their_picture(hide_modules, tmp_path):
    pytest.importorskip("torch")
    file, drawn = tmp_path / "result.json", tmp_path / "picture.png"
    work = ["all", "--against=torch", "--train_rounds=2", f"--json={file}", "--threads=1"]
    done = run(*work, *TINY, start=hide_modules("tensorflow_datasets", "tensorflow"))
    assert done.returncode == 0, done.stderr
    result = json.loads(file.read_text())
    assert set(result) == {"device", "versions", "rows", "ratios"}
    assert set(result["ratios"]) == {
        f"{part}/torch_{name}" for part in ("train", "infer") for name in ("eager", "best")
    }
    assert all(value > 0 for value in result["ratios"].values())
    rows = {row["name"]: row for row in result["rows"]}

    ours = rows["train/ours"]
    assert len(ours["seconds"]) == 2
    assert ours["fastest_s"] <= ours["median_s"] <= ours["slowest_s"]
    assert ours["padding_share"] <= 0.05
    assert ours["compilations"] == 1
    assert ours["share_of_matmul_peak"] > 0
    assert {"planned_memory_gib", "memory_formula_gib", "peak_memory_gib"} <= set(ours)
    assert rows["train/torch_eager"]["frames_per_s"] > 0
    assert rows["train/torch_best"]["variant"] == "packed"  # of narrow networks PyTorch has no other way
    assert {"first_calls/torch_eager", "first_calls/torch_packed", "infer/ours"} <= set(rows)

    assert rows["compile/from_cache"]["ready_s"] < rows["compile/without_cache"]["ready_s"]
    assert rows["epoch/ours"]["overhead_s"] > 0
    assert 0 < rows["epoch/ours"]["overhead_share"] < 1
    assert rows["epoch/ours"]["projected_run"]["folds"] > 1
    assert {"loader/held", "loader/read_alone"} <= set(rows)
    assert rows["loader/streamed"]["loss_of_throughput"] < 1

    draw(["benchmark", f"--json={file}", f"--output={drawn}"])
    assert drawn.read_bytes().startswith(b"\x89PNG")


def test_without_pytorch_the_comparison_is_refused(hide_modules):
    done = run("infer", "--against=torch", *TINY, start=hide_modules("torch", "grain"))
    assert done.returncode == 1
    assert "pip install -e '.[torch]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_scikit_image_the_descriptors_are_not_measured(hide_modules):
    done = run("descriptors", *TINY, start=hide_modules("skimage"))
    assert done.returncode == 1
    assert "scikit-image, which is not installed: pip install scikit-image" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_few_clips_alone_need_neither_pytorch_nor_grain(hide_modules, tmp_path):
    file = tmp_path / "result.json"
    few = ["train", "--clips=24", "--clips_per_step=4", "--train_rounds=1", f"--json={file}"]
    done = run(*few, *TINY, start=hide_modules("tensorflow_datasets", "tensorflow", "torch", "grain"))
    assert done.returncode == 0, done.stderr
    result = json.loads(file.read_text())
    assert [row["name"] for row in result["rows"]] == ["train/ours"]
    assert result["ratios"] == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["infer", f"--threads={os.cpu_count() + 1}"], "--threads"),
        (["infer", "--image_size=50"], "image_size"),
    ],
)
def test_bad_options_say_what_is_expected(arguments, message, monkeypatch):
    monkeypatch.setattr(machine, "keep_memory", lambda: None)  # it lasts as long as the process
    with pytest.raises(ValueError, match=message):
        main(arguments)
