"""What a method is: what it sees of a clip, and how it is trained. The driver (`akm_jax.loso`) does everything else.

The driver hands a method trainings: clips with labels to learn from, and clips **without** labels whose outputs it
wants after every epoch. Which epoch's outputs count (rules `last`, `inner`, `test`), scores, checkpoints, resuming and
the report are the driver's alone, and so are the labels of the clips that are left out.

The least that a method of one's own defines is `name`, `view` and `train_fold`.
"""

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np

from akm_jax.config import RunOptions
from akm_jax.data.clip_set import Clips
from akm_jax.observe import Observer, Place
from akm_jax.views.apex import ApexRule
from akm_jax.views.view import View, Views

if TYPE_CHECKING:
    from akm_jax.train.checkpoint import Checkpoint

# Told before the first step, by methods that compile one.
COMPILING = "compiling the training step: once for all folds, minutes for a large network; it is kept for later starts"


@dataclasses.dataclass(frozen=True)
class Training:
    """One training of a fold.

    Attributes:
        place: seed, subject left out, and which of the fold's trainings it is.
        clips: (n,), the clips to learn from, as indices into the set.
        labels: int32 (n,), their classes.
        subjects: n, whom they show: for choices within the training clips.
        watched: groups of clips whose outputs are wanted after every epoch; their labels are not given.
    """

    place: Place
    clips: np.ndarray
    labels: np.ndarray
    subjects: tuple[str, ...]
    watched: tuple[np.ndarray, ...]

    def labels_of_set(self, num_clips: int) -> np.ndarray:
        """int32 (N,): the labels of the training clips at their places in the set, 0 at all others."""
        labels = np.zeros(num_clips, np.int32)
        labels[self.clips] = self.labels
        return labels


@dataclasses.dataclass(frozen=True)
class Outputs:
    """What a model says of n clips.

    Attributes:
        logits: (n, K), scores of the classes, the larger the likelier.
        details: for each clip, or none, more that results shall hold: JSON types by name.
    """

    logits: np.ndarray
    details: tuple[Mapping[str, Any], ...] = ()


@dataclasses.dataclass(frozen=True)
class Epoch:
    """A training after an epoch; a method without epochs gives one.

    Attributes:
        number: epochs done, from 1.
        outputs: for each group of `Training.watched` the outputs, as `Outputs` or as logits (n, K).
        notes: numbers of the epoch for the log, such as `loss`; `frames` and `seconds` give the speed.
        state: gives the arrays that a later start goes on from, and that `Method.load` makes a model of; a copy that
            the next epoch leaves alone. None where nothing can be kept, and a fold that was stopped begins again.
    """

    number: int
    outputs: Sequence[Outputs | np.ndarray]
    notes: Mapping[str, float] = dataclasses.field(default_factory=dict)
    state: Callable[[], Any] | None = None


@dataclasses.dataclass(frozen=True)
class Start:
    """Where a training goes on.

    Attributes:
        epoch: epochs that are done; 0 for a fresh training.
        restore: gives the state that was kept after them in the structure, and on the devices, of the one it is given.
    """

    epoch: int = 0
    restore: Callable[[Any], Any] = lambda like: like


@dataclasses.dataclass(frozen=True)
class Context:
    """What a run tells a method before it trains.

    Attributes:
        options: of the run.
        folder: where the method may keep what all folds share; what lies there is found again when the run goes on.
        observer: is told how work goes.
        data: what identifies the set, as `run.json` holds it: sizes, names of classes, and a checksum of clips, labels,
            times and pictures.
    """

    options: RunOptions
    folder: Path
    observer: Observer
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Kept:
    """What is left of a finished training.

    Attributes:
        checkpoint: the state of its last epoch.
        subject: who was left out.
        num_classes: K.
    """

    checkpoint: "Checkpoint"
    subject: str
    num_classes: int


Model: TypeAlias = Callable[[Clips, Views], Outputs]
"""A trained model: what it says of clips, given them and what the method sees of each."""


