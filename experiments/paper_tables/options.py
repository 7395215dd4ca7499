"""Options of the command that runs tables; their defaults depend on the preset."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import tyro

from akm_jax.config import RunOptions
from experiments import command
from experiments.options import DataOptions, SyntheticConfig, check_preset, value_of

_BARE = tyro.conf.arg(name="")


@dataclasses.dataclass(frozen=True)
class TablesCommand:
    """Options."""

    table: int
    """Number of the table, 3 to 8."""
    preset: Literal["paper", "demo", "tiny"] = "paper"
    """The published networks, a quarter of an hour's worth on drawn faces, or the smallest that run."""
    plan: bool = False
    """Say which runs are needed, how long they take and how much memory, and run nothing."""
    cells: str = ""
    """Only these lines of the table, comma-separated; all when empty."""
    control: Literal["main", "every", "none"] = "main"
    """Negative control, the same with labels drawn at random: of AKMNet, of every line, or none."""
    init: Path | None = None
    """Weights that every run of AKMNet starts from, as `experiments.loso --init`; without them runs start fresh."""
    tables_dir: Path | None = None
    """Where runs and tables go; runs/tables-<dataset>-<preset> when not given."""
    data: Annotated[DataOptions, _BARE] = DataOptions()
    run: Annotated[RunOptions, _BARE] = RunOptions()

    @classmethod
    def preset_of(cls, name: str) -> "TablesCommand":
        """The defaults of a preset."""
        rules = "last,inner,test" if name == "paper" else "last,test"
        run = RunOptions(rules=rules, seeds=1 if name == "tiny" else 3, check_leaks=name != "tiny")
        drawn = {"demo": SyntheticConfig(5, 3, size=64), "tiny": SyntheticConfig(3, 3, size=48)}
        data = DataOptions(synthetic=drawn.get(name, SyntheticConfig()))
        return cls(table=5, preset=name, data=data, run=run)  # type: ignore[arg-type]

    @property
    def folder(self) -> Path:
        """Where runs and tables go."""
        return self.tables_dir or Path("runs") / f"tables-{self.data.dataset.replace(',', '+')}-{self.preset}"


def parse(arguments: Sequence[str], description: str | None) -> TablesCommand:
    """The command; defaults depend on `--preset`.

    Raises:
        OptionError: options that there are not, or no such preset.
    """
    preset = value_of(arguments, "preset", "paper")
    check_preset(preset)
    default = dataclasses.replace(TablesCommand.preset_of(preset), table=tyro.MISSING)
    return command.parse(
        TablesCommand, arguments, program="python -m experiments.tables", description=description, default=default
    )
