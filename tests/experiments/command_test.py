"""What all command lines share: remedies among their own options, one JSON object, texts that are no markup."""

import dataclasses
import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
import tyro

from akm_jax.observe import make_console
from experiments import command
from experiments.command import OptionError, command_line, parse, require_writable, run_command
from experiments.options import value_of

ODD_NAMES = ("a [copy]", "[/b]", "[red]x[/red]", "rec-12:30:smile:", "$x$ \\frac", "微表情", "تعبير")


@dataclasses.dataclass(frozen=True)
class Options:
    """Of a command that there is not."""

    place: Path = Path("here")
    learning_rate: float = 0.1
    json: bool = False


def run(capsys, main, *arguments):
    with mock.patch.object(sys, "argv", ["command", *arguments]), pytest.raises(SystemExit) as end:
        run_command(main)
    return end.value.code, *capsys.readouterr()


def failing(error, **about):
    @command_line(**about)
    def main(_arguments):
        raise error

    return main


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_are_printed_as_they_are(capsys, name):
    make_console().print(f"wrote {name}", soft_wrap=True)
    assert capsys.readouterr().err == f"wrote {name}\n"
    code, _, err = run(capsys, failing(ValueError(f"{name}: not this")))
    assert (code, err) == (1, f"error: {name}: not this\n")


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_remedy_is_an_option_of_the_command(capsys, tmp_path, code):
    error = OSError(code, os.strerror(code), str(tmp_path / "out" / "o.png"))
    _, _, err = run(capsys, failing(error, writes=("--picture",)), "clip")
    assert "choose a place you may write to with --picture\n" in err
    assert "--run_dir" not in err
    assert "choose" not in run(capsys, failing(error))[2]
    _, _, err = run(capsys, failing(error, writes=("--picture",)), f"--clip={tmp_path}")
    assert "it can't be read" in err


def test_a_full_disk_goes_on_only_where_a_command_does(capsys):
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "goes on from what is finished" in run(capsys, failing(error, resumes=True))[2]
    assert run(capsys, failing(error))[2].endswith("make room\n")


def test_too_little_memory_is_one_line(capsys):
    assert (
        "fewer --clips_per_step" in run(capsys, failing(MemoryError(), writes=("--run_dir",), resumes=True))[2].lower()
    )
    error = RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 99 bytes.")
    assert run(capsys, failing(error))[2].startswith("error: there is not enough memory. RESOURCE_EXHAUSTED")


def test_a_fault_of_the_program_keeps_its_traceback():
    with mock.patch.object(sys, "argv", ["command"]), pytest.raises(RuntimeError, match="a fault"):
        run_command(failing(RuntimeError("a fault")))


@pytest.mark.parametrize("error", [ValueError("it [b]"), FileNotFoundError(2, "gone", "x"), KeyboardInterrupt()])
def test_an_error_is_an_object_where_json_is_asked_for(capsys, error):
    code, out, err = run(capsys, failing(error, json=True), "--json")
    assert code
    assert err == ""
    assert list(json.loads(out)) == ["error"]
    assert run(capsys, failing(error, json=True))[1] == ""


def test_a_fault_of_the_program_is_an_object_too_and_keeps_its_traceback(capsys):
    code, out, err = run(capsys, failing(KeyError("inner"), json=True), "--json")
    assert code == 1
    assert json.loads(out) == {"error": "a fault of the program: KeyError: 'inner'"}
    assert "Traceback" in err


