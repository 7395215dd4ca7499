"""All folds of a run, whatever the method: finished ones are kept, the others trained, then results are written.

Fold by fold or all folds together, on one device or on several; every training goes on from its last good checkpoint.
"""

import threading
import time
import warnings
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from akm_jax.config import RunOptions
from akm_jax.data.clip_set import ClipSet
from akm_jax.data.folds import Fold, make_folds
from akm_jax.files import PRETRAINED, fold_folder, read_json, write_json
from akm_jax.loso import leaks
from akm_jax.loso.background import Background
from akm_jax.loso.results import write_results
from akm_jax.loso.rules import Record, plan_training, results_of_rules, trainings_of
from akm_jax.loso.run_dir import describe_data
from akm_jax.methods.protocol import Context, Epoch, Method, Start, Trainer, Training
from akm_jax.observe import ALL_SUBJECTS, INNER, Observer
from akm_jax.views.cache import compute_views
from akm_jax.views.view import Views

Unit = tuple[int, tuple[Fold, ...]]
"""A seed and the folds that are trained together."""


def run_folds(
    method: Method,
    clip_set: ClipSet,
    run_dir: Path,
    *,
    options: RunOptions,
    observer: Observer,
    described: dict[str, Any],
    views_dir: Path | None = None,
) -> dict[str, Any]:
    """Train every fold that is not finished yet; write predictions and summary.

    Args:
        method: what is trained.
        clip_set: the data.
        run_dir: where results go, held by `run_dir.open_run`; a directory of the same run goes on.
        options: of the run.
        observer: is told how training goes.
        described: the run's settings as `summary.json` shall hold them.
        views_dir: where views are kept; the user's folder for caches when None.

    Returns:
        The content of `summary.json`.

    Raises:
        ValueError: data or settings no run can be made of, or more devices asked for than there are.
        LeakError: something of a left-out subject would reach training.
        FloatingPointError: a loss or an output is not finite.
    """
    folds = make_folds(clip_set, options.protocol, options.chosen_folds)
    if not all_finished(run_dir, folds, options):
        _refuse_leaks(method, clip_set, folds, run_dir, options, observer, views_dir)
    elif options.check_leaks:
        observer.tell("every fold is finished: leaks are not looked for (--check_leaks) but in a new --run_dir")
    clips = clip_set.without_labels()
    views = Views()
    if method.view is not None:
        views = compute_views(method.view, clips, clip_set.clip_ids, folder=views_dir, track=observer.track)
    context = Context(options, run_dir / PRETRAINED, observer, describe_data(clip_set))
    trainer = method.prepare(clips, views, all_trainings(clip_set, options), context)
    run = _Run(method, clip_set, run_dir, options, trainer, observer, total=options.seeds * len(folds))
    seeds = range(options.seed, options.seed + options.seeds)
    left = deque(unit for seed in seeds for unit in run.units_left(seed, folds))
    _train_units(run, left, observer)
    results = [run.result(seed, fold.subject) for seed in seeds for fold in folds]
    chosen = [plan_training(clip_set, fold, options.seed, ALL_SUBJECTS, inner_share=0) for fold in folds]
    facts = {"complete": method.complete, **trainer.run_facts(chosen)}
    return write_results(run_dir, clip_set, folds, results, described, facts)


def all_finished(run_dir: Path, folds: Sequence[Fold], options: RunOptions) -> bool:
    """Whether every fold of a run has its result, for every seed."""
    seeds = range(options.seed, options.seed + options.seeds)
    return all((fold_folder(run_dir, seed, fold.subject) / "result.json").is_file() for seed in seeds for fold in folds)


def _refuse_leaks(
    method: Method,
    clip_set: ClipSet,
    folds: Sequence[Fold],
    run_dir: Path,
    options: RunOptions,
    observer: Observer,
    views_dir: Path | None,
) -> None:
    """Look at data and trainings; where that is asked for, at what the method makes of them."""
    leaks.refuse_copies(clip_set, track=observer.track)
    for training in all_trainings(clip_set, options):
        leaks.refuse_shared_subjects(clip_set, training)
    if options.check_leaks:
        leaks.refuse_dependence(
            method,
            clip_set,
            folds,
            options=options,
            plan=all_trainings,
            folder=run_dir / PRETRAINED,
            observer=observer,
            views_dir=views_dir,
        )


