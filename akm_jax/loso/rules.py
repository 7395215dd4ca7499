"""How a fold's model is chosen, which only the driver does, for only it knows the labels of the left-out subject.

`last`: the model of the last epoch. `test`: the epoch that reads the left-out subject best, as the released program
chooses. `inner`: the epoch that reads inner validation subjects best, of a training without them.
"""

import dataclasses
from typing import Any

import numpy as np

from akm_jax.data.clip_set import ClipSet
from akm_jax.data.folds import Fold, inner_split
from akm_jax.methods.protocol import Epoch, Outputs, Training
from akm_jax.observe import ALL_SUBJECTS, INNER, Place

# The released program looks for its best epoch from this one on; shorter trainings look from their last epoch on.
FIRST_CHOSEN_EPOCH = 10
# What predictions made elsewhere are filed under: how their models were chosen is not known.
GIVEN = "given"


def trainings_of(rules: tuple[str, ...]) -> tuple[str, ...]:
    """The trainings that a fold needs for its rules."""
    wanted = {ALL_SUBJECTS: {"last", "test"}, INNER: {"inner"}}
    return tuple(name for name, serves in wanted.items() if serves & set(rules))


def plan_training(clip_set: ClipSet, fold: Fold, seed: int, name: str, *, inner_share: float) -> Training:
    """A training of a fold as a method gets it: no label of a watched clip is in it.

    The last group of watched clips is the left-out subject's; in `inner` the validation clips stand before it.
    """
    clips = fold.train
    watched: tuple[np.ndarray, ...] = (fold.test,)
    if name == INNER:
        clips, validation = inner_split(clip_set, fold, share=inner_share, seed=seed)
        watched = (validation, fold.test)
    subjects = tuple(clip_set.subjects[i] for i in clips)
    return Training(Place(seed, fold.subject, name), clips, clip_set.labels[clips], subjects, watched)


@dataclasses.dataclass
class Record:
    """What is known of a training after some epochs.

    Attributes:
        history: one entry an epoch: the method's notes, accuracy and cross-entropy on the clips that choose.
        best: what the best epoch so far says of the left-out subject, as `result.json` describes a rule.
        best_rank: what made it best; larger is better.
        last: what the last epoch says of the left-out subject.
    """

    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    best: dict[str, Any] | None = None
    best_rank: list[float] = dataclasses.field(default_factory=list)
    last: dict[str, Any] | None = None

    def add(self, clip_set: ClipSet, training: Training, epoch: Epoch, *, epochs: int) -> None:
        """Score an epoch; remember what it says of the left-out subject, and whether it is the best so far.

        Raises:
            ValueError: the method's outputs are not of the form that `Epoch` describes.
        """
        outputs = _checked(clip_set, training, epoch)
        choosing, tested = training.watched[0], outputs[-1]
        accuracy, entropy = _scores(outputs[0].logits, clip_set.labels[choosing])
        notes = _plain_notes(training, epoch)
        self.history.append(notes | {"epoch": epoch.number, "accuracy": accuracy, "cross_entropy": entropy})
        self.last = _describe(clip_set, training.watched[-1], epoch.number, tested)
        # The legacy rule keeps the first of equal accuracies; inner validation prefers the lower cross-entropy.
        rank = [accuracy, 0.0 if len(outputs) == 1 else -entropy]
        if epoch.number >= min(FIRST_CHOSEN_EPOCH, epochs) and (self.best is None or rank > self.best_rank):
            self.best, self.best_rank = self.last, rank

    def as_notes(self) -> dict[str, Any]:
        """The record as it is now, for a checkpoint; later epochs leave it alone."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)} | {
            "history": list(self.history)
        }


def results_of_rules(rules: tuple[str, ...], records: dict[str, Record], validation: list[str]) -> dict[str, Any]:
    """For each rule what its model says of the left-out subject.

    Args:
        rules: chosen ones.
        records: of the fold's trainings, by name.
        validation: subjects that rule `inner` validates on.
    """
    found: dict[str, Any] = {}
    if "last" in rules:
        found["last"] = records[ALL_SUBJECTS].last
    if "test" in rules:
        found["test"] = records[ALL_SUBJECTS].best
    if "inner" in rules:
        found["inner"] = {**(records[INNER].best or {}), "validation_subjects": validation}
    return found


def _scores(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Share of clips classified correctly, and mean cross-entropy, nats."""
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return float(np.mean(logits.argmax(1) == labels)), float(-log_p[np.arange(len(labels)), labels].mean())


def _where(training: Training, epoch: Epoch) -> str:
    return f"the fold of subject {training.place.subject}, {training.place.training}, epoch {epoch.number}"


def _plain_notes(training: Training, epoch: Epoch) -> dict[str, float]:
    """An epoch's notes as Python numbers, whatever library they come from."""
    notes: dict[str, float] = {"epoch": epoch.number}  # stands first in the log
    for name, value in epoch.notes.items():
        notes[name] = value if isinstance(value, (int, float)) else float(value)
    wrong = {name: value for name, value in notes.items() if not np.isfinite(value)}
    if wrong:
        found = ", ".join(f"{name} {value}" for name, value in wrong.items())
        raise FloatingPointError(f"{_where(training, epoch)}: {found}; look at the data and the settings of the method")
    return notes


def _checked(clip_set: ClipSet, training: Training, epoch: Epoch) -> list[Outputs]:
    where, num_classes = _where(training, epoch), len(clip_set.class_names)
    if len(epoch.outputs) != len(training.watched):
        raise ValueError(
            f"{where}: {len(epoch.outputs)} outputs; expected {len(training.watched)}, one for each group of watched "
            "clips"
        )
    found = []
    for given, clips in zip(epoch.outputs, training.watched, strict=True):
        outputs = given if isinstance(given, Outputs) else Outputs(np.asarray(given))
        logits = np.asarray(outputs.logits)
        if logits.shape != (len(clips), num_classes) or logits.dtype.kind != "f":
            raise ValueError(
                f"{where}: outputs are {logits.dtype} {logits.shape}; expected floating ({len(clips)}, {num_classes}): "
                "a score for each watched clip and class"
            )
        if not np.isfinite(logits).all():
            raise FloatingPointError(
                f"{where}: outputs are not finite; look at the data and the settings of the method"
            )
        if outputs.details and len(outputs.details) != len(clips):
            raise ValueError(f"{where}: details of {len(outputs.details)} clips; expected {len(clips)} or none")
        found.append(dataclasses.replace(outputs, logits=logits))
    return found


def _describe(clip_set: ClipSet, clips: np.ndarray, epoch: int, outputs: Outputs) -> dict[str, Any]:
    described = {}
    for i, clip in enumerate(clips):
        described[clip_set.clip_ids[clip]] = {
            "label": int(clip_set.labels[clip]),
            "prediction": int(outputs.logits[i].argmax()),
            "logits": outputs.logits[i].tolist(),
            **(outputs.details[i] if outputs.details else {}),
        }
    return {"epoch": epoch, "clips": described}
