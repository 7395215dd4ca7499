"""What is said while folds train, by a clock of the test."""

import io
import types

import pytest
from rich.console import Console

from akm_jax import progress
from akm_jax.observe import Place, Progress
from akm_jax.report import display
from akm_jax.report.display import GIB, RunSize, TrainingDisplay, estimate

PLACES = [Place(0, subject, "all_subjects") for subject in ("1", "[/b]")]
FRAMES = 400  # of an epoch, in two steps
EPOCHS = 3


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes when it is told to."""
    now = types.SimpleNamespace(s=1000.0)
    for module in (display, progress):
        monkeypatch.setattr(module, "time", types.SimpleNamespace(monotonic=lambda: now.s))
    return now


def result(place, epochs=EPOCHS):
    clips = {"c": {"prediction": 1, "label": 1}, "d": {"prediction": 0, "label": 1}}
    return {
        "subject": place.subject,
        "seed": place.seed,
        "histories": {place.training: [{"epoch": n + 1} for n in range(epochs)]},
        "rules": {"last": {"clips": clips}},
    }


def train(shown, clock, place, *, first=0, compile_s=0.0, step_s=10.0):
    """The calls of a training."""
    shown.training_starts(place, first)
    for epoch in range(first + 1, EPOCHS + 1):
        for step in (1, 2):
            clock.s += step_s + (compile_s if (epoch, step) == (first + 1, 1) else 0)
            shown.step_done(Progress(place, epoch, EPOCHS, 1.5, step * FRAMES // 2, step * step_s))
        shown.epoch_done(place, {"epoch": epoch, "loss": 1.5, "accuracy": 0.25})


def run(clock, console, *, earlier=False, first=0, step_s=10.0):
    size = RunSize(len(PLACES) * EPOCHS, len(PLACES) * EPOCHS * FRAMES, lambda: 3 * GIB, lambda: 2 * GIB)
    with TrainingDisplay(console, size) as shown:
        shown.tell("compiling")
        if earlier:
            shown.fold_done(result(PLACES[0]), 1, 2)
        for done, place in enumerate(PLACES[1:] if earlier else PLACES, start=1 + earlier):
            train(shown, clock, place, first=first, compile_s=600, step_s=step_s)
            shown.fold_done(result(place), done, 2)


def lines(clock, **how):
    console = Console(file=io.StringIO(), width=80)
    run(clock, console, **how)
    return console.file.getvalue().splitlines()


def test_without_a_terminal_a_line_an_epoch_has_the_time_left(clock):
    said = lines(clock)
    assert said[0] == "compiling"
    assert said[3] == "subject 1, seed 0, epoch 1: loss 1.500, accuracy 0.250, 1 of 6 epochs, 2 min left"
    assert sum("epoch" in line and "left" in line for line in said) == 6


def test_the_run_is_estimated_after_the_first_step_without_what_was_compiled(clock):
    said = lines(clock)
    assert said[1].startswith("about 2 min to go; ")
    assert said[1].endswith("GiB of memory in use; 3 GiB of checkpoints in the end")
    assert said[2] == "only 2 GiB are free there: make room, or give another --run_dir"
    assert sum(" to go; " in line for line in said) == 1


def test_a_fold_gives_its_own_time(clock):
    folds = [line for line in lines(clock) if line.startswith("fold")]
    assert folds == [
        "fold 1/2: subject 1, seed 0, correct by rule last 1/2 (11 min)",
        "fold 2/2: subject [/b], seed 0, correct by rule last 1/2 (11 min)",
    ]


def test_what_was_finished_before_and_what_goes_on_is_named(clock):
    said = lines(clock, earlier=True, first=1)
    assert "fold 1/2: subject 1, seed 0, correct by rule last 1/2 (finished before)" in said
    assert "subject [/b], seed 0: goes on after epoch 1" in said
    assert any("5 of 6 epochs" in line for line in said)


def test_quick_epochs_are_not_worth_a_line_each(clock):
    said = lines(clock, step_s=0.1)
    assert sum("epoch 1:" in line for line in said) == 2  # the first, and the one after the second was compiled
    assert not any("epoch 2:" in line for line in said)


def test_a_long_run_is_told_with_the_ways_out():
    short, long = (estimate(seconds, RunSize(1)) for seconds in (600, 78 * 3600))
    assert len(short) == 1
    assert long[0].startswith("about 3 d 6 h to go; ")
    for way in ("akm_jax[cuda]", "--folds=SUBJECT", "--epochs", "--preset=demo", "the same command goes on"):
        assert way in long[1]


def test_memory_that_is_short_is_told(monkeypatch):
    monkeypatch.setattr(display, "memory_bytes", lambda: display.peak_memory_bytes() + 1)
    assert "memory is short" in estimate(1, RunSize(1))[-1]
    monkeypatch.setattr(display, "memory_bytes", lambda: None)
    assert len(estimate(1, RunSize(1))) == 1


def test_a_method_that_reports_epochs_only_is_estimated_after_the_second_without_the_first(clock):
    console = Console(file=io.StringIO(), width=80)
    with TrainingDisplay(console, RunSize(2 * EPOCHS)) as shown:
        for place in PLACES:
            shown.training_starts(place, 0)
        for epoch in range(1, EPOCHS + 1):
            clock.s += 60 if epoch > 1 else 600  # of which 540 s are compilation
            for place in PLACES:
                shown.epoch_done(place, {"epoch": epoch, "loss": 1.0})
    said = console.file.getvalue()
    assert "epoch 1: loss 1.000, 1 of 6 epochs\n" in said  # nothing is known yet
    assert "about 2 min to go" in said
    assert "3 of 6 epochs, 2 min left" in said


def test_trainings_of_one_epoch_one_after_another_are_estimated_after_the_second(clock):
    console = Console(file=io.StringIO(), width=80)
    with TrainingDisplay(console, RunSize(4)) as shown:
        for number in range(4):
            place = Place(0, str(number), "all_subjects")
            shown.training_starts(place, 0)
            clock.s += 60 if number else 600
            shown.epoch_done(place, {"epoch": 1, "loss": 1.0})
    assert "about 2 min to go" in console.file.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_work_before_training_is_shown(clock, terminal):
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal, color_system=None)
    with TrainingDisplay(console, RunSize(6)) as shown:
        for done in shown.track(range(4), "Computing views", 4):
            clock.s += 30
            assert len(shown._bars.tasks) == 2
            expected = (
                "Computing views: 0 of 4" if done == 0 else f"Computing views: {done} of 4, {120 - 30 * done} s left"
            )
            assert shown._lines.now == expected.replace("90 s", "2 min")
    assert len(shown._bars.tasks) == 1


def test_on_a_terminal_of_80_columns_nothing_is_cut_and_the_bar_moves_with_epochs(clock):
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    run(clock, console)
    text = console.file.getvalue()
    assert "6/6" in text
    bar = next(line for line in text.splitlines()[::-1] if "6/6" in line)
    assert "epochs" in bar
    assert "subject [/b], seed 0, epoch 3/3, loss 1.500, 20 frames/s" in text


def test_the_bar_counts_epochs_before_the_fold_ends(clock):
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    with TrainingDisplay(console, RunSize(6, 6 * FRAMES)) as shown:
        shown.training_starts(PLACES[0], 0)
        shown.epoch_done(PLACES[0], {"epoch": 1, "loss": 1.0})
        assert shown._bars.tasks[0].completed == 1
        shown.training_starts(PLACES[0], 0)  # the method began anew
        assert shown._bars.tasks[0].completed == 0
