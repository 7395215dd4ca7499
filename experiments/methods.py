"""List the methods that can be run and compared: what each sees, its size and time, its source, what of it is ours.

    python -m experiments.methods
    python -m experiments.methods ststnet rcn --classes=3
    python -m experiments.methods --json

`python -m experiments.loso --method=NAME` runs one, and `--method=NAME --help` shows its options. Published figures are
in docs/methods.md. The time is that of a run at the method's usual settings on a set of 255 clips and 26 subjects, as
CASME II has: an estimate for two CPU cores, good to a factor of two or so, by what `experiments.tables --plan` goes by.
"""

import dataclasses
import inspect
import json
import textwrap
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import tyro

from akm_jax.config import RunOptions
from akm_jax.methods import find_method, method_names
from akm_jax.progress import duration
from experiments.benchmarks.workload import draw_lengths
from experiments.command import command_line, parse, run_command
from experiments.expected_cost import Work, expect

WIDTH = 100
INDENT = 14


@dataclasses.dataclass(frozen=True)
class Command:
    """Options.

    Attributes:
        names: methods; all when none is given.
        classes: K, for the number of parameters.
        json: print JSON.
    """

    names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="NAME ...")] = ()
    classes: int = 4
    json: bool = False


@command_line(json=True)
def main(arguments: Sequence[str]) -> None:
    """Parse, describe, print."""
    command = parse(Command, arguments, program="python -m experiments.methods", description=__doc__)
    if command.classes < 2:
        raise ValueError(f"--classes={command.classes}: expected at least 2")
    described = [describe(name, command.classes) for name in command.names or method_names()]
    print(json.dumps(described, indent=1) if command.json else "\n\n".join(as_text(one) for one in described))


def describe(name: str, num_classes: int) -> dict[str, Any]:
    """What a method says of itself.

    Raises:
        ValueError: there is no method of this name.
    """
    kind = find_method(name)
    method = kind()
    view = method.view
    return {
        "name": name,
        "title": kind.title or name,
        "source": kind.source,
        "sees": "every frame" if view is None else _first_sentence(view),
        "view": None if view is None else {"name": _kind_of(view).__name__, **_settings(view)},
        "parameters": method.num_parameters(num_classes),
        "classes": num_classes,
        "ours": kind.ours,
        "cost": kind.cost,
        "time_s": round(expect(method, RunOptions(), like_casme2(num_classes)).seconds),
    }


def like_casme2(num_classes: int) -> Work:
    """A run that leaves each subject of a set of CASME II's size out."""
    lengths, subjects = draw_lengths("casme2")
    return Work(lengths, [int(np.sum(subjects != one)) for one in np.unique(subjects)], num_classes)


def _kind_of(view: Any) -> Any:
    return view if inspect.isfunction(view) else type(view)


def _first_sentence(view: Any) -> str:
    text = " ".join((inspect.getdoc(_kind_of(view)) or _kind_of(view).__name__).split())
    return text.partition(". ")[0].rstrip(".")


def _settings(view: Any) -> dict[str, Any]:
    return dataclasses.asdict(view) if dataclasses.is_dataclass(view) and not isinstance(view, type) else {}


def as_text(described: dict[str, Any]) -> str:
    """A method on some lines; what it does not say is left out."""
    view, parameters = described["view"], described["parameters"]
    rows = {
        "source": described["source"],
        "sees": described["sees"],
        "view": "" if view is None else _as_settings(view),
        "parameters": "" if parameters is None else f"{parameters:,} for {described['classes']} classes",
        "ours": described["ours"],
        "cost": described["cost"],
        "time": f"about {duration(described['time_s'])} on two CPU cores for a set of CASME II's size",
    }
    return "\n".join([f"{described['name']}: {described['title']}", *(_row(k, v) for k, v in rows.items() if v)])


def _as_settings(view: dict[str, Any]) -> str:
    """Settings of a view that are set."""
    return ", ".join(f"{k}={v}" for k, v in view.items() if k not in ("name", "version") and v is not None)


def _row(name: str, text: str) -> str:
    first, rest = f"  {name:<{INDENT - 2}}", " " * INDENT
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


if __name__ == "__main__":
    run_command(main)