def test_options_are_read_with_home_and_hyphens(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    found = parse(Options, ["--place=~/r", "--learning-rate", "2"], program="x", description=None)
    assert found == Options(tmp_path / "r", 2.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lr=1"], "--lr: no such option; did you mean --learning_rate?"),
        (["--lr", "1", "--gpu"], "--gpu: no such option; not needed: JAX computes on a GPU by itself"),
        (["--learning_rate=fast"], "Error parsing --learning_rate: could not convert string to float: 'fast'"),
        (["surplus"], "Unrecognized options: surplus"),
    ],
)
def test_wrong_options_are_one_line_and_code_2(capsys, arguments, message):
    @command_line(json=True)
    def main(given):
        parse(Options, given, program="x", description=None)

    with pytest.raises(OptionError):
        main(arguments)
    code, _, err = run(capsys, main, *arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    code, out, _ = run(capsys, main, *arguments, "--json")
    assert (code, message in json.loads(out)["error"]) == (2, True)


@dataclasses.dataclass(frozen=True)
class Needed:
    """Of a command that there is not."""

    clip: tyro.conf.Positional[Path]
    """Folder of frames (jpg, png) or video file."""
    checkpoint: Path
    """Run directory of experiments.loso, of any method, or a PyTorch state dict
    (.pt)."""
    length: float
    """FPS."""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["c", "--length=1"], "--checkpoint=PATH is missing, run directory of experiments.loso, of any method, or a"),
        (["--checkpoint=c", "--length=1"], "PATH is missing, folder of frames (jpg, png) or video file; x --help"),
        (["c"], "state dict (.pt); --length=FLOAT is missing, FPS; x --help lists the options"),
    ],
)
def test_what_is_missing_is_a_sentence(arguments, message):
    with pytest.raises(OptionError) as error:
        parse(Needed, arguments, program="x", description=None)
    assert message in str(error.value)
    assert "required" not in str(error.value)


def test_what_else_has_an_option_is_said():
    told = {"fast": "only cars have it"}
    with pytest.raises(OptionError, match=r"^--fast: no such option; only cars have it; --lr: no such option; did you"):
        parse(Options, ["--fast=1", "--lr=1"], program="x", description=None, elsewhere=lambda one: told.get(one, ""))


def test_values_that_are_refused_are_of_options():
    with pytest.raises(OptionError, match="epochs=0"), command.checked_options():
        raise ValueError("--epochs=0")


def test_help_stays_a_help(capsys):
    with pytest.raises(SystemExit) as end:
        parse(Options, ["--help"], program="x", description="What it is.")
    assert not end.value.code
    assert "What it is." in capsys.readouterr().out


def test_places_are_checked_before_the_work(tmp_path):
    suffixes = (".png", ".svg")
    require_writable("--picture", tmp_path / "new" / "o.PNG", suffixes)
    require_writable("--run_dir", tmp_path / "new" / "run")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match=r"--picture=.*o\.xyz: expected a name that ends in \.png, \.svg"):
        require_writable("--picture", tmp_path / "o.xyz", suffixes)
    (tmp_path / "o.png").mkdir()
    with pytest.raises(ValueError, match="a folder; expected the name of a file"):
        require_writable("--picture", tmp_path / "o.png", suffixes)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="--run_dir can't be written"):
        require_writable("--run_dir", tmp_path / "file" / "run")
    with pytest.raises(OSError, match="--picture can't be written"):
        require_writable("--picture", Path("/proc/akm/o.png"), suffixes)


def test_a_read_only_disk_is_found_out_before_the_work(monkeypatch, tmp_path):
    def refuse(**_options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(command.tempfile, "TemporaryFile", refuse)
    with pytest.raises(OSError, match="--run_dir can't be written") as error:
        require_writable("--run_dir", tmp_path)
    assert error.value.errno == errno.EROFS


def test_a_terminal_of_few_characters_loses_no_name(monkeypatch):
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    with mock.patch.object(sys, "argv", ["command"]):
        run_command(lambda _: print("微 \udcff"))
    assert out.getvalue() == b"\\u5fae \\udcff\n"


@pytest.mark.parametrize("wanted", ["cuda", "nonsense"])
def test_a_platform_that_is_not_there_is_one_line(tmp_path, wanted):
    environment = {**os.environ, "JAX_PLATFORMS": wanted, "PYTHONPATH": os.pathsep.join(sys.path)}
    program = "import jax; from experiments.command import run_command; run_command(lambda _: jax.devices())"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert lines == done.stderr.splitlines()[-1:]
    assert f"JAX_PLATFORMS={wanted}: JAX finds no such device here" in lines[0]
    assert "Traceback" not in done.stderr


INTERRUPTED = """
import signal, time
from experiments.command import command_line, run_command

class Ended:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.01)

@command_line(resumes=True)
def main(arguments):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    Ended()
    time.sleep(20)

run_command(main)
"""


def test_ctrl_c_within_a_callback_that_ignores_it_ends_the_command():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr == "stopped; the same command goes on from here\n"


def test_of_an_option_given_twice_the_last_decides_about_others_too():
    assert value_of(["--variant=paper", "--variant", "port", "--variants=x"], "variant", "paper") == "port"
    assert value_of(["--variant"], "variant", "paper") == "paper"
