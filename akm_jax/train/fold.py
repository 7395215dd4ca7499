"""One fold: train on all other subjects, predict the left-out one after every epoch, choose a model by each rule."""

import contextlib
import dataclasses
import time
import warnings
from collections import deque
from pathlib import Path
from typing import Any

import jax
import numpy as np

from akm_jax import optim
from akm_jax.config import Rule
from akm_jax.data.batching import BatchPlan
from akm_jax.data.folds import Fold, inner_split
from akm_jax.train import checkpoint
from akm_jax.train.background import Background, one_ahead
from akm_jax.train.checkpoint import Training
from akm_jax.train.observe import Observer, Place, Progress
from akm_jax.train.setup import EpochDraws, RunSetup
from akm_jax.train.state import TrainState, copied
from akm_jax.train.step import DevicePlan, evaluate_batch, train_steps

# The released program looks for its best epoch from this one on; shorter trainings look from their last epoch on.
FIRST_CHOSEN_EPOCH = 10
# Names of a fold's trainings: on all other subjects, and without the inner validation subjects.
ALL_SUBJECTS, INNER = "all_subjects", "inner"


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Outputs on some clips, in the order of `clips` (indices into the data set)."""

    clips: np.ndarray
    logits: np.ndarray
    beta: list[np.ndarray]
    selected: list[np.ndarray]
    threshold: np.ndarray

    def accuracy(self, labels: np.ndarray) -> float:
        """Share of clips classified correctly."""
        return float(np.mean(self.logits.argmax(1) == labels[self.clips]))

    def cross_entropy(self, labels: np.ndarray) -> float:
        """Mean cross-entropy, nats."""
        log_p = self.logits - np.logaddexp.reduce(self.logits, axis=1, keepdims=True)
        return float(-log_p[np.arange(len(self.clips)), labels[self.clips]].mean())


def evaluate(setup: RunSetup, state: TrainState, clips: np.ndarray) -> Evaluation:
    """Run a model over clips of the data set; results come back in the order of `clips`."""
    plan = setup.plan_evaluation(clips)
    outputs = []
    with contextlib.closing(setup.data.batches(plan, 1, large=False)) as batches:
        for data, part in batches:
            batch = _on_device(part, setup.device, squeeze=True)
            outputs.append(evaluate_batch(state, data, batch, graph=setup.graph, max_frames=setup.max_frames))
    logits, beta, selected, threshold = [], [], [], []
    for step, output in enumerate(jax.device_get(outputs)):
        used = plan.clip_rows[step] >= 0
        logits.append(output.logits[used])
        threshold.append(output.key_frames.threshold[used])
        for slot in np.flatnonzero(used):
            mine = plan.clip_ids[step] == slot
            beta.append(output.key_frames.beta[mine])
            selected.append(output.key_frames.selected[mine].astype(int))
    return Evaluation(clips, np.concatenate(logits), beta, selected, np.concatenate(threshold))


def _on_device(plan: BatchPlan, device: jax.Device | None, *, squeeze: bool = False) -> DevicePlan:
    arrays = (plan.frame_rows, plan.clip_ids, plan.clip_rows)
    return DevicePlan(*jax.device_put(tuple(a[0] if squeeze else a for a in arrays), device))


def train_epoch(setup: RunSetup, training: Training, draws: EpochDraws, place: Place, observer: Observer) -> Training:
    """One epoch; the result depends on configuration, data, place, epoch and `RunSetup.draw_epoch` of these alone.

    Raises:
        FloatingPointError: a loss is not finite; the message names fold, epoch and step.
    """
    epoch, config = training.epoch + 1, setup.config.train
    rate = optim.learning_rate(config, epoch)
    state, first = training.state, 0
    said = _Said(Progress(place, epoch, config.epochs, 0.0, 0, 0.0), observer)
    under_way: deque[tuple[BatchPlan, jax.Array]] = deque()
    with contextlib.closing(setup.data.batches(draws.plan, setup.steps_per_call)) as batches:
        for data, part in batches:
            state, losses = train_steps(
                state,
                data,
                _on_device(part, setup.device),
                draws.key,
                *jax.device_put((first, rate), setup.device),
                graph=setup.graph,
                config=config,
                max_frames=setup.max_frames,
            )
            first += len(part.clip_rows)
            under_way.append((part, losses))
            if len(under_way) > _calls_ahead():
                said.add(*under_way.popleft())
    for part, losses in under_way:
        said.add(part, losses)
    done = said.progress
    entry = {"epoch": epoch, "learning_rate": rate, "loss": done.loss, "frames": done.frames, "seconds": done.seconds}
    return dataclasses.replace(training, state=state, epoch=epoch, history=[*training.history, entry])


def _calls_ahead() -> int:
    """Calls under way while one is looked at: an accelerator shall never wait; on the CPU a stop would wait for it."""
    return 0 if jax.default_backend() == "cpu" else 1


class _Said:
    """What the calls of an epoch have said so far."""

    def __init__(self, progress: Progress, observer: Observer):
        self.progress = progress
        self._observer = observer
        self._start = time.perf_counter()
        self._losses: list[np.ndarray] = []
        self._clips = self._steps = 0

    def add(self, part: BatchPlan, losses: jax.Array) -> None:
        """Wait for a call, check its losses, tell the observer."""
        used = part.clip_rows >= 0
        self._losses.append(np.asarray(losses)[used.any(1)])
        _require_finite(self._losses[-1], self.progress.place, self.progress.epoch, self._steps)
        self._clips += int(used.sum())
        self._steps += len(used)
        self.progress = dataclasses.replace(
            self.progress,
            loss=float(np.concatenate(self._losses).sum() / self._clips),
            frames=self.progress.frames + part.num_frames,
            seconds=time.perf_counter() - self._start,
        )
        self._observer.step_done(self.progress)


def _require_finite(losses: np.ndarray, place: Place, epoch: int, first_step: int) -> None:
    bad = np.flatnonzero(~np.isfinite(losses).all(1))
    if len(bad):
        raise FloatingPointError(
            f"loss is not finite ({losses[bad[0]].sum()}) in the fold of subject {place.subject}, epoch {epoch}, step "
            f"{first_step + int(bad[0]) + 1}; lower --learning_rate, or check the frames of that fold's training clips"
        )


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
    left = range(training.epoch + 1, epochs + 1)
    with contextlib.closing(one_ahead(lambda epoch: setup.draw_epoch(watch.train, place, epoch), left)) as drawn:
        for draws in drawn:
            training = train_epoch(setup, training, draws, place, observer)
            _keep_best(setup, training, watch)
            observer.epoch_done(place, training.history[-1])
            if training.epoch == epochs or time.monotonic() - saved > setup.config.checkpoint_interval_s:
                kept = dataclasses.replace(training, state=copied(training.state))  # the next epoch donates this one
                background.do(checkpoint.save, folder, kept)
                saved = time.monotonic()
    return training


def _keep_best(setup: RunSetup, training: Training, watch: _Watch) -> None:
    """Evaluate on the watched clips; remember what the best epoch so far says of the left-out subject."""
    labels = setup.clip_set.labels
    outcome = evaluate(setup, training.state, watch.watched)
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
