"""What the command lines share: a console, how options are read, and errors that fit on one screen."""

import contextlib
import dataclasses
import errno
import io
import json
import os
import re
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import tyro

from akm_jax.observe import make_console
from experiments.spelling import as_read, suggest

console = make_console()

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR)
EXPECTED = (OSError, ValueError, FloatingPointError, ImportError, MemoryError, RuntimeError, AssertionError)


class OptionError(ValueError):
    """The options can't be read; the program ends with code 2."""


@dataclasses.dataclass(frozen=True)
class About:
    """What errors have to know of a command.

    Attributes:
        writes: options that say where it writes.
        resumes: whether the same command goes on where it was stopped.
        json: whether `--json` makes it print one JSON object, which an error then is too.
    """

    writes: tuple[str, ...] = ()
    resumes: bool = False
    json: bool = False


def command_line(*, writes: Sequence[str] = (), resumes: bool = False, json: bool = False) -> Callable[[Any], Any]:
    """Decorator of a command's `main(arguments)`: what `run_command` shall know of it, as in `About`."""

    def mark(main: Any) -> Any:
        main.about = About(tuple(writes), resumes, json)
        return main

    return mark


def run_command(main: Callable[[Sequence[str]], Any]) -> None:
    """Run a command line; expected errors are printed without a traceback, exit code 1, or 2 for wrong options."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that the terminal's encoding lacks
    about, arguments = getattr(main, "about", About()), sys.argv[1:]
    usual, sys.unraisablehook = sys.unraisablehook, _interrupt_again
    try:
        main(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as e:
        text = explain(e, about, arguments) if isinstance(e, EXPECTED) else None
        if text is None and not _wants_json(about, arguments):
            raise
        if text is None:
            traceback.print_exc()
            text = f"a fault of the program: {type(e).__name__}: {e}"
        _end(text, 2 if isinstance(e, OptionError) else 1, about, arguments)
    except KeyboardInterrupt:
        _end("stopped" + ("; the same command goes on from here" if about.resumes else ""), 130, about, arguments)
    finally:
        sys.unraisablehook = usual


def _interrupt_again(ignored: Any) -> None:
    """Ctrl-C that falls into a callback, such as JAX's of the garbage collection, ends nothing: it comes once more."""
    if ignored.exc_type is KeyboardInterrupt:
        main = threading.main_thread().ident
        threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT)).start()
    else:
        sys.__unraisablehook__(ignored)


def _wants_json(about: About, arguments: Sequence[str]) -> bool:
    return about.json and "--json" in arguments


def _end(text: str, code: int, about: About, arguments: Sequence[str]) -> NoReturn:
    if _wants_json(about, arguments):
        print(json.dumps({"error": text}))
    elif code == 130:
        console.print(text)
    else:
        console.print(f"error: {text}", style="red", soft_wrap=True)
    sys.exit(code)


def explain(error: BaseException, about: About, arguments: Sequence[str]) -> str | None:
    """An error for whoever typed the command, with a remedy among its own options; None for one of the program."""
    again = ", then give the same command again: it goes on from what is finished" if about.resumes else ""
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        smaller = " Fewer --clips_per_step need less." if "--run_dir" in about.writes and about.resumes else ""
        return f"there is not enough memory.{smaller} {' '.join(str(error).split())[:200]}".rstrip()
    if isinstance(error, RuntimeError | AssertionError):
        wanted = os.environ.get("JAX_PLATFORMS", "")
        frames = traceback.extract_tb(error.__traceback__)
        if not (wanted and frames and Path(frames[-1].filename).name == "xla_bridge.py"):
            return None
        return (
            f"JAX_PLATFORMS={wanted}: JAX finds no such device here. Leave the variable out, or give "
            "JAX_PLATFORMS=cpu; a GPU of NVIDIA needs its driver and pip install 'akm_jax[cuda]'"
        )
    if isinstance(error, OSError):
        if error.errno in _NO_ROOM:
            return f"{error}; make room{again}"
        if error.errno in _NOT_WRITABLE and _is_input(error.filename, about, arguments):
            return f"{error}; it can't be read: change its permissions (chmod -R u+rX), or copy it"
        if error.errno in _NOT_WRITABLE and about.writes:
            return f"{error}; choose a place you may write to with {' or '.join(about.writes)}"
    return str(error)


def _is_input(path: Any, about: About, arguments: Sequence[str]) -> bool:
    """Whether a path lies at or below one that was given to be read."""
    options = [argument.partition("=") for argument in as_read(arguments)]
    values = [value if equals else option for option, equals, value in options if option not in about.writes]
    failed = Path(str(path)).absolute()
    return path is not None and any(failed.is_relative_to(Path(value).absolute()) for value in values if value)


@contextlib.contextmanager
def checked_options() -> Iterator[None]:
    """A ValueError within is of an option's value: it becomes an OptionError."""
    try:
        yield
    except ValueError as e:
        raise OptionError(str(e)) from e


