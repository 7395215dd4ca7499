"""What a person sees while folds train: a bar and a line below it on a terminal, plain lines everywhere else.

Both count epochs, of all trainings of the run. What the run takes is told once, as soon as the speed is known.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from akm_jax.machine import memory_bytes, peak_memory_bytes
from akm_jax.observe import Observer, Place, Progress
from akm_jax.progress import PlainLines, duration, how_far

GIB = 2**30
SHORTEST_BETWEEN_LINES_S = 10.0  # of epochs; what takes shorter is not worth a line each
LONG_S = 3600.0  # from which the ways out are told


@dataclasses.dataclass(frozen=True)
class RunSize:
    """How much a run is, for the estimate.

    Attributes:
        epochs: of all its trainings.
        frames: that all these epochs train on; 0 where the method does not count them.
        disk_bytes: what its checkpoints will take.
        free_bytes: room where they go.
    """

    epochs: int
    frames: int = 0
    disk_bytes: Callable[[], int] = int
    free_bytes: Callable[[], int] | None = None


class _TwoLines(Bars):
    """A bar that fits into 80 columns, and a line below that is cut where it does not."""

    line = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bars, then the line."""
        yield from super().get_renderables()
        if self.line:
            yield Text(self.line, no_wrap=True, overflow="ellipsis")


class TrainingDisplay(Observer):
    """Epochs done and time left; subject, epoch, loss and frames a second; a line for each fold."""

    def __init__(self, console: Console, size: RunSize):
        """Args: console to draw on; how much the run is."""
        self._size, self._on_terminal = size, console.is_terminal
        self._bars = _TwoLines(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
        )
        self._task = self._bars.add_task("epochs", total=size.epochs, left="")
        self._lines = PlainLines(console, "getting ready")
        self._speed = _Speed(size)
        self._done: dict[Place, int] = {}
        self._running: dict[Place, Progress] = {}
        self._began: dict[tuple[int, str], float] = {}
        self._told = False
        self._epoch_told = -SHORTEST_BETWEEN_LINES_S

    def __enter__(self) -> "TrainingDisplay":
        (self._bars.start if self._on_terminal else self._lines.__enter__)()
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._on_terminal:
            self._bars.stop()
        else:
            self._lines.__exit__()

    def tell(self, text: str) -> None:
        """Print it."""
        self._lines.now = text
        self._say(text)

    def _say(self, text: str) -> None:
        self._lines.say(text)

    def track(self, items: Iterable, what: str, total: int) -> Iterator:
        """A bar of its own, which goes when the work is done."""
        bar = self._bars.add_task(what, total=total, left="")
        started = time.monotonic()
        for done, item in enumerate(items):
            self._lines.now = how_far(what, done, total, time.monotonic() - started)
            yield item
            self._bars.advance(bar)
        self._bars.remove_task(bar)

    def training_starts(self, place: Place, epoch: int) -> None:
        """Say where a training goes on."""
        self._began.setdefault((place.seed, place.subject), time.monotonic())
        self._speed.start()
        self._count(place, epoch)
        if epoch:
            self._say(f"{_name(place)}: goes on after epoch {epoch}")
        if not self._running:
            self._show(f"{_name(place)}: the first step")

    def step_done(self, progress: Progress) -> None:
        """Show where training is."""
        before = self._running.get(progress.place)
        self._running[progress.place] = progress
        same = before is not None and before.epoch == progress.epoch
        self._speed.add(progress.frames - (before.frames if before and same else 0))
        self._show(_where(progress, list(self._running.values())))
        self._estimate()

    def epoch_done(self, place: Place, entry: dict[str, Any]) -> None:
        """Count it; forget a training that is over."""
        self._count(place, entry["epoch"])
        self._speed.add_epoch(entry["epoch"])
        progress = self._running.get(place)
        if progress is not None and entry["epoch"] == progress.epochs:
            del self._running[place]
        self._estimate()
        now = time.monotonic()
        if not self._on_terminal and now - self._epoch_told >= SHORTEST_BETWEEN_LINES_S:
            self._epoch_told = now
            figures = [f"{name} {entry[name]:.3f}" for name in ("loss", "accuracy") if name in entry]
            self._say(f"{_name(place)}, epoch {entry['epoch']}: {', '.join([*figures, self._so_far()])}")

    def fold_done(self, result: dict[str, Any], done: int, total: int) -> None:
        """Print a line about a finished fold, with the time it took itself."""
        key = (result["seed"], result["subject"])
        for name, history in result["histories"].items():
            self._count(Place(*key, name), len(history))
        began = self._began.pop(key, None)
        took = "finished before" if began is None else duration(time.monotonic() - began)
        scores = ", ".join(f"{rule} {correct}/{total_clips}" for rule, correct, total_clips in _correct(result))
        self._say(f"fold {done}/{total}: {_name(Place(*key, ''))}, correct by rule {scores} ({took})")

    def _count(self, place: Place, epoch: int) -> None:
        self._done[place] = epoch
        left = self._left_s()
        self._bars.update(
            self._task, completed=sum(self._done.values()), left="" if left is None else f"{duration(left)} left"
        )

    def _show(self, text: str) -> None:
        self._bars.line = text
        self._lines.now = f"{text}, {self._so_far()}"

    def _left_s(self) -> float | None:
        epochs = self._size.epochs - sum(self._done.values())
        return self._speed.seconds(epochs)

    def _so_far(self) -> str:
        left = self._left_s()
        share = f"{sum(self._done.values())} of {self._size.epochs} epochs"
        return share if left is None else f"{share}, {duration(left)} left"

    def _estimate(self) -> None:
        """Say once what the run will take, as soon as it is known."""
        left = self._left_s()
        if self._told or left is None:
            return
        self._told = True
        for line in estimate(left, self._size):
            self._say(line)


