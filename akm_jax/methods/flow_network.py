"""What small networks on one flow picture a clip have in common as methods: all folds are trained at once."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from akm_jax.data.clip_set import Clips
from akm_jax.methods.protocol import Context, Epoch, Method, Start, Trainer, Training
from akm_jax.views.flow_picture import FlowPicture
from akm_jax.views.view import Views

if TYPE_CHECKING:
    from akm_jax.train.folds_together import Recipe


@dataclasses.dataclass(frozen=True)
class FlowNetwork(Method):
    """Base: a method of this kind says `name`, `picture` and `recipe`."""

    all_folds_at_once: ClassVar[bool] = True
    picture: ClassVar[tuple[int, int]]
    """Side and channels of the picture that the network takes."""

    view: FlowPicture = FlowPicture()
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

    def recipe(self, num_classes: int) -> "Recipe":
        """How it is trained."""
        raise NotImplementedError

    def validate(self) -> None:
        """Raise ValueError on settings that can't be trained with."""
        if (self.view.size, self.view.channels) != self.picture:
            raise ValueError(
                f"--view.size={self.view.size}, {self.view.channels} channels: {self.name} takes pictures of side "
                f"{self.picture[0]} with {self.picture[1]} channels"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"--dropout={self.dropout}: expected 0 <= rate < 1")
        for name in ("epochs", "clips_per_step"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name}={getattr(self, name)}: expected at least 1")

    def prepare(self, clips: Clips, views: Views, trainings: Sequence[Training], context: Context) -> Trainer:
        """Say how clips without an annotated apex are read."""
        missing = int(np.sum(clips.apexes < 0)) if self.view.annotated else len(clips)
        if missing:
            rule = {"middle": "the middle frame", "xia": "the frame that differs most from the first (Xia's rule)"}
            context.observer.tell(
                f"{missing} of {len(clips)} clips without an annotated apex: {rule[self.view.apex]} is taken for it "
                f"(--view.apex={self.view.apex})"
            )
        return Trainer(self, views)

    def train_folds(
        self, trainings: Sequence[Training], views: Views, starts: Sequence[Start]
    ) -> Iterator[Sequence[Epoch]]:
        """Train all folds in one compiled program."""
        from akm_jax.train.folds_together import train_together  # here: what trains takes seconds to import

        num_classes = 1 + max(int(training.labels.max()) for training in trainings)
        pictures = views.stack(np.arange(len(views)))
        for epoch in train_together(_recipe(self, num_classes), trainings, pictures, starts):
            of_folds = zip(epoch.outputs, epoch.losses, epoch.states, strict=True)
            yield [Epoch(epoch.number, outputs, {"loss": float(loss)}, state) for outputs, loss, state in of_folds]


@functools.lru_cache(maxsize=16)
def _recipe(method: FlowNetwork, num_classes: int) -> "Recipe":
    """One object for equal settings, so that nothing is compiled twice."""
    return method.recipe(num_classes)