def all_trainings(clip_set: ClipSet, options: RunOptions) -> list[Training]:
    """Every training that the data set allows, whichever folds are run."""
    planned = []
    for fold in make_folds(clip_set, options.protocol):
        planned.append(plan_training(clip_set, fold, options.seed, ALL_SUBJECTS, inner_share=0))
        for seed in range(options.seed, options.seed + options.seeds) if "inner" in options.chosen_rules else ():
            planned.append(plan_training(clip_set, fold, seed, INNER, inner_share=options.inner_share))
    return planned


def _train_units(run: "_Run", left: deque[Unit], observer: Observer) -> None:
    """Train what is left, on as many devices as the run may use."""
    if not run.parts:
        _take_units(run, left, run.trainer, observer)
        return
    from akm_jax.loso.devices import choose_devices, on_every_device  # here: starts JAX, which not every method needs

    devices = choose_devices(run.options.devices, run.parts)[: max(len(left), 1)]
    if len(devices) == 1:
        _take_units(run, left, run.trainer, observer)
        return
    on_every_device(
        devices, lambda those, observer: _take_units(run, left, run.trainer.on(those), observer), run.observer
    )


def _take_units(run: "_Run", left: deque[Unit], trainer: Trainer, observer: Observer) -> None:
    """Train units, taken from those that are left, until there is none."""
    with Background() as background:
        while left:
            try:
                seed, folds = left.popleft()
            except IndexError:  # another device was faster
                break
            for result in run.train(seed, folds, trainer, observer, background):
                background.do(run.finish, result)


