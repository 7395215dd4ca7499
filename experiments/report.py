"""Draw the page of a run anew, from the files of its directory.

    python -m experiments.report runs/demo

The page is RUN/report.html: one file that needs nothing else.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from akm_jax.report.page import write_report
from experiments.command import console, parse, run_command


def main(arguments: Sequence[str]) -> None:
    """Parse, draw, say where the page is."""
    run = parse(
        Annotated[Path, tyro.conf.Positional, tyro.conf.arg(name="run", metavar="RUN", help="directory of a run")],
        arguments,
        program="python -m experiments.report",
        description=__doc__,
    )
    console.print(f"{write_report(run)}", soft_wrap=True)


if __name__ == "__main__":
    run_command(main)