class Method:
    """Base of all methods.

    A method is made from its settings, a frozen dataclass: of the class `Config`, or the method is one itself.
    """

    name: ClassVar[str]
    """How command lines and results call it; lower case, no blanks."""
    title: ClassVar[str] = ""
    """How a report calls it; the name where there is none."""
    source: ClassVar[str] = ""
    """Where it was published; for `python -m experiments.methods`, as the two that follow."""
    ours: ClassVar[str] = ""
    """What was not published, and the reading that is taken of it."""
    cost: ClassVar[str] = ""
    """Roughly what a run costs; floating-point operations as XLA counts them, three times as many for a step."""
    clip_gflop: ClassVar[float] = 1.0
    """The same as a number, for plans of runs: operations, 1e9, forward of all that its network sees of a clip."""
    clip_seconds: ClassVar[float] = 0.0
    """In place of it, where the view is what a run costs: seconds of a core a clip."""
    Config: ClassVar[type]
    """Class of its settings where they are not its own fields; the method is made by `Method(config)`."""
    view: View | None = None
    """What it sees of a clip; None: the frames as they are, read by itself through `Clips`."""
    scores: ClassVar[Literal["logits", "votes"]] = "logits"
    """What its outputs are: logits, whose softmax are probabilities, or votes, which are counted."""
    all_folds_at_once: ClassVar[bool] = False
    """Whether it trains all folds of a run together (`train_folds`), or one after another (`train_fold`)."""

    def __init_subclass__(cls, **options: Any) -> None:
        """A plain function that is given as `view` stays one, and is bound to no method."""
        super().__init_subclass__(**options)
        view = vars(cls).get("view")
        if inspect.isfunction(view) and len(inspect.signature(view).parameters) == 1:
            cls.view = staticmethod(view)

    @property
    def config(self) -> Any:
        """Its settings, a frozen dataclass."""
        return self

    @property
    def epochs(self) -> int:
        """Epochs of a training."""
        return 1

    def num_parameters(self, num_classes: int) -> int | None:
        """Learnable numbers of its network for K classes, from shapes alone; None where there is no network."""
        return None

    def memory_gib(self, num_clips: int) -> float:
        """What a run on so many clips takes beside the process and its copies of weights, for plans; 0: little."""
        return 0.0

    @property
    def parts(self) -> int:
        """Devices that share a fold; 0: devices make no difference, and folds are trained one after another."""
        return 0

    @property
    def frame_size(self) -> int:
        """Side that it brings frames to before anything else, pixels, as they may be read; 0: they stay as they are."""
        return 0

    @property
    def apex_rule(self) -> ApexRule | None:
        """How it finds the apex of a clip; None where it makes no difference which frame that is."""
        return self.view if isinstance(self.view, ApexRule) else None

    @property
    def asks_rate(self) -> bool:
        """Whether the frames per second of a clip make a difference to what it sees."""
        return False

    @property
    def complete(self) -> bool:
        """Whether a run gives a result; False for a try-out that trains on a part of the clips."""
        return True

    def validate(self) -> None:
        """Raise ValueError on settings that can't be trained with."""
        if hasattr(self.config, "validate") and self.config is not self:
            self.config.validate()

    def on_this_machine(self, folds_at_a_time: int) -> "Method":
        """The same with settings that depend on the machine filled in; results may depend on them."""
        return self

    def prepare(self, clips: Clips, views: Views, trainings: Sequence[Training], context: Context) -> "Trainer":
        """Get ready to train.

        Args:
            clips: the set, without labels.
            views: what the method sees of each clip; empty if `view` is None.
            trainings: every training that the set allows under the run's options, whichever are run, so that static
                shapes depend on the set alone.
            context: of the run.
        """
        return Trainer(self, views)

    def train_fold(self, training: Training, views: Views, start: Start) -> Iterable[Epoch]:
        """Train one fold.

        Args:
            training: what to learn from and what to give outputs for.
            views: what the method sees of each clip.
            start: where to go on; a method that keeps no state begins anew, with epoch 1.

        Returns:
            The epochs after `start`, as they are done.
        """
        raise TypeError(f"method {self.name!r} defines neither train_fold nor train_folds")

    def load(self, kept: Kept) -> Model:
        """The model that a finished training kept, for clips it has not seen.

        Raises:
            ValueError: there is none that could say something of a single clip.
        """
        raise ValueError(f"method {self.name!r} says nothing of single clips: it defines no load")

    def train_folds(
        self, trainings: Sequence[Training], views: Views, starts: Sequence[Start]
    ) -> Iterable[Sequence[Epoch]]:
        """Train several folds together; for each epoch one entry a training, in their order.

        Equal to `train_fold` of each. All start at the same epoch.
        """
        raise TypeError(f"method {self.name!r} trains all folds at once, but defines no train_folds")


class Trainer:
    """A method that is ready to train; this one calls the method's functions."""

    def __init__(self, method: Method, views: Views):
        """Args: the method, and what it sees of each clip."""
        self._method, self._views = method, views

    def on(self, devices: tuple) -> "Trainer":
        """The same on other devices."""
        return self

    def train(
        self, trainings: Sequence[Training], starts: Sequence[Start], observer: Observer
    ) -> Iterator[Sequence[Epoch]]:
        """Train: one training, or several together if the method trains all folds at once."""
        method = self._method
        if method.all_folds_at_once:
            yield from _given(method, "train_folds", method.train_folds(trainings, self._views, starts))
            return
        for epoch in _given(method, "train_fold", method.train_fold(trainings[0], self._views, starts[0])):
            yield [epoch]

    def fold_facts(self) -> dict[str, float]:
        """Numbers to keep with a fold that is finished now; `summary.json` has the largest of each."""
        return {}

    def run_facts(self, trainings: Sequence[Training]) -> dict[str, float]:
        """Numbers for `summary.json` about the trainings of a run."""
        return {}


def _given(method: Method, function: str, epochs: Any) -> Iterable[Any]:
    if not isinstance(epochs, Iterable):
        raise ValueError(
            f"method {method.name!r}: {function} gave {type(epochs).__name__}; expected the epochs it trained, by "
            "`yield` or as a list"
        )
    return epochs