class _Run:
    """The folds of a run: which are finished, training the others, telling the observer of each."""

    def __init__(
        self,
        method: Method,
        clip_set: ClipSet,
        run_dir: Path,
        options: RunOptions,
        trainer: Trainer,
        observer: Observer,
        *,
        total: int,
    ):
        self.options, self.trainer, self.observer = options, trainer, observer
        self.parts = method.parts
        self._method, self._clip_set, self._run_dir = method, clip_set, run_dir
        self._total = total
        self._done = 0
        self._lock = threading.Lock()

    def units_left(self, seed: int, folds: Sequence[Fold]) -> list[Unit]:
        """What is still to be trained for a seed; finished folds are told of."""
        missing = []
        for fold in folds:
            if self._result_file(seed, fold.subject).is_file():
                self._tell(seed, fold.subject)
            else:
                missing.append(fold)
        if self._method.all_folds_at_once:
            return [(seed, tuple(missing))] if missing else []
        return [(seed, (fold,)) for fold in missing]

    def _result_file(self, seed: int, subject: str) -> Path:
        return fold_folder(self._run_dir, seed, subject) / "result.json"

    def result(self, seed: int, subject: str) -> dict[str, Any]:
        """Content of a finished fold's `result.json`."""
        return read_json(self._result_file(seed, subject))

    def train(
        self, seed: int, folds: Sequence[Fold], trainer: Trainer, observer: Observer, background: Background
    ) -> list[dict[str, Any]]:
        """Train folds under every chosen rule, going on from their checkpoints where there are some.

        Returns:
            For each fold what `result.json` holds: subject, seed, the history of each training, and for each rule the
            chosen epoch and for every clip of the left-out subject prediction, logits and what else the method says.
        """
        rules, share = self.options.chosen_rules, self.options.inner_share
        records: list[dict[str, Record]] = [{} for _ in folds]
        validation: list[list[str]] = [[] for _ in folds]
        for name in trainings_of(rules):
            planned = [plan_training(self._clip_set, fold, seed, name, inner_share=share) for fold in folds]
            trained = self._train_together(planned, trainer, observer, background)
            for i, (training, record) in enumerate(zip(planned, trained, strict=True)):
                records[i][name] = record
                if name == INNER:
                    validation[i] = sorted({self._clip_set.subjects[clip] for clip in training.watched[0]})
        return [
            {
                "subject": fold.subject,
                "seed": seed,
                "num_train_clips": len(fold.train),
                "majority_of_training": int(np.bincount(self._clip_set.labels[fold.train]).argmax()),
                "histories": {name: record.history for name, record in of_fold.items()},
                "rules": results_of_rules(rules, of_fold, of_inner),
            }
            for fold, of_fold, of_inner in zip(folds, records, validation, strict=True)
        ]

    def _train_together(
        self, trainings: Sequence[Training], trainer: Trainer, observer: Observer, background: Background
    ) -> list[Record]:
        """Trainings from their last good checkpoints, or from the start, to the last epoch."""
        from akm_jax.train import checkpoint  # here: not every method keeps checkpoints

        epochs = self._method.epochs
        folders = [self._checkpoints(training) for training in trainings]
        starts, records = _starts(folders)
        for training, start in zip(trainings, starts, strict=True):
            observer.training_starts(training.place, start.epoch)
        if starts[0].epoch == epochs:
            return records
        saved, number = time.monotonic(), starts[0].epoch
        first = True
        for together in trainer.train(trainings, starts, observer):
            number, first = self._require_next(together, trainings, number, anew=first), False
            save = number == epochs or time.monotonic() - saved > self.options.checkpoint_interval_s
            for i, (training, epoch) in enumerate(zip(trainings, together, strict=True)):
                if number == 1 and records[i].history:  # the method began anew
                    observer.training_starts(training.place, 0)
                    records[i] = Record()
                records[i].add(self._clip_set, training, epoch, epochs=epochs)
                observer.epoch_done(training.place, records[i].history[-1])
                if save and epoch.state is not None:
                    background.do(checkpoint.save, folders[i], number, epoch.state(), records[i].as_notes())
            saved = time.monotonic() if save else saved
        if number != epochs:
            raise ValueError(
                f"{_where(trainings)}: method {self._method.name!r} ended after {number} epochs; expected {epochs}, "
                "its `epochs`"
            )
        return records

    def _checkpoints(self, training: Training) -> Path:
        place = training.place
        return fold_folder(self._run_dir, place.seed, place.subject) / "checkpoints" / place.training

    def _require_next(
        self, together: Sequence[Epoch], trainings: Sequence[Training], before: int, *, anew: bool
    ) -> int:
        """The number of an epoch, the same for all trainings: one after the last, or 1 if a method may begin anew."""
        said = f"{_where(trainings)}: method {self._method.name!r} gave"
        kinds = sorted({type(epoch).__name__ for epoch in together if not isinstance(epoch, Epoch)})
        if kinds:
            raise ValueError(f"{said} {', '.join(kinds)} after epoch {before}; expected an Epoch")
        numbers = {epoch.number for epoch in together}
        allowed = {*range(before + 1, self._method.epochs + 1)[:1], *([1] if anew else [])}
        if len(together) != len(trainings) or len(numbers) != 1 or not numbers <= allowed:
            raise ValueError(
                f"{said} {len(together)} entries of epochs {sorted(numbers)} after epoch {before}; expected "
                f"{len(trainings)} of epoch {before + 1}, and {self._method.epochs} epochs in all, its `epochs`"
            )
        return numbers.pop()

    def finish(self, result: dict[str, Any]) -> None:
        """Write a fold's result, after its checkpoints."""
        result |= self.trainer.fold_facts()
        write_json(self._result_file(result["seed"], result["subject"]), result)
        self._tell(result["seed"], result["subject"])

    def _tell(self, seed: int, subject: str) -> None:
        with self._lock:
            self._done += 1
            self.observer.fold_done(self.result(seed, subject), self._done, self._total)


def _where(trainings: Sequence[Training]) -> str:
    """Which folds an error is of."""
    subjects = ", ".join(training.place.subject for training in trainings[:5])
    more = f" and {len(trainings) - 5} more" if len(trainings) > 5 else ""
    return f"the fold of subject {subjects}{more}, {trainings[0].place.training}"


def _starts(folders: Sequence[Path]) -> tuple[list[Start], list[Record]]:
    """Where trainings go on: after the newest epoch of which all have a good checkpoint."""
    from akm_jax.train import checkpoint

    found = [checkpoint.good(folder) for folder in folders]
    for _, problems in found:
        for problem in problems:
            warnings.warn(f"{problem}; going on from the one before it, or from the start", stacklevel=2)
    kept = [{one.epoch: one for one in good} for good, _ in found]
    common = set.intersection(*(set(of_one) for of_one in kept))
    if not common:
        return [Start() for _ in folders], [Record() for _ in folders]
    epoch = max(common)
    chosen = [of_one[epoch] for of_one in kept]
    return [Start(epoch, one.restore) for one in chosen], [Record(**one.notes) for one in chosen]
