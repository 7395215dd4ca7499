"""The contract on imports in pyproject.toml is one that a forbidden import breaks."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("importlinter")

ROOT = Path(__file__).parents[1]
PACKAGES = ("akm_jax", "datasets_tfds", "experiments")
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint(folder):
    """What `make lint` says of the packages in a folder, and whether it is content."""
    command = [sys.executable, "-c", LINT, "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_packages_keep_it(copy):
    content, said = lint(copy)
    assert content, said


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("akm_jax.ops.conv", "akm_jax.report.page"),
        ("akm_jax.models.akmnet", "akm_jax.data.clip_set"),
        ("akm_jax.train.step", "akm_jax.loso.driver"),
        ("akm_jax.metrics", "akm_jax.ops.conv"),
        ("akm_jax.data.video", "datasets_tfds.source"),
        ("datasets_tfds.source", "experiments.command"),
    ],
)
def test_an_import_upward_is_named(copy, importer, imported):
    with (copy / importer.replace(".", "/")).with_suffix(".py").open("a") as file:
        file.write(f"\nimport {imported}\n")
    content, said = lint(copy)
    assert not content
    assert f"{importer} -> {imported}" in said


def test_a_part_without_a_floor_is_named(copy):
    (copy / "akm_jax" / "utils.py").touch()
    content, said = lint(copy)
    assert not content
    assert "akm_jax.utils" in said
