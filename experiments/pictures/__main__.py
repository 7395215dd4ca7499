"""Command line: `python -m experiments.pictures preparation|benchmark|report|demo`."""

from collections.abc import Sequence
from typing import Annotated

import tyro

import experiments.pictures
from experiments.command import run_command
from experiments.pictures import benchmark, demo, preparation, report

Picture = (
    Annotated[preparation.PictureConfig, tyro.conf.subcommand("preparation")]
    | Annotated[benchmark.PictureConfig, tyro.conf.subcommand("benchmark")]
    | Annotated[report.PictureConfig, tyro.conf.subcommand("report")]
    | Annotated[demo.PictureConfig, tyro.conf.subcommand("demo")]
)


def main(arguments: Sequence[str]) -> None:
    """Parse and draw."""
    config = tyro.cli(
        Picture,  # type: ignore[arg-type]
        args=list(arguments),
        prog="python -m experiments.pictures",
        description=experiments.pictures.__doc__,
        use_underscores=True,
    )
    config.draw()


if __name__ == "__main__":
    run_command(main)
