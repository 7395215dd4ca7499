"""`docs/library.md`: its example runs as it stands on the page, and its table names what there is."""

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import akm_jax

CLASSES = ("negative", "positive", "surprise")


def write_clips(folder):
    """Three subjects, two clips a class, in the tree that the page describes."""
    rng = np.random.default_rng(0)
    for i in range(18):
        subject, label = 1 + i // 6, i % 3
        clip = folder / str(subject) / CLASSES[label] / f"clip{i}"
        clip.mkdir(parents=True)
        for number in range(3 + i % 2):
            frame = rng.integers(0, 120, (40, 36)).astype(np.uint8)
            frame[8 * label : 8 * label + 8, 8:16] += 120
            Image.fromarray(frame).save(clip / f"img{number:03}.png")


@pytest.fixture(scope="module")
def finished(write_programs, tmp_path_factory):
    """The folder in which the program of the page has run, and what it printed."""
    folder = tmp_path_factory.mktemp("library")
    write_clips(folder / "clips")
    (program,) = write_programs("library.md", folder)
    assert len([line for line in program.read_text().splitlines() if line.strip()]) <= 20
    done = subprocess.run([sys.executable, program.name], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout.splitlines()


def test_the_example_prints_scores_and_key_frames(finished):
    folder, (last, test, best, key_frames) = finished
    assert re.fullmatch(r"rule last: accuracy 0\.\d{3}, UF1 0\.\d{3}, UAR 0\.\d{3}", last)
    assert test.startswith("rule test: accuracy")
    assert best in CLASSES
    assert re.fullmatch(r"key frames: \[('img00\d\.png'(, )?)+\]", key_frames)
    assert "Only 2 of 3 subjects" in (folder / "runs" / "first" / "report.html").read_text()


def test_the_table_names_all_there_is(page_text):
    table = page_text("library.md").partition("## What there is")[2]
    names = [
        name for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)
    ]
    assert len(names) == len(set(names))
    assert set(names) == set(akm_jax.__all__)


def test_every_option_of_score_on_the_page_is_one(page_text):
    from experiments.score import ScoreCommand

    (command,) = re.findall(r"python -m experiments\.score .*", page_text("library.md"))
    assert set(re.findall(r"--(\w+)=", command)) <= set(ScoreCommand.__dataclass_fields__)
