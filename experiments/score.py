"""Score predictions made elsewhere, and draw their page.

    python -m experiments.score PREDICTIONS.csv --run_dir=runs/theirs

The table has the columns clip_id, subject, label, prediction, and may have probabilities: one column p_<class> or
probability_<class> a class, or one column `probabilities` with all of them in the order of the classes.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from experiments.command import command_line, console, parse, require_writable, run_command


@dataclasses.dataclass(frozen=True)
class ScoreCommand:
    """What to score."""

    predictions: Annotated[Path, tyro.conf.Positional]
    """Table of predictions, CSV."""
    run_dir: Path
    """Where results go."""
    name: str | None = None
    """What made the predictions; `foreign` if not given."""
    classes: str | None = None
    """All class names in their order, comma-separated; those of the table if not given."""


@command_line(writes=("--run_dir",))
def main(arguments: Sequence[str]) -> None:
    """Parse, score, print."""
    command = parse(ScoreCommand, arguments, program="python -m experiments.score", description=__doc__)
    from akm_jax.run import score_predictions  # here: --help need not wait for it

    require_writable("--run_dir", command.run_dir)
    classes = [name.strip() for name in command.classes.split(",")] if command.classes else None
    summary = score_predictions(command.predictions, command.run_dir, class_names=classes, name=command.name)
    print_scores(summary, command.run_dir / "report.html")


def print_scores(summary: dict, report: Path) -> None:
    """Print the scores as a person wants to read them."""
    (scores,) = summary["rules"].values()
    low, high = summary["majority_band95"]
    console.print(
        f"majority class {summary['majority_accuracy']:.3f} of {summary['num_clips']} clips of "
        f"{summary['num_subjects']} subjects, by chance {low:.3f} to {high:.3f}",
        soft_wrap=True,
    )
    low, high = scores["accuracy_ci95"]
    console.print(
        f"given: accuracy {scores['accuracy']:.3f} [{low:.3f}, {high:.3f}], UF1 {scores['uf1']:.3f}, "
        f"UAR {scores['uar']:.3f}   made elsewhere: how the models were chosen is not known",
        soft_wrap=True,
    )
    for note in summary["notes"]:
        console.print(note, soft_wrap=True)
    console.print(f"report: {report}", soft_wrap=True)


if __name__ == "__main__":
    run_command(main)
