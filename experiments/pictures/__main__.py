"""Command line: `python -m experiments.pictures preparation|benchmark|report|demo`."""

from collections.abc import Sequence
from typing import Annotated

import tyro

import experiments.pictures
from experiments.command import command_line, parse, require_writable, run_command
from experiments.pictures import benchmark, demo, preparation, report

Picture = (
    Annotated[preparation.PictureConfig, tyro.conf.subcommand("preparation")]
    | Annotated[benchmark.PictureConfig, tyro.conf.subcommand("benchmark")]
    | Annotated[report.PictureConfig, tyro.conf.subcommand("report")]
    | Annotated[demo.PictureConfig, tyro.conf.subcommand("demo")]
)


@command_line(writes=("--output",))
def main(arguments: Sequence[str]) -> None:
    """Parse and draw."""
    about = experiments.pictures.__doc__
    config = parse(Picture, arguments, program="python -m experiments.pictures", description=about)
    if not isinstance(config, demo.PictureConfig):
        require_writable("--output", config.output, (".png", ".svg", ".pdf"))
    config.draw()


if __name__ == "__main__":
    run_command(main)
