"""What a person sees while folds train: a live display on a terminal, a line a fold everywhere else."""

import time
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from akm_jax.observe import Observer, Place, Progress


class TrainingDisplay(Observer):
    """Epochs of finished folds and time left on a bar; beside it subjects, epochs, loss and frames a second."""

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
        self._running: dict[Place, Progress] = {}
        self._started = time.monotonic()

    def __enter__(self) -> "TrainingDisplay":
        self._bars.start()
        return self

    def __exit__(self, *_exc) -> None:
        self._bars.stop()

    def tell(self, text: str) -> None:
        """Print it."""
        self._console.print(text, markup=False)

    def track(self, items: Iterable, what: str, total: int) -> Iterable:
        """A bar of its own, which goes when the work is done."""
        bar = self._bars.add_task(what, total=total, text="")
        for item in items:
            yield item
            self._bars.advance(bar)
        self._bars.remove_task(bar)

    def step_done(self, progress: Progress) -> None:
        """Show where training is."""
        self._running[progress.place] = progress
        self._bars.update(self._epochs, text=_where(progress, list(self._running.values())))

    def epoch_done(self, place: Place, entry: dict[str, Any]) -> None:
        """Forget a training that is over."""
        progress = self._running.get(place)
        if progress is not None and entry["epoch"] == progress.epochs:
            del self._running[place]

    def fold_done(self, result: dict[str, Any], done: int, total: int) -> None:
        """Print a line about a finished fold and advance the bar by its epochs."""
        self._bars.update(self._epochs, advance=sum(len(h) for h in result["histories"].values()))
        minutes = (time.monotonic() - self._started) / 60
        scores = ", ".join(f"{rule} {correct}/{total_clips}" for rule, correct, total_clips in _correct(result))
        self._console.print(
            f"fold {done}/{total}: subject {result['subject']}, seed {result['seed']}, correct by rule {scores} "
            f"({minutes:.1f} min)"
        )


def _where(latest: Progress, running: list[Progress]) -> str:
    """Where the trainings are; of several at once, the loss of the latest and all their frames a second."""
    rate = sum(p.frames / p.seconds for p in running)
    if len(running) == 1:
        where = f"subject {latest.place.subject}, seed {latest.place.seed}, epoch {latest.epoch}/{latest.epochs}"
    else:
        where = ", ".join(f"s{p.place.subject} {p.epoch}/{p.epochs}" for p in running)
    return f"{where}, loss {latest.loss:.3f}, {rate:,.0f} frames/s"


def _correct(result: dict[str, Any]) -> list[tuple[str, int, int]]:
    """For each rule the clips classified correctly, and all clips."""
    return [
        (rule, sum(c["prediction"] == c["label"] for c in outcome["clips"].values()), len(outcome["clips"]))
        for rule, outcome in result["rules"].items()
    ]
