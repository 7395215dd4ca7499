"""What the runs of a table take, roughly, before any is started; the speed of a finished run of the table counts."""

from collections.abc import Sequence
from pathlib import Path

from akm_jax.files import read_json
from akm_jax.progress import duration
from experiments import expected_cost
from experiments.command import console
from experiments.expected_cost import Expected, Work
from experiments.paper_tables.runs import PlannedRun, is_finished


def expect(one: PlannedRun) -> Expected:
    """What a run takes from its start."""
    clips = one.clip_set
    work = Work(clips.lengths, [len(fold.train) for fold in one.folds], len(clips.class_names))
    speed = _measured(one) if one.experiment.method_name == "akmnet" else None
    return expected_cost.expect(one.method(), one.experiment.options, work, frames_a_second=speed)


def _measured(one: PlannedRun) -> float | None:
    """Frames a second of this run, or of another of the same network, where one is finished."""
    for path in [one.experiment.run_dir, *sorted(one.experiment.run_dir.parent.glob("*"))]:
        file = path / "summary.json"
        summary = read_json(file) if file.is_file() else {}
        if summary.get("config", {}).get("method") == "akmnet" and "frames_per_second" in summary:
            return float(summary["frames_per_second"])
    return None


def print_plan(planned: Sequence[PlannedRun], folder: Path) -> None:
    """Print each run with folds, seeds, rules, time and memory, then the sum of what is left."""
    from rich.table import Table

    table = Table("run", "folds x seeds", "rules", "time", "memory", title=f"runs below {folder}", title_justify="left")
    left = 0.0
    for one in planned:
        options = one.experiment.options
        folds = len(one.folds)
        name = one.experiment.run_dir.name
        if one.why_not:
            table.add_row(name, "", "", f"not run: {one.why_not}", "")
            continue
        if is_finished(one):
            table.add_row(name, f"{folds} x {options.seeds}", options.rules, "finished", "")
            continue
        expected = expect(one)
        left += expected.seconds
        row = (name, f"{folds} x {options.seeds}", options.rules, duration(expected.seconds), f"{expected.gib:.1f} GiB")
        table.add_row(*row)
    console.print(table)
    console.print(
        f"about {duration(left)} left on two CPU cores, one run after another; unfinished folds count whole",
        soft_wrap=True,
    )
