"""`epoch`: what an epoch of a real run costs beside its compiled steps, and what a whole run would take.

A fold is trained by the code of `experiments.loso`. The time inside the compiled calls is taken out; what remains is
planning, evaluation bookkeeping, logging and checkpoints. On an accelerator epochs are whole. On the CPU, where an
epoch of the published network takes minutes, each is cut after a few steps; planning, evaluation and checkpoint are
still those of a whole epoch, and the share is that of a whole epoch with steps as long as the ones measured.
"""

import contextlib
import dataclasses
import functools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import numpy as np

from akm_jax.config import AKMNetConfig, RunOptions
from akm_jax.data.clip_set import ClipSet
from akm_jax.data.folds import leave_one_subject_out
from akm_jax.loso.driver import run_folds
from akm_jax.loso.log import RunLog
from akm_jax.methods.akmnet import AKMNet
from akm_jax.observe import Observer, Observers, Place
from akm_jax.train import calls
from akm_jax.train.step import compilations
from experiments.benchmarks.timing import timed

PAPER_EPOCHS = 40


def measure(config: AKMNetConfig, clip_set: ClipSet, *, epochs: int, steps: int) -> dict[str, Any]:
    """Train one fold and describe its epochs but the first, which compiles.

    Args:
        config: the network and its training.
        clip_set: clips of as many people as a whole run has folds.
        epochs: epochs to train, at least 2.
        steps: steps of an epoch; 0: all.
    """
    folds = leave_one_subject_out(clip_set)
    sizes = [len(fold.test) for fold in folds]
    middle = folds[int(np.argsort(sizes)[len(sizes) // 2])]  # the left-out subject with a typical number of clips
    train = dataclasses.replace(config.train, epochs=epochs, steps_per_epoch=steps)
    method = AKMNet(dataclasses.replace(config, train=train)).on_this_machine(0)
    options = RunOptions(folds=middle.subject, rules="last,test", checkpoint_interval_s=0)
    before, clock = compilations(), _Clock()
    with (
        tempfile.TemporaryDirectory(prefix="akm_jax_epoch_") as folder,
        _timing_calls(clock),
    ):
        observer = Observers([RunLog(Path(folder)), clock])
        run = functools.partial(
            run_folds, method, clip_set, Path(folder), options=options, observer=observer, described={}
        )
        _, fold_s = timed(run)
    whole_steps = -(-len(middle.train) // train.clips_per_step)
    done_steps = steps or whole_steps
    measured = len(clock.ends) - 1
    step_s = float(np.median(clock.train[1:])) / min(done_steps, clock.steps_per_call)
    overhead_s = (clock.ends[-1] - clock.ends[0] - clock.inside()) / measured
    epoch_s = step_s * whole_steps + overhead_s
    run_s = len(folds) * (PAPER_EPOCHS * (epoch_s + clock.evaluation_s(measured)))
    return {
        "name": "epoch/ours",
        "epochs_measured": measured,
        "steps_measured": done_steps,
        "steps_of_a_whole_epoch": whole_steps,
        "step_s": round(step_s, 4),
        "evaluation_s": round(clock.evaluation_s(measured), 4),
        "overhead_s": round(overhead_s, 4),
        "overhead_share": round(overhead_s / epoch_s, 4),
        "fold_s": round(fold_s, 2),
        "compilations": compilations() - before,
        "projected_run": {
            "folds": len(folds),
            "epochs": PAPER_EPOCHS,
            "minutes": round(run_s / 60, 1),
            "from": "whole epochs" if done_steps == whole_steps else f"{done_steps} of {whole_steps} steps an epoch",
        },
    }


class _Clock(Observer):
    """Seconds inside compiled calls, and when epochs ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.train: list[float] = []
        self.steps_per_call = 1
        self._calls: list[tuple[float, float, bool]] = []

    def add(self, started: float, seconds: float, steps: int | None) -> None:
        """A compiled call of some training steps, or, with None, of an evaluation batch."""
        self._calls.append((started, seconds, steps is None))
        if steps is not None:
            self.train.append(seconds)
            self.steps_per_call = steps

    def inside(self) -> float:
        """Seconds in calls, from the end of the first epoch to that of the last."""
        return sum(seconds for seconds, _ in self._measured())

    def evaluation_s(self, epochs: int) -> float:
        """Seconds of an epoch's evaluation batches."""
        return sum(seconds for seconds, is_evaluation in self._measured() if is_evaluation) / epochs

    def _measured(self) -> Iterator[tuple[float, bool]]:
        for started, seconds, is_evaluation in self._calls:
            if self.ends[0] < started < self.ends[-1]:
                yield seconds, is_evaluation

    def epoch_done(self, place: Place, entry: dict[str, Any]) -> None:
        """Take the time."""
        self.ends.append(time.perf_counter())


@contextlib.contextmanager
def _timing_calls(clock: _Clock) -> Iterator[None]:
    """Take the time of every compiled call of a fold, until its results are there."""

    def wrap(call, steps_of):
        def timed_call(*args, **kwargs):
            started = time.perf_counter()
            result = jax.block_until_ready(call(*args, **kwargs))
            clock.add(started, time.perf_counter() - started, steps_of(args))
            return result

        return timed_call

    train = wrap(calls.train_steps, lambda args: args[2].clip_rows.shape[0])
    evaluation = wrap(calls.evaluate_batch, lambda args: None)
    with mock.patch.multiple(calls, train_steps=train, evaluate_batch=evaluation):
        yield
