import io
import time

import pytest
from rich.console import Console

from akm_jax import progress


@pytest.fixture
def log():
    """What is written where no terminal is, 80 columns wide."""
    return Console(file=io.StringIO(), width=80)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (89, "89 s"), (600, "10 min"), (3600, "1 h"), (12_000, "3 h 20 min"), (280_800, "3 d 6 h")],
)
def test_times_as_a_person_says_them(seconds, said):
    assert progress.duration(seconds) == said


def test_without_a_terminal_a_line_comes_whatever_is_going_on(log, monkeypatch):
    monkeypatch.setattr(progress, "LINE_INTERVAL_S", 0.02)
    with progress.PlainLines(log, "compiling [/b]") as lines:
        while "compiling" not in log.file.getvalue():
            time.sleep(0.01)
        lines.now = "training"
        while "training" not in log.file.getvalue():
            time.sleep(0.01)
    assert log.file.getvalue().startswith("compiling [/b] (0 s so far)\n")


def test_work_of_unknown_length_says_what_it_is(log, monkeypatch):
    monkeypatch.setattr(progress, "LINE_INTERVAL_S", 0.02)
    with progress.busy(log, "classifying [/b]"):
        while "classifying [/b] (0 s so far)" not in log.file.getvalue():
            time.sleep(0.01)
    terminal = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    with progress.busy(terminal, "classifying [/b]"):
        pass
    assert "classifying [/b]" in terminal.file.getvalue()


def test_without_a_terminal_counted_work_says_how_far_it_is(log, monkeypatch):
    monkeypatch.setattr(progress, "LINE_INTERVAL_S", 0.02)
    items = []
    for item in progress.track(range(3), "Reading", 3, log):
        items.append(item)
        while f"Reading: {item} of 3" not in log.file.getvalue():
            time.sleep(0.01)
    assert items == [0, 1, 2]
    assert "s left (" in log.file.getvalue()


def test_quick_work_says_nothing_without_a_terminal(log):
    assert list(progress.track("abc", "Reading", 3, log)) == ["a", "b", "c"]
    assert log.file.getvalue() == ""


def test_a_bar_fits_into_80_columns():
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    assert list(progress.track(range(1000), "micro features, half length 18", 1000, console)) == list(range(1000))
    last = console.file.getvalue().splitlines()[-2]
    assert "micro features, half length 18" in last
    assert "1000/1000" in last
