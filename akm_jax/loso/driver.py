"""All folds of a run: finished ones are kept, the others trained on the devices there are, then results are written."""

import threading
from collections import deque
from pathlib import Path
from typing import Any

import jax

from akm_jax.config import ExperimentConfig
from akm_jax.data.clip_set import ClipSet
from akm_jax.data.folds import Fold
from akm_jax.files import read_json, write_json
from akm_jax.loso.background import Background
from akm_jax.loso.devices import choose_devices, on_every_device
from akm_jax.loso.fold import run_fold
from akm_jax.loso.results import write_results
from akm_jax.loso.run_dir import fold_folder
from akm_jax.observe import Observer
from akm_jax.train import step
from akm_jax.train.setup import RunSetup, set_up
from akm_jax.train.state import TrainState


def run_loso(
    config: ExperimentConfig,
    clip_set: ClipSet,
    run_dir: Path,
    *,
    start: TrainState | None = None,
    observer: Observer | None = None,
) -> dict[str, Any]:
    """Train every fold that is not finished yet; write predictions and summary.

    Args:
        config: the experiment.
        clip_set: the data.
        run_dir: where results go, held by `run_dir.open_run`; a directory of the same run goes on.
        start: weights every fold starts from; fresh ones, others for every fold and seed, when None.
        observer: is told how training goes.

    Returns:
        The content of `summary.json`.

    Raises:
        ValueError: data or configuration no run can be made of, or more devices asked for than there are.
        FloatingPointError: a loss is not finite.
    """
    setup, folds = set_up(config, clip_set)
    devices = choose_devices(config.devices, setup.parts)
    work = [(seed, fold) for seed in range(config.seed, config.seed + config.seeds) for fold in folds]
    run = _Run(run_dir, len(work), observer or Observer())
    left: deque[tuple[int, Fold]] = deque()
    for seed, fold in work:
        if run.is_finished(seed, fold.subject):
            run.tell(seed, fold.subject)
        else:
            left.append((seed, fold))
    devices = devices[: max(len(left), 1)]
    if len(devices) == 1:
        _train_folds(setup, left, _at_home(start, setup), run, run.observer)
    else:
        on_every_device(
            devices,
            lambda those, observer: _train_folds(there := setup.on(those), left, _at_home(start, there), run, observer),
            run.observer,
        )
    return write_results(run_dir, setup, folds, [run.result(seed, fold.subject) for seed, fold in work])


def _at_home(start: TrainState | None, setup: RunSetup) -> TrainState | None:
    """Weights to start from, where the folds' weights lie."""
    return start if setup.home is None else jax.device_put(start, setup.home)


def _train_folds(
    setup: RunSetup, left: deque[tuple[int, Fold]], start: TrainState | None, run: "_Run", observer: Observer
) -> None:
    """Train folds, taken from those that are left, until there is none."""
    with Background() as background:
        while left:
            try:
                seed, fold = left.popleft()
            except IndexError:  # another device was faster
                break
            result = run_fold(setup, fold, seed, start, run.folder(seed, fold.subject), observer, background)
            background.do(run.finish, result)


class _Run:
    """The folds of a run: which are finished, and telling the observer of each."""

    def __init__(self, run_dir: Path, total: int, observer: Observer):
        self.observer = observer
        self._run_dir = run_dir
        self._total = total
        self._done = 0
        self._compiled_before = step.compilations()
        self._lock = threading.Lock()

    def folder(self, seed: int, subject: str) -> Path:
        return fold_folder(self._run_dir, seed, subject)

    def is_finished(self, seed: int, subject: str) -> bool:
        return (self.folder(seed, subject) / "result.json").is_file()

    def result(self, seed: int, subject: str) -> dict[str, Any]:
        return read_json(self.folder(seed, subject) / "result.json")

    def finish(self, result: dict[str, Any]) -> None:
        result["compilations"] = step.compilations() - self._compiled_before
        write_json(self.folder(result["seed"], result["subject"]) / "result.json", result)
        self.tell(result["seed"], result["subject"])

    def tell(self, seed: int, subject: str) -> None:
        with self._lock:
            self._done += 1
            self.observer.fold_done(self.result(seed, subject), self._done, self._total)
