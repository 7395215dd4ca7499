"""What networks that see one thing of a clip, such as a picture, have in common as methods."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from akm_jax.data.clip_set import Clips
from akm_jax.methods.protocol import (
    COMPILING,
    Context,
    Epoch,
    Kept,
    Method,
    Model,
    Outputs,
    Start,
    Trainer,
    Training,
)
from akm_jax.observe import Observer, Place
from akm_jax.views.view import Views

if TYPE_CHECKING:
    from akm_jax.train.folds_together import FoldState, Recipe

BY_VARIANT: Any = None
"""Default of a setting that `Network.defaults` says for each variant; a network that is made has the value itself."""


@dataclasses.dataclass(frozen=True)
class Network(Method):
    """Base: a method of this kind says `name`, `view`, `network` and `recipe`."""

    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """By variant, settings that depend on it: what they are unless given."""

    epochs: int = 200
    """Passes over the training clips of a fold."""
    clips_per_step: int = 32
    """Clips a step; the last step of an epoch has the remainder."""
    learning_rate: float = 1e-4
    """Learning rate."""
    weight_decay: float = 0.0
    """Added to the gradient, times the weight."""
    dropout: float = 0.5
    """Dropout rate, at the places of the published network."""

    def __post_init__(self) -> None:
        """Settings that were not given are as the variant has them; `dataclasses.replace` keeps them.

        Raises:
            ValueError: there is no such variant.
        """
        variant = getattr(self, "variant", "")
        if self.defaults and variant not in self.defaults:
            raise ValueError(f"--variant={variant}: expected one of {', '.join(self.defaults)}")
        for name, value in self.defaults.get(variant, {}).items():
            if getattr(self, name) is BY_VARIANT:
                object.__setattr__(self, name, value)

    def network(self, num_classes: int, rngs: Any) -> Any:
        """The network with fresh weights."""
        raise NotImplementedError

    def recipe(self, num_classes: int) -> "Recipe":
        """How it is trained."""
        raise NotImplementedError

    def expand(self, training: Training) -> Training:
        """A training by the rows that `inputs` makes of the views: what is seen of a clip may fill several."""
        return training

    def inputs(self, views: Views) -> tuple[np.ndarray, ...]:
        """What the network is given, each with a leading axis of the set's clips."""
        seen = views.stack(np.arange(len(views)))
        return tuple(seen.values()) if isinstance(seen, Mapping) else (seen,)

    def load(self, kept: Kept) -> Model:
        """The network of the last epoch.

        Raises:
            ValueError: the checkpoint is another network's.
        """
        from akm_jax.train.folds_together import kept_state  # here, as below

        recipe = _recipe(self, kept.num_classes)
        return self.model_of(recipe, kept_state(recipe, kept.checkpoint))

    def model_of(self, recipe: "Recipe", state: "FoldState") -> Model:
        """The network with the weights of a state, for clips it has not seen."""
        from akm_jax.train.folds_together import apply

        def model(clips: Clips, views: Views) -> Outputs:
            rows = self.expand(_watching(np.arange(len(views)))).watched[0]
            return Outputs(apply(recipe, state, tuple(array[rows] for array in self.inputs(views))))

        return model

    def num_parameters(self, num_classes: int) -> int:
        """Learnable numbers of the network, from its shapes."""
        from akm_jax.train.folds_together import count_parameters  # here: what trains takes seconds to import

        return count_parameters(_recipe(self, num_classes))

    def validate(self) -> None:
        """Raise ValueError on settings that can't be trained with."""
        if not 0 <= self.dropout < 1:
            raise ValueError(f"--dropout={self.dropout}: expected 0 <= rate < 1")
        for name in ("epochs", "clips_per_step"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name}={getattr(self, name)}: expected at least 1")

    def prepare(self, clips: Clips, views: Views, trainings: Sequence[Training], context: Context) -> "NetworkTrainer":
        """Say how clips without an annotated apex are read, or that pictures were ready-made."""
        apex: Any = self.view
        if given := getattr(apex, "flow_dir", None):
            context.observer.tell(f"{len(clips)} flow pictures taken from {given} as they are")
            return NetworkTrainer(self, views, trainings, clips.num_classes)
        missing = int(np.sum(clips.apexes < 0)) if apex.annotated else len(clips)
        if missing:
            rule = {"middle": "the middle frame", "xia": "the frame that differs most from the first (Xia's rule)"}
            context.observer.tell(
                f"{missing} of {len(clips)} clips without an annotated apex: {rule[apex.apex]} is taken for it "
                f"(--view.apex={apex.apex})"
            )
        return NetworkTrainer(self, views, trainings, clips.num_classes)


class NetworkTrainer(Trainer):
    """A network that is ready to train, all folds in one compiled program or one fold after another in the same."""

    def __init__(self, method: Network, views: Views, trainings: Sequence[Training], num_classes: int):
        """Args: the method, what it sees, every training of the set, which fix the shapes, and K."""
        super().__init__(method, views)
        self._network = method
        self._compiled = False
        self._every, self._num_classes = [method.expand(training) for training in trainings], num_classes

    @functools.cached_property
    def _inputs(self) -> tuple[np.ndarray, ...]:
        return self._network.inputs(self._views)

    def train(
        self, trainings: Sequence[Training], starts: Sequence[Start], observer: Observer
    ) -> Iterator[Sequence[Epoch]]:
        """Train some folds, each as it would be trained alone."""
        if not self._compiled:
            observer.tell(COMPILING)
            self._compiled = True
        return self.train_on(self._inputs, trainings, starts)

    def train_on(
        self, inputs: tuple[np.ndarray, ...], trainings: Sequence[Training], starts: Sequence[Start]
    ) -> Iterator[Sequence[Epoch]]:
        """Train some folds on what the network is given of every clip of the set."""
        from akm_jax.train.folds_together import train_together

        recipe = _recipe(self._network, self._num_classes)
        expanded = [self._network.expand(training) for training in trainings]
        for epoch in train_together(recipe, expanded, inputs, starts, self._every):
            of_folds = zip(epoch.outputs, epoch.losses, epoch.states, strict=True)
            yield [Epoch(epoch.number, outputs, {"loss": float(loss)}, state) for outputs, loss, state in of_folds]


def _watching(clips: np.ndarray) -> Training:
    """A training that learns from nothing."""
    none = np.zeros(0, np.int32)
    return Training(Place(0, "", ""), none, none, (), (clips,))


@functools.lru_cache(maxsize=16)
def _recipe(method: Network, num_classes: int) -> "Recipe":
    """One object for equal settings, so that nothing is compiled twice."""
    return method.recipe(num_classes)
