"""The runs that a table is made of: which there are, what each is bound to, and finishing them."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akm_jax.config import RunOptions
from akm_jax.data.clip_set import ClipSet
from akm_jax.methods.protocol import Method
from experiments.command import OptionError, console
from experiments.options import Experiment, parse_experiment, unused_options
from experiments.paper_tables.cells import MAIN, TABLES, CellSpec, TableSpec, in_order, options_of, seeds_of
from experiments.paper_tables.options import TablesCommand

if TYPE_CHECKING:
    from akm_jax.data.folds import Fold

NO_APEXES = "the set has no annotated apexes"
RANDOM_LABELS = "random_labels"


def experiment_of(cell: CellSpec, command: TablesCommand, spec: TableSpec) -> Experiment:
    """A cell's run.

    Raises:
        ValueError: its options are none of its method.
    """
    folder = command.folder / ("held_out" if spec.hold_out else "runs")
    options = [option.replace("{akmnet}", str(folder / MAIN)) for option in options_of(cell, command.preset)]
    options += [f"--init={command.init}"] if command.init and cell.method == "akmnet" else []
    given = [f"--method={cell.method}", f"--preset={command.preset}", *options]
    try:
        parsed = parse_experiment(given, program=f"table {command.table}, {cell.name}", description="")
    except OptionError as e:
        raise ValueError(
            f"table {command.table}, {cell.name}: `python -m experiments.loso {' '.join(given)}` does not take these "
            f"options ({e}); repair experiments/paper_tables/cells.py, or leave this line out with --cells"
        ) from e
    run = dataclasses.replace(command.run, seeds=seeds_of(cell, command.preset, command.run.seeds))
    return dataclasses.replace(parsed, run_dir=folder / cell.name, data=command.data, options=run)


def unused_of_all(experiments: Sequence[Experiment]) -> dict[str, str]:
    """Options of the tables that none of these runs has a use for, and why."""
    each = [unused_options(experiment) for experiment in experiments]
    unused = {option: why for option, why in each[0].items() if all(option in one for one in each)}
    trained = {experiment.method_name for experiment in experiments}
    return unused | (
        {} if "akmnet" in trained else {"init": f"no line is of akmnet, but of {', '.join(sorted(trained))}"}
    )


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """A run that a table needs.

    Attributes:
        cell: its line; a control has the line it is a control of.
        experiment: what is run.
        clip_set: on what.
        why_not: why it is not run; empty where it is.
        control: whether labels are drawn at random.
        shown: whether the table has it, or only another run reads it.
    """

    cell: CellSpec
    experiment: Experiment
    clip_set: ClipSet
    why_not: str = ""
    control: bool = False
    shown: bool = True

    def method(self) -> Method:
        """The method with its settings."""
        from experiments.loso import make_method

        return make_method(self.experiment, self.clip_set.class_names).on_this_machine(self.experiment.options.devices)

    @functools.cached_property
    def folds(self) -> "list[Fold]":
        """Those it leaves out."""
        from akm_jax.data.folds import make_folds

        return make_folds(self.clip_set, self.experiment.options.protocol, self.experiment.options.chosen_folds)

    @functools.cached_property
    def described(self) -> dict[str, Any]:
        """The settings that its directory is bound to."""
        from akm_jax.loso.run_dir import describe_run

        return describe_run(self.method(), self.experiment.options, self.experiment.settings)


def plan_runs(
    spec: TableSpec,
    cells: Sequence[CellSpec],
    experiments: dict[str, Experiment],
    clip_set: ClipSet,
    command: TablesCommand,
) -> list[PlannedRun]:
    """All runs of a table in their order, controls last; a control takes key frames from the control of AKMNet.

    Raises:
        ValueError: subjects or sets that there are not, or folds chosen of a table that holds subjects out once.
    """
    from akm_jax.data.folds import folds_asked_for
    from akm_jax.data.hold_out import HELD_OUT, hold_out

    run, planned = command.run, list[PlannedRun]()
    if spec.hold_out:
        _refuse_folds(command)
        clip_set, run = hold_out(clip_set), dataclasses.replace(run, folds=HELD_OUT)
    _, run = folds_asked_for(clip_set, run)
    for cell in in_order(tuple(cells)):
        experiment = experiments[cell.name]
        options = dataclasses.replace(experiment.options, folds=run.folds)
        experiment = dataclasses.replace(experiment, options=options)
        why_not = NO_APEXES if cell.needs_apex and not (clip_set.apexes >= 0).any() else ""
        planned.append(PlannedRun(cell, experiment, _seen_by(cell, clip_set), why_not, shown=cell in cells))
    asked = {"main": {MAIN}, "every": set(experiments), "none": set()}[command.control]
    named = {one.cell.name for one in planned if one.shown and not one.why_not} & asked
    named |= {needed for one in planned if one.cell.name in named for needed in one.cell.needs}
    return planned + _controls([one for one in planned if one.cell.name in named], clip_set, run, command.preset)


def _seen_by(cell: CellSpec, clip_set: ClipSet) -> ClipSet:
    """What a cell is run on."""
    from akm_jax.data.hold_out import last_frames

    return last_frames(clip_set, cell.last_frames) if cell.last_frames else clip_set


def _controls(planned: Sequence[PlannedRun], clip_set: ClipSet, run: RunOptions, preset: str) -> list[PlannedRun]:
    """Runs again on labels drawn at random, which are the same for all runs and tables of a directory."""
    from akm_jax.loso.comparison import draw_labels

    if not planned:
        return []
    every_cell = [cell for table in TABLES.values() for cell in table.cells]
    most = max(seeds_of(cell, preset, run.seeds) for cell in every_cell)
    drawn = draw_labels(clip_set, dataclasses.replace(run, seeds=most))
    return [
        dataclasses.replace(
            one, experiment=_control_of(one.experiment), clip_set=_seen_by(one.cell, drawn), control=True
        )
        for one in planned
    ]


def _control_of(experiment: Experiment) -> Experiment:
    """The same beside itself; it reads the key frames of a control too."""
    config = experiment.config
    if getattr(config, "key_frames_of", None):
        config = dataclasses.replace(config, key_frames_of=_control_place(config.key_frames_of))
    return dataclasses.replace(experiment, run_dir=_control_place(experiment.run_dir), config=config)


def _control_place(run_dir: Path) -> Path:
    return run_dir.with_name(f"{run_dir.name}-{RANDOM_LABELS}")


def _refuse_folds(command: TablesCommand) -> None:
    """Raise ValueError where a table that holds subjects out once is asked for other folds."""
    given = [f"--folds={command.run.folds}"] * bool(command.run.folds)
    given += [f"--protocol={command.run.protocol}"] * (command.run.protocol != "loso")
    if given:
        raise ValueError(
            f"{given[0]}: table {command.table} holds a fifth of the subjects out once, which are drawn; leave it out"
        )


def finish(one: PlannedRun) -> tuple[dict[str, Any], ...]:
    """Run it, or go on with it; gives the results of its folds. One that is finished is only read.

    Raises:
        ValueError: its directory holds a run of other settings or data, or it cannot be run.
    """
    from akm_jax.loso.run_dir import open_run
    from akm_jax.report.run_files import read_run
    from akm_jax.run import run_loso

    experiment = one.experiment
    with open_run(experiment.run_dir, one.described, one.clip_set) as place:
        done = is_finished(one)
    if not done:
        run_loso(
            one.method(),
            one.clip_set,
            place,
            options=experiment.options,
            settings=experiment.settings,
            console=console,
        )
    return tuple(read_run(place).results)


def is_finished(one: PlannedRun) -> bool:
    """Whether all its folds are there, and their summary."""
    from akm_jax.loso.driver import all_finished

    place = one.experiment.run_dir
    return (place / "summary.json").is_file() and all_finished(place, one.folds, one.experiment.options)