def parse(
    kind: Any,
    arguments: Sequence[str],
    *,
    program: str,
    description: str | None,
    elsewhere: Callable[[str], str] = lambda _: "",
    **options: Any,
) -> Any:
    """Read a command line with tyro; `--help` ends the program.

    Args:
        kind: dataclass, function or type, as `tyro.cli` takes it.
        arguments: as typed; `~` is expanded and data sets are named as here.
        program: as typed, for the help.
        description: of the help.
        elsewhere: for an option that there is not, without dashes, what has one of that name; "" if nothing has.
        **options: more for `tyro.cli`.

    Raises:
        OptionError: options that there are not, with those that may be meant; or values that can't be read.
    """
    said, given = io.StringIO(), as_read(arguments)

    def read(given: Sequence[str]) -> Any:
        how = {"prog": program, "description": description, "use_underscores": True, **options}
        return tyro.cli(kind, args=list(given), **how)

    try:
        with contextlib.redirect_stderr(said):
            return read(given)
    except SystemExit as e:
        if not e.code:
            raise
    known = _options_of(read, given)
    unknown = [one for one in given if one.startswith("--") and _name(one) and _name(one) not in known]
    if unknown:
        raise OptionError(
            "; ".join(
                f"{one.partition('=')[0]}: no such option; {elsewhere(_name(one)) or suggest(one, known)}"
                for one in unknown
            )
        )
    raise OptionError(f"{_missing_as_sentence(_without_frame(said.getvalue()))}; {program} --help lists the options")


def refuse_unused(arguments: Sequence[str], unused: Mapping[str, str]) -> None:
    """Raise where an option is given that decides nothing beside the others: whoever gave it expects something of it.

    Args:
        arguments: as typed.
        unused: options, or groups of them (`synthetic` is all of `--synthetic.*`), without dashes, and why.

    Raises:
        OptionError: the first such option, and why.
    """
    for argument in as_read(arguments):
        name = re.sub(r"(^|\.)no_", r"\1", _name(argument)) if argument.startswith("--") else ""
        for option, why in unused.items():
            if name == option or name.startswith(f"{option}."):
                raise OptionError(f"{argument}: {why}; leave it out")


def _name(option: str) -> str:
    return option.partition("=")[0].lstrip("-").replace("-", "_")


def _options_of(read: Callable[[Sequence[str]], Any], given: Sequence[str]) -> list[str]:
    """Names of a command's options, from its help; of a subcommand where one is given."""
    before = []
    for argument in given:
        if argument.startswith("-"):
            break
        before.append(argument)
    text = io.StringIO()
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(text), contextlib.redirect_stderr(io.StringIO()):
        read([*before, "--help"])
    lines = [line for line in text.getvalue().splitlines() if re.match(r"\W*(-\w, )?--\w", line)]
    return ["help", *(_name(one) for line in lines for one in re.findall(r"(?<![\w-])--[\w.-]+", line))]


def _without_frame(text: str) -> str:
    """What tyro says in a frame, whose title is a part of its own where the terminal has no lines to draw it with."""
    lines = [re.sub(r"^│|│$", "", line).strip() for line in text.splitlines()]
    parts = " ".join("\0" if line and set(line) <= set("─-") else line for line in lines if line[:1] not in ("╭", "╰"))
    told = [" ".join(part.split()) for part in parts.split("\0")]
    return told[0 if "╭" in text else 1] if len(told) > 1 else " ".join(told) or "the options can't be read"


def _missing_as_sentence(text: str) -> str:
    """Options that tyro lists as missing, each with what it is; other texts as they are."""
    listed = re.fullmatch(r"Missing from .*?: (.*?) ?\(required\)", text)
    if listed is None:
        return text
    said = []
    for option, kind, what in re.findall(r"(?:(--\S+) )?(\S+) ?(.*?) ?\(required\)", f"{listed[1]} (required)"):
        what = re.sub(r"^[A-Z](?=[a-z ])", lambda first: first[0].lower(), what.rstrip("."))
        said.append(f"{f'{option}={kind}' if option else kind} is missing{f', {what}' if what else ''}")
    return "; ".join(said)


def require_writable(option: str, path: Path, suffixes: Sequence[str] = ()) -> None:
    """Raise, before any work is done, where a file (if `suffixes` are given) or a folder can't be written.

    Raises:
        ValueError: the suffix is none of `suffixes`, or a folder is there in place of a file.
        OSError: nothing can be written there.
    """
    if suffixes:
        if path.suffix.lower() not in suffixes:
            raise ValueError(f"{option}={path}: expected a name that ends in {', '.join(suffixes)}")
        if path.is_dir():
            raise ValueError(f"{option}={path}: a folder; expected the name of a file")
    place = path.absolute()
    place = place.parent if suffixes else place
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as e:
        code = errno.EACCES if e.errno == errno.ENOENT else e.errno
        raise OSError(code, f"{option} can't be written ({os.strerror(e.errno or 0)})", str(path)) from e
