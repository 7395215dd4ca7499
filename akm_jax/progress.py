"""What a person sees of long work: a bar on a terminal; elsewhere, as in a cluster's log, plain lines.

A line comes at least once a minute, whatever is going on, so that nobody takes a run that compiles for one that hangs.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

Item = TypeVar("Item")
LINE_INTERVAL_S = 60.0


def duration(seconds: float) -> str:
    """A time as a person says it: `40 s`, `12 min`, `3 h 20 min`, `2 d 4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def say(console: "Console", text: str) -> None:
    """Print a text as it is, on a line that is not wrapped."""
    console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)


class PlainLines:
    """Prints lines, and where none came for a minute, what is going on; for use in `with`."""

    def __init__(self, console: "Console", now: str = ""):
        """Args: where to; what is going on."""
        self.now = now
        self._console, self._ended = console, threading.Event()
        self._started = self._last = time.monotonic()
        self._thread = threading.Thread(target=self._remind, name="akm_jax_lines", daemon=True)

    def say(self, text: str) -> None:
        """Print a line."""
        self._last = time.monotonic()
        say(self._console, text)

    def __enter__(self) -> "PlainLines":
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._ended.set()
        self._thread.join()

    def _remind(self) -> None:
        while not self._ended.wait(min(1.0, LINE_INTERVAL_S)):
            if self.now and time.monotonic() - self._last >= LINE_INTERVAL_S:
                self.say(f"{self.now} ({duration(time.monotonic() - self._started)} so far)")


def how_far(what: str, done: int, total: int, passed_s: float) -> str:
    """How far work is, and the time left if it goes on as it did."""
    left = f", {duration(passed_s / done * (total - done))} left" if done else ""
    return f"{what}: {done} of {total}{left}"


def bars(console: "Console", *columns: Any) -> "Progress":
    """Bars that fit into 80 columns: what, how many of how many, time, time left, and `columns`."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    what = TextColumn("{task.description}", markup=False)
    rest = columns or (TimeElapsedColumn(), TimeRemainingColumn(compact=True))
    return Progress(what, BarColumn(bar_width=16), MofNCompleteColumn(), *rest, console=console)


@contextlib.contextmanager
def busy(console: "Console", what: str) -> Iterator[None]:
    """Work begins of which nobody knows how far it is."""
    if console.is_terminal:
        from rich.text import Text

        with console.status(Text(what)):
            yield
        return
    with PlainLines(console, what):
        yield


@contextlib.contextmanager
def counted(console: "Console", what: str, total: int) -> Iterator[Callable[[], None]]:
    """Work of `total` parts begins: gives what is to be called after each."""
    if console.is_terminal:
        with bars(console) as shown:
            task = shown.add_task(what, total=total)
            yield lambda: shown.advance(task)
        return
    started, done = time.monotonic(), 0

    def advance() -> None:
        nonlocal done
        done += 1
        lines.now = how_far(what, done, total, time.monotonic() - started)

    with PlainLines(console, how_far(what, 0, total, 0)) as lines:
        yield advance


def track(items: Iterable[Item], what: str, total: int, console: "Console") -> Iterator[Item]:
    """The same items, shown as they are taken."""
    with counted(console, what, total) as advance:
        for item in items:
            yield item
            advance()
