"""Command lines: each in a process of its own, or one after another in one that stays; and one finished run."""

import fcntl
import json
import os
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# The smallest run that can be stopped between epochs; tests that give these options share one compiled program.
TINY = ("--preset=tiny", "--epochs=2", "--rules=last,test", "--checkpoint_interval_s=0")


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    """Options of the finished run."""
    return TINY


def run_cold(module: str, *arguments, cwd, env=None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"experiments.{module}", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=env)


@pytest.fixture(scope="session")
def command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `python -m experiments.MODULE`, in the current environment or in `env`."""
    return run_cold


@pytest.fixture(scope="session")
def warm_command() -> Iterator[Callable[..., types.SimpleNamespace]]:
    """The same in a process that stays, so that what one command imported and compiled serves the next.

    `largest_file` stands for a full disk: bytes that a file may grow to. `home` is what `~` stands for.
    """
    program = [sys.executable, str(Path(__file__).with_name("warm_commands.py"))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(program, env=environment, **pipes) as process:

        def run(module: str, *arguments, cwd, largest_file=None, home=None) -> types.SimpleNamespace:
            request = {"module": f"experiments.{module}", "arguments": list(map(str, arguments)), "cwd": str(cwd)}
            process.stdin.write(json.dumps(request | {"largest_file": largest_file, "home": home and str(home)}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            assert line, f"the process ended with code {process.wait()}"
            return types.SimpleNamespace(**json.loads(line))

        yield run


def once_for_all_workers(tmp_path_factory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first of pytest's processes to ask for it fills and the others only read."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of all workers
    folder = shared / name
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            partial = shared / f"{name}.partial"
            partial.mkdir()
            make(partial)
            partial.rename(folder)
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A folder with a drawn corpus, `data`, a finished tiny run, `run`, and what the run printed, `printed`.

    Not to be changed: tests of other processes read it too.
    """

    def make(folder: Path) -> None:
        done = run_cold("loso", *TINY, "--run_dir=run", "--data_dir=data", cwd=folder)
        assert done.returncode == 0, done.stderr
        (folder / "printed").write_text(done.stderr)

    return once_for_all_workers(tmp_path_factory, "finished", make)
