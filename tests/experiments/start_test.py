"""What a command loads before it knows what to do: nothing that only some of its work needs."""

import os
import subprocess
import sys

import pytest

from experiments import huge_pages

LATE = "grain matplotlib openpyxl orbax pandas sklearn tensorboardX tensorflow tensorflow_datasets torch"
HELP = """
import contextlib, importlib, io, sys
command = importlib.import_module("experiments.{command}")
with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
    command.main(["--help"])
assert "usage" in text.getvalue()
print(sorted(set("{late}".split()) & sys.modules.keys()))
"""


COMMANDS = ("predict", "report", "loso", "benchmark", "evaluate_spots", "spot", "watch", "methods", "tables")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_nothing_that_is_used_later(command):
    code = HELP.format(command=command, late=LATE)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_without_sys_nothing_is_started_again(monkeypatch, tmp_path):
    """As on macOS: `/sys` is not there, and the program goes on as it is."""
    monkeypatch.delenv(huge_pages.VARIABLE, raising=False)
    monkeypatch.setattr(huge_pages, "CHOICE", tmp_path / "sys" / "enabled")
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("started again"))
    huge_pages.start_again_with_huge_pages()
