"""How work tells others where it is: a display, a log."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")

Track = Callable[[Iterable, str, int], Iterable]
"""Wraps an iterable in a progress display: (items, what is going on, number of items) -> the same items."""


ALL_SUBJECTS, INNER = "all_subjects", "inner"
"""Names of a fold's trainings: on all other subjects, and without the inner validation subjects."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Which training: seed, subject left out, and its name among the fold's trainings."""

    seed: int
    subject: str
    training: str


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a training is inside an epoch; loss is the mean over the epoch's clips so far."""

    place: Place
    epoch: int
    epochs: int
    loss: float
    frames: int
    seconds: float


class Observer:
    """Does nothing; override what is of interest.

    Calls come one at a time, whatever the number of devices, but for `fold_done`: it may come while another fold's
    training reports, never while another `fold_done` runs.
    """

    def tell(self, text: str) -> None:
        """Something that whoever watches the run may want to know."""

    def track(self, items: Iterable, what: str, total: int) -> Iterable:
        """Work on `items` begins: the same items, shown as they are taken."""
        return items

    def training_starts(self, place: Place, epoch: int) -> None:
        """A training starts after `epoch` epochs: 0, or where its last checkpoint was taken."""

    def step_done(self, progress: Progress) -> None:
        """A compiled call of one or more steps returned."""

    def epoch_done(self, place: Place, entry: dict[str, Any]) -> None:
        """An epoch ended: `entry` of the training's history."""

    def fold_done(self, result: dict[str, Any], done: int, total: int) -> None:
        """A fold is finished, now or in an earlier run: its result, folds finished and in all."""


SILENT = Observer()


class Observers(Observer):
    """Several observers as one."""

    def __init__(self, observers: Sequence[Observer]):
        self._observers = observers

    def tell(self, text: str) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.tell(text)

    def track(self, items: Iterable, what: str, total: int) -> Iterable:
        """Show on all."""
        for observer in self._observers:
            items = observer.track(items, what, total)
        return items

    def training_starts(self, place: Place, epoch: int) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.training_starts(place, epoch)

    def step_done(self, progress: Progress) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.step_done(progress)

    def epoch_done(self, place: Place, entry: dict[str, Any]) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.epoch_done(place, entry)

    def fold_done(self, result: dict[str, Any], done: int, total: int) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.fold_done(result, done, total)


class Stopwatch:
    """Seconds spent on each part of some work; one part at a time."""

    def __init__(self):
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what is done meanwhile."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def each(self, name: str, items: Iterable[Item]) -> Iterator[Item]:
        """The same items; counts what it takes to get them."""
        rest = iter(items)
        while True:
            with self.part(name):
                try:
                    item = next(rest)
                except StopIteration:
                    return
            yield item
