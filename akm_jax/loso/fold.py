"""One fold: train on all other subjects, predict the left-out one after every epoch, choose a model by each rule."""

import dataclasses
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from akm_jax.config import Rule
from akm_jax.data.folds import Fold, inner_split
from akm_jax.loso.background import Background
from akm_jax.observe import Observer, Place
from akm_jax.train import checkpoint
from akm_jax.train.calls import Evaluation, PendingEpoch, PendingEvaluation, evaluate
from akm_jax.train.checkpoint import Training
from akm_jax.train.setup import RunSetup
from akm_jax.train.state import TrainState, copied

# The released program looks for its best epoch from this one on; shorter trainings look from their last epoch on.
FIRST_CHOSEN_EPOCH = 10
# Names of a fold's trainings: on all other subjects, and without the inner validation subjects.
ALL_SUBJECTS, INNER = "all_subjects", "inner"


def run_fold(
    setup: RunSetup,
    fold: Fold,
    seed: int,
    start: TrainState | None,
    folder: Path,
    observer: Observer,
    background: Background,
) -> dict[str, Any]:
    """Train and evaluate one fold under every chosen rule, going on from its checkpoints where there are some.

    Args:
        setup: what all folds share.
        fold: the subject left out.
        seed: seed of this repetition.
        start: weights to start from; fresh ones when None.
        folder: where the fold's checkpoints are kept.
        observer: is told how training goes.
        background: writes the checkpoints; they are whole when a job given to it afterwards runs.

    Returns:
        What `result.json` holds: subject, seed, the history of each training, and for each rule the chosen epoch and
        for every clip of the left-out subject prediction, logits, beta, threshold and selected frames.
    """
    labels, chosen = setup.clip_set.labels, setup.config.chosen_rules
    rules: dict[Rule, dict[str, Any]] = {}
    histories = {}
    if "last" in chosen or "test" in chosen:
        watch = _Watch(fold, Place(seed, fold.subject, ALL_SUBJECTS), fold.train, fold.test)
        done = _train(setup, watch, start, folder / "checkpoints", observer, background)
        if "last" in chosen:
            rules["last"] = _describe(setup, done.epoch, evaluate(setup, done.state, fold.test))
        if "test" in chosen:
            rules["test"] = _best(done)
        histories[ALL_SUBJECTS] = done.history
    if "inner" in chosen:
        train, validation = inner_split(setup.clip_set, fold, share=setup.config.inner_share, seed=seed)
        watch = _Watch(fold, Place(seed, fold.subject, INNER), train, validation)
        done = _train(setup, watch, start, folder / "checkpoints", observer, background)
        subjects = sorted({setup.clip_set.subjects[i] for i in validation})
        rules["inner"] = {**_best(done), "validation_subjects": subjects}
        histories[INNER] = done.history
    return {
        "subject": fold.subject,
        "seed": seed,
        "num_train_clips": len(fold.train),
        "majority_of_training": int(np.bincount(labels[fold.train]).argmax()),
        "histories": histories,
        "rules": rules,
    }


@dataclasses.dataclass(frozen=True)
class _Watch:
    """One of a fold's trainings: on which clips, and on which clips its best epoch is chosen."""

    fold: Fold
    place: Place
    train: np.ndarray
    watched: np.ndarray

    @property
    def on_test(self) -> bool:
        return self.watched is self.fold.test


def _train(
    setup: RunSetup, watch: _Watch, start: TrainState | None, folder: Path, observer: Observer, background: Background
) -> Training:
    """One training from its last good checkpoint, or from the start, to the last epoch."""
    place, epochs, folder = watch.place, setup.config.train.epochs, folder / watch.place.training
    fresh = setup.initial_state(setup.key(place))
    training, problems = checkpoint.load_latest(folder, fresh)
    for problem in problems:
        warnings.warn(f"{problem}; going on from the one before it, or from the start", stacklevel=2)
    if training is None:
        training = Training(fresh if start is None else copied(start))
    observer.training_starts(place, training.epoch)
    saved = time.monotonic()
    draws = setup.draw_epoch(watch.train, place, training.epoch + 1)
    while training.epoch < epochs:
        running = PendingEpoch(setup, training, draws, place, observer)
        outcome = PendingEvaluation(setup, running.state, watch.watched)
        draws = setup.draw_epoch(watch.train, place, training.epoch + 2)  # the next ones, while the device works
        training = running.finish()
        _keep_best(setup, training, watch, outcome.result())
        observer.epoch_done(place, training.history[-1])
        if training.epoch == epochs or time.monotonic() - saved > setup.config.checkpoint_interval_s:
            kept = dataclasses.replace(training, state=copied(training.state))  # the next epoch donates this one
            background.do(checkpoint.save, folder, kept)
            saved = time.monotonic()
    return training


def _keep_best(setup: RunSetup, training: Training, watch: _Watch, outcome: Evaluation) -> None:
    """Score outputs on the watched clips; remember what the best model so far says of the left-out subject."""
    labels = setup.clip_set.labels
    accuracy, entropy = outcome.accuracy(labels), outcome.cross_entropy(labels)
    training.history[-1] |= {"accuracy": accuracy, "cross_entropy": entropy}
    # The legacy rule keeps the first of equal accuracies; inner validation prefers the lower cross-entropy.
    rank = [accuracy, 0.0 if watch.on_test else -entropy]
    first = min(FIRST_CHOSEN_EPOCH, setup.config.train.epochs)
    if training.epoch >= first and (training.best is None or rank > training.best_rank):
        tested = outcome if watch.on_test else evaluate(setup, training.state, watch.fold.test)
        training.best, training.best_rank = _describe(setup, training.epoch, tested), rank


def _best(training: Training) -> dict[str, Any]:
    if training.best is None:
        raise ValueError(f"training of {training.epoch} epochs has no best epoch; remove its checkpoints")
    return training.best


def _describe(setup: RunSetup, epoch: int, outcome: Evaluation) -> dict[str, Any]:
    clips = {}
    for i, clip in enumerate(outcome.clips):
        clips[setup.clip_set.clip_ids[clip]] = {
            "label": int(setup.clip_set.labels[clip]),
            "prediction": int(outcome.logits[i].argmax()),
            "logits": outcome.logits[i].tolist(),
            "threshold": float(outcome.threshold[i]),
            "beta": outcome.beta[i].tolist(),
            "selected": outcome.selected[i].tolist(),
        }
    return {"epoch": epoch, "clips": clips}
