"""All folds of a run: finished ones are kept, the others trained, then predictions and summary are written."""

from pathlib import Path
from typing import Any

from akm_jax.config import ExperimentConfig
from akm_jax.data.clip_set import ClipSet
from akm_jax.train import step
from akm_jax.train.files import read_json, write_json
from akm_jax.train.fold import run_fold
from akm_jax.train.observe import Observer
from akm_jax.train.results import write_results
from akm_jax.train.run_dir import fold_folder
from akm_jax.train.setup import set_up
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
        ValueError: data or configuration no run can be made of.
        FloatingPointError: a loss is not finite.
    """
    setup, folds = set_up(config, clip_set)
    observer = observer or Observer()
    compiled_before = step.compilations()
    work = [(seed, fold) for seed in range(config.seed, config.seed + config.seeds) for fold in folds]
    results = []
    for seed, fold in work:
        folder = fold_folder(run_dir, seed, fold.subject)
        if not (folder / "result.json").is_file():
            result = run_fold(setup, fold, seed, start, folder, observer)
            result["compilations"] = step.compilations() - compiled_before
            write_json(folder / "result.json", result)
        results.append(read_json(folder / "result.json"))
        observer.fold_done(results[-1], len(results), len(work))
    return write_results(run_dir, setup, folds, results)
