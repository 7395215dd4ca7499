"""`ststnet`: epochs of STSTNet's composite leave-one-subject-out, ours and PyTorch's on the same drawn pictures.

Ours trains folds together, as `--method=ststnet` does; PyTorch one after another, with all threads. Both take the same
batches from the same weights and score the left-out clips after every epoch. Some epochs of some folds are measured, or
whole folds with `--epochs=800 --train_rounds=1`; what all, 68 folds of 800 epochs, would take is projected from them.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from akm_jax.methods.protocol import Start, Training
from akm_jax.methods.ststnet import STSTNet
from akm_jax.models.ststnet import PADS
from akm_jax.observe import Place
from akm_jax.ops.conv_norm_pool import window_pixels
from akm_jax.train.folds_together import Recipe, initial_state, order_of_epoch, seed_of, train_together
from experiments.benchmarks import timing
from experiments.benchmarks.speed import Measured

CLIPS, SUBJECTS, EPOCHS = 442, 68, 800
CLASSES = 3
METHOD = STSTNet(epochs=EPOCHS)


def measure(
    *,
    rounds: int,
    epochs: int,
    folds: int,
    threads: int,
    against_torch: bool,
    clips: int = CLIPS,
    method: STSTNet = METHOD,
) -> Measured:
    """Rows of ours and of each form in PyTorch, and how many times as fast ours is."""
    pictures, trainings = draw(clips)
    # A first epoch of its own compiles.
    recipe = dataclasses.replace(method, epochs=1 + rounds * epochs).recipe(CLASSES)
    ours = Ours(recipe, method, pictures, trainings[:folds], trainings)
    losses, compile_s = timing.timed(lambda: ours(1))
    programs: dict[str, Any] = {"ours": lambda _round: ours(epochs)}
    if against_torch:
        theirs = {form: Theirs(form, recipe, method, pictures, trainings[:folds], threads) for form in _forms()}
        programs |= {f"torch_{form}": lambda _round, one=one: one(epochs) for form, one in theirs.items()}
    seconds = timing.interleave(programs, rounds=range(rounds), warm=False)
    seconds = {name: [s / epochs / folds for s in taken] for name, taken in seconds.items()}
    rows: list[dict[str, Any]] = [
        {
            "name": f"ststnet/{name}",
            **timing.describe_milliseconds(taken),
            "projected_run_s": round(float(np.median(taken)) * SUBJECTS * EPOCHS),
        }
        for name, taken in seconds.items()
    ]
    rows[0] |= {
        "what": f"an epoch and fold of {clips} clips; projected: {SUBJECTS} folds of {EPOCHS} epochs",
        "folds": folds,
        "epochs_a_round": epochs,
        "first_epoch_s": round(compile_s, 3),
        "loss": round(float(losses[0]), 6),
    }
    return rows, timing.ratios_of("ststnet", seconds)


def draw(clips: int) -> tuple[np.ndarray, list[Training]]:
    """Pictures of bytes, and the training of every fold."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (clips, 28, 28, 3)).astype(np.float32)
    labels, subjects = rng.integers(0, CLASSES, clips).astype(np.int32), np.arange(clips) % SUBJECTS
    trainings = []
    for subject in np.unique(subjects):
        own = np.flatnonzero(subjects != subject)
        place = Place(0, f"{subject:02d}", "all_subjects")
        names = tuple(f"{s:02d}" for s in subjects[own])
        trainings.append(Training(place, own, labels[own], names, (np.flatnonzero(subjects == subject),)))
    return pictures, trainings


class Ours:
    """Folds together, which go on where the last call ended."""

    def __init__(self, recipe: Recipe, method: STSTNet, pictures: np.ndarray, trainings: list[Training], every):
        """Args: how; its settings; of every clip; the folds; those whose shapes count."""
        pixels = np.asarray(window_pixels(jnp.asarray(pictures), PADS[method.variant]))
        self._epochs = train_together(recipe, trainings, (pixels,), [Start()] * len(trainings), every)

    def __call__(self, epochs: int) -> np.ndarray:
        """Train so many epochs; the folds' losses of the last."""
        for _ in range(epochs):
            epoch = next(self._epochs)
        return epoch.losses


class Theirs:
    """The same folds in PyTorch, one after another."""

    def __init__(
        self, form: str, recipe: Recipe, method: STSTNet, pictures: np.ndarray, trainings: list[Training], threads: int
    ):
        """Args: of `ststnet_torch.FORMS`; how; its settings; of every clip; the folds; threads."""
        import torch

        from experiments.baselines import ststnet_torch

        torch.set_num_threads(threads)
        self._recipe, self._trainings, self._number = recipe, trainings, 0
        self._trainers = []
        for training in trainings:
            model = ststnet_torch.STSTNet(form, classes=CLASSES, rate=method.dropout)
            flat = nnx.to_flat_state(initial_state(seed_of(training.place), recipe=recipe).params)
            ststnet_torch.load(model, {"/".join(map(str, path)): np.asarray(leaf[...]) for path, leaf in flat})
            centred = pictures - pictures[training.clips].mean(0, dtype=np.float64).astype(np.float32)
            labels = training.labels_of_set(len(pictures)).astype(np.int64)
            planes = torch.from_numpy(np.ascontiguousarray(centred.transpose(0, 3, 1, 2)))
            self._trainers.append(
                ststnet_torch.Trainer(
                    model, planes, torch.from_numpy(labels), method.learning_rate, method.weight_decay
                )
            )

    def __call__(self, epochs: int) -> np.ndarray:
        """Train so many epochs; the folds' losses of the last."""
        import torch

        losses = []
        for trainer, training in zip(self._trainers, self._trainings, strict=True):
            watched = torch.from_numpy(np.concatenate(training.watched))
            for number in range(self._number + 1, self._number + epochs + 1):
                order = torch.from_numpy(order_of_epoch(self._recipe, training, number).astype(np.int64))
                loss = trainer.epoch(list(order.split(self._recipe.clips_per_step)), watched)
            losses.append(loss)
        self._number += epochs
        return np.array(losses)


def _forms() -> tuple[str, ...]:
    from experiments.baselines import ststnet_torch

    return ststnet_torch.FORMS
