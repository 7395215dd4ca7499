"""README's figures of the demo: written from two runs, between two comments."""

import json
from pathlib import Path

import pytest

from experiments.pictures.__main__ import main
from experiments.pictures.demo import BEGIN, END, write_figures


def write_run(folder: Path, strength: float, accuracy: list[float], preset: str = "demo") -> Path:
    mean = sum(accuracy) / len(accuracy)
    scores = {"accuracy": mean, "accuracy_std": 0.0312, "accuracy_by_seed": accuracy, "uf1": 0.8, "uf1_std": 0.04}
    folder.mkdir()
    summary = {
        "config": {"preset": preset, "synthetic": {"strength": strength}},
        "rules": {"last": scores},
        "majority_accuracy": 1 / 3,
        "majority_band95": [0.2083, 0.4792],
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


@pytest.fixture
def readme(tmp_path) -> Path:
    page = tmp_path / "README.md"
    page.write_text(f"above\n{BEGIN}| old |\n{END}below\n")
    return page


def test_figures_take_the_place_of_older_ones(tmp_path, readme):
    runs = [write_run(tmp_path / "a", 1.0, [0.8, 0.9]), write_run(tmp_path / "b", 0.0, [0.3, 1.0])]
    for _ in range(2):
        write_figures(readme, *runs)
    lines = readme.read_text().splitlines()
    assert lines[:2] + lines[-2:] == ["above", BEGIN.strip(), END.strip(), "below"]
    assert len(lines) == 8
    assert "accuracy of 2 seeds" in lines[2]
    assert "| **.850 ± .031** | .800 to .900 | .800 ± .040 | .333, .208 to .479 |" in lines[4]
    assert "strength=0`) | **.650 ± .031** | .300 to 1.000 |" in lines[5]


def test_other_runs_are_refused(tmp_path, readme):
    demo, control = write_run(tmp_path / "a", 1.0, [0.8, 0.9]), write_run(tmp_path / "b", 0.0, [0.3])
    with pytest.raises(ValueError, match="the demo has 2 seeds, its control 1"):
        write_figures(readme, demo, control)
    with pytest.raises(ValueError, match="strength 0.0; expected demo, 1: make demo-figures"):
        write_figures(readme, control, demo)
    with pytest.raises(ValueError, match="preset tiny"):
        write_figures(readme, write_run(tmp_path / "c", 1.0, [0.8], "tiny"), control)
    with pytest.raises(FileNotFoundError, match="absent/summary.json does not exist; make demo-figures"):
        main(["demo", f"--run_dir={tmp_path / 'absent'}", f"--readme={readme}"])
    readme.write_text("no place")
    with pytest.raises(ValueError, match="expected the lines <!-- figures of the demo -->"):
        write_figures(readme, demo, write_run(tmp_path / "d", 0.0, [0.3, 0.4]))


def test_the_page_of_this_project_has_a_place_for_them():
    text = (Path(__file__).parents[3] / "README.md").read_text()
    assert text.count(BEGIN) == text.count(END) == 1
