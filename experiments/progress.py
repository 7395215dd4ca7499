"""What a person sees while folds train: a live display on a terminal, a line a fold everywhere else."""

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from akm_jax.train.observe import Observer, Progress


class TrainingDisplay(Observer):
    """Folds done and time left on one bar; subject, epoch, loss and frames a second on the other."""

    def __init__(self, console: Console, num_epochs: int):
        """Args: console to draw on; epochs in all, over every training of the run, for the time left."""
        self._console = console
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[text]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._epochs = self._bars.add_task("epochs", total=num_epochs, text="")
        self._started = time.monotonic()

    def __enter__(self) -> "TrainingDisplay":
        self._bars.start()
        return self

    def __exit__(self, *_exc) -> None:
        self._bars.stop()

    def step_done(self, progress: Progress) -> None:
        """Show where training is."""
        rate, place = progress.frames / progress.seconds, progress.place
        self._bars.update(
            self._epochs,
            text=f"subject {place.subject}, seed {place.seed}, epoch {progress.epoch}/{progress.epochs}, "
            f"loss {progress.loss:.3f}, {rate:,.0f} frames/s",
        )

    def fold_done(self, result: dict[str, Any], done: int, total: int) -> None:
        """Print a line about a finished fold and advance the bar by its epochs."""
        self._bars.update(self._epochs, advance=sum(len(h) for h in result["histories"].values()))
        minutes = (time.monotonic() - self._started) / 60
        scores = ", ".join(f"{rule} {correct}/{total_clips}" for rule, correct, total_clips in _correct(result))
        self._console.print(
            f"fold {done}/{total}: subject {result['subject']}, seed {result['seed']}, correct by rule {scores} "
            f"({minutes:.1f} min)"
        )


def _correct(result: dict[str, Any]) -> list[tuple[str, int, int]]:
    """For each rule the clips classified correctly, and all clips."""
    return [
        (rule, sum(c["prediction"] == c["label"] for c in outcome["clips"].values()), len(outcome["clips"]))
        for rule, outcome in result["rules"].items()
    ]
