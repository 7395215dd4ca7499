"""What a command loads before it knows what to do: nothing that only some of its work needs."""

import subprocess
import sys

import pytest

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