def estimate(seconds: float, size: RunSize) -> list[str]:
    """What the rest of a run takes, and where that is much, the ways out."""
    disk, memory, room = size.disk_bytes(), peak_memory_bytes(), memory_bytes()
    of_memory = f" of {room / GIB:.1f}" if room else ""
    checkpoints = f"; {disk / GIB:.2g} GiB of checkpoints in the end" if disk else ""
    lines = [f"about {duration(seconds)} to go; {memory / GIB:.1f}{of_memory} GiB of memory in use{checkpoints}"]
    free = size.free_bytes() if size.free_bytes and disk else None
    if free is not None and free < disk:
        lines.append(f"only {free / GIB:.2g} GiB are free there: make room, or give another --run_dir")
    if room and memory > 0.9 * room:
        lines.append("memory is short: fewer --clips_per_step, or a smaller --data.memory_gib, need less")
    if seconds > LONG_S:
        lines.append(
            "ways out: a GPU (pip install 'akm_jax[cuda]'), --folds=SUBJECT to try one first, fewer --epochs, a "
            "smaller network (--preset=demo has one); stop it when you like: the same command goes on"
        )
    return lines


class _Speed:
    """How fast a run is: by frames where they are told, without the first step; else by epochs, without the first.

    What comes first is compiled. Trainings at once end their first epochs together, and so those after it.
    """

    def __init__(self, size: RunSize):
        self._frames_an_epoch = size.frames / size.epochs if size.epochs else 0.0
        self._frames = 0
        self._steps = 0
        self._first: int | None = None  # number of the epoch that began it
        self._at_once = self._epochs = 0
        self._has_later = False  # a training that started after the first epoch
        self._started: float | None = None

    def start(self) -> None:
        """A training starts."""
        self._has_later |= self._first is not None
        if self._started is None:
            self._started = time.monotonic()

    def add(self, frames: int) -> None:
        """A step was done, the first of which may have been compiled: counting begins after it."""
        self._steps += 1
        if self._steps == 1:
            self._started = time.monotonic()
        else:
            self._frames += frames

    def add_epoch(self, number: int) -> None:
        """An epoch was done, by its number in its training."""
        if self._first is None:
            self._first = number
        if number == self._first and not self._epochs and not self._has_later:
            self._at_once += 1
            if not self._steps:
                self._started = time.monotonic()
        else:
            self._epochs += 1

    def seconds(self, epochs: int) -> float | None:
        """What so many epochs take; None while that is not known."""
        if self._started is None:
            return None
        passed = time.monotonic() - self._started
        if self._frames_an_epoch and self._steps:
            return epochs * self._frames_an_epoch * passed / self._frames if self._frames else None
        if not self._epochs:
            return None
        return epochs * passed / (math.ceil(self._epochs / self._at_once) * self._at_once)


def _name(place: Place) -> str:
    return f"subject {place.subject}, seed {place.seed}"


def _where(latest: Progress, running: list[Progress]) -> str:
    """Where the trainings are; of several at once, the loss of the latest and all their frames a second."""
    rate = sum(p.frames / p.seconds for p in running)
    if len(running) == 1:
        where = f"{_name(latest.place)}, epoch {latest.epoch}/{latest.epochs}"
    else:
        where = ", ".join(f"s{p.place.subject} {p.epoch}/{p.epochs}" for p in running)
    return f"{where}, loss {latest.loss:.3f}, {rate:,.0f} frames/s"


def _correct(result: dict[str, Any]) -> list[tuple[str, int, int]]:
    """For each rule the clips classified correctly, and all clips."""
    return [
        (rule, sum(c["prediction"] == c["label"] for c in outcome["clips"].values()), len(outcome["clips"]))
        for rule, outcome in result["rules"].items()
    ]
