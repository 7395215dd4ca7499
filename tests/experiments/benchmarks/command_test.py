"""The benchmark's command line with the smallest network."""

import json
import os
import subprocess
import sys

import pytest

from experiments.benchmark import main

TINY = ["--lengths=smic", "--clips=24", "--clips_per_step=4", "--image_size=32", "--widths", "4", "4", "8", "8"]


def run(*arguments, start=""):
    """Run the command in a process of its own that begins with `start`."""
    program = (
        start + "from experiments.benchmark import main; from experiments.command import run_command; run_command(main)"
    )
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)


def test_ours_beside_pytorch(hide_modules, tmp_path):
    pytest.importorskip("torch")
    file = tmp_path / "result.json"
    work = ["train", "--against=torch", "--train_rounds=2", f"--json={file}", "--threads=1"]
    done = run(*work, *TINY, start=hide_modules("tensorflow_datasets", "tensorflow", "grain"))
    assert done.returncode == 0, done.stderr
    result = json.loads(file.read_text())
    assert set(result) == {"device", "versions", "rows", "ratios"}
    assert {"train/torch_eager", "train/torch_best"} == set(result["ratios"])
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
    assert {"first_calls/torch_eager", "first_calls/torch_packed"} <= set(rows)


def test_without_pytorch_the_comparison_is_refused(hide_modules):
    done = run("infer", "--against=torch", *TINY, start=hide_modules("torch"))
    assert done.returncode == 1
    assert "pip install -e '.[torch]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_epoch_loader_and_picture(tmp_path):
    file, drawn = tmp_path / "result.json", tmp_path / "picture.png"
    for work in ("epoch", "loader"):
        done = run(work, f"--json={file}", *TINY, "--epochs=2")
        assert done.returncode == 0, done.stderr
        rows = json.loads(file.read_text())["rows"]
        if work == "epoch":
            assert rows[0]["overhead_s"] > 0
            assert 0 < rows[0]["overhead_share"] < 1
            assert rows[0]["projected_run"]["folds"] > 1
        else:
            assert [row["name"] for row in rows] == ["loader/held", "loader/streamed", "loader/read_alone"]
    done = run("infer", f"--json={file}", *TINY)
    assert done.returncode == 0, done.stderr
    main(["picture", f"--json={file}", f"--picture={drawn}"])
    assert drawn.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["picture"], "--json=FILE"),
        (["infer", f"--threads={os.cpu_count() + 1}"], "--threads"),
        (["infer", "--image_size=50"], "image_size"),
    ],
)
def test_bad_options_say_what_is_expected(arguments, message):
    with pytest.raises(ValueError, match=message):
        main(arguments)
