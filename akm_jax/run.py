"""Whole runs from one call, with report: `run_loso` trains, `score_predictions` reads what was predicted elsewhere.

What the driver does is in `akm_jax.loso`.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akm_jax.config import RunOptions
from akm_jax.data.clip_set import ClipSet
from akm_jax.data.folds import Fold, folds_asked_for
from akm_jax.loso.driver import run_folds
from akm_jax.loso.log import RunLog
from akm_jax.loso.rules import trainings_of
from akm_jax.loso.run_dir import describe_run, open_run
from akm_jax.methods.protocol import Method
from akm_jax.observe import Observer, Observers, make_console
from akm_jax.views.clip_landmarks import read_landmarks
from akm_jax.views.view import from_files, landmark_file

if TYPE_CHECKING:
    from rich.console import Console

    from akm_jax.report.display import RunSize


def run_loso(
    method: Method,
    clip_set: ClipSet,
    run_dir: Path | str,
    *,
    options: RunOptions | None = None,
    settings: Mapping[str, Any] | None = None,
    observers: Sequence[Observer] = (),
    console: "Console | None" = None,
    views_dir: Path | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """Leave every subject out in turn: train on the others, predict the one; write predictions, scores, log, report.

    With `protocol="leave_one_set_out"` every data set of a pooled one (`akm_jax.pool_clip_sets`) is left out instead.

    Called again with the same arguments it goes on where it was stopped: finished folds are kept, others go on from
    their last good checkpoint.

    Args:
        method: what is trained: `AKMNet(...)` or a method of one's own.
        clip_set: the data.
        run_dir: where results go: `summary.json`, `predictions.csv`, `report.html`, `log.jsonl`, folds.
        options: of the run.
        settings: more that the run directory shall record and hold a later start to, such as where data come from.
        observers: are told how the run goes, beside the log and the report.
        console: where progress is shown; standard error when None.
        views_dir: where what the method sees of clips is kept; the user's folder for caches when None.
        **changes: single options, e.g. `folds="3,20"`, `seeds=5`, instead of `options`.

    Returns:
        The content of `summary.json`: scores by rule, and how they were obtained.

    Raises:
        ValueError: data, settings or options no run can be made of; a directory of another run.
        LeakError: the method's view would see what it must not, or something of a left-out subject reaches training.
        FloatingPointError: a loss or an output is not finite.
    """
    from akm_jax.report.display import TrainingDisplay
    from akm_jax.report.page import write_report
    from akm_jax.report.writer import ReportWriter

    options = dataclasses.replace(options or RunOptions(), **changes)
    options.validate()
    method.validate()
    method = method.on_this_machine(options.devices)
    # Before anything is written: these say what is wrong with the data, or with the folds that were asked for.
    folds, options = folds_asked_for(clip_set, options)
    if (ready := from_files(method.view)) is not None:
        ready.given(clip_set.clip_ids)
    if (landmarks := landmark_file(method.view)) is not None:
        read_landmarks(landmarks, clip_set.clip_ids)
    if method.parts:
        from akm_jax.loso.devices import choose_devices

        choose_devices(options.devices, method.parts)
    place = Path(run_dir).expanduser()
    described = describe_run(method, options, settings)
    console = console or make_console()
    size = _size(method, clip_set, folds, options, place)
    with open_run(place, described, clip_set):
        with TrainingDisplay(console, size) as display:
            watching = Observers([display, RunLog(place), ReportWriter(place, clip_set), *observers])
            summary = run_folds(
                method,
                clip_set,
                place,
                options=options,
                observer=watching,
                described=described,
                views_dir=views_dir,
            )
        write_report(place)
    return summary


def _size(method: Method, clip_set: ClipSet, folds: Sequence[Fold], options: RunOptions, place: Path) -> "RunSize":
    """How much the run is, as far as the method says."""
    from akm_jax.machine import free_bytes
    from akm_jax.report.display import RunSize

    trainings = len(folds) * options.seeds * len(trainings_of(options.chosen_rules))
    frames = int(sum(clip_set.lengths[fold.train].sum() for fold in folds)) * trainings // len(folds) * method.epochs

    def disk_bytes() -> int:
        """Weights and momentum of the checkpoints that every training keeps."""
        from akm_jax.train.checkpoint import KEPT

        parameters = method.num_parameters(len(clip_set.class_names)) or 0
        return trainings * min(KEPT, method.epochs) * 2 * 4 * parameters

    return RunSize(trainings * method.epochs, frames if method.complete else 0, disk_bytes, lambda: free_bytes(place))


def score_predictions(
    path: Path | str, run_dir: Path | str, *, class_names: Sequence[str] | None = None, name: str | None = None
) -> dict[str, Any]:
    """Score predictions made elsewhere, and write the report.

    The table has the columns `clip_id,subject,label,prediction[,probabilities]`. How the models were chosen is not
    known, so the rule is called `given`: not `last`, and no headline.

    Args:
        path: the table; `akm_jax.loso.foreign` says what forms it may have.
        run_dir: where results go: a new directory, or one of the same table.
        class_names: all classes in their order; those of the table when None.
        name: what made the predictions.

    Returns:
        The content of `summary.json`.

    Raises:
        FileNotFoundError: there is no such table.
        ValueError: it cannot be scored; every problem is named with its line. Or a directory of something else.
    """
    from akm_jax.loso.foreign import score_table
    from akm_jax.report.page import write_report

    place = Path(run_dir).expanduser()
    summary = score_table(Path(path).expanduser(), place, class_names=class_names, name=name)
    write_report(place)
    return summary
