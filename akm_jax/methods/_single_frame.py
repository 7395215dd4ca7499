"""What the networks on a single frame have in common as methods: apex or max-key frame, trained as AKMNet is.

A max-key frame is that of the largest beta. A fold takes it, for its training clips and for those it is tested on, from
the network of the AKMNet run that left the same subject out.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from akm_jax.config import TrainConfig
from akm_jax.data.clip_set import Clips
from akm_jax.methods._network import Network, NetworkTrainer
from akm_jax.methods.protocol import Context, Epoch, Kept, Model, Outputs, Start, Training
from akm_jax.observe import Observer
from akm_jax.views.apex import ApexRule
from akm_jax.views.chosen_frame import ChosenFrame
from akm_jax.views.view import Views

if TYPE_CHECKING:
    from akm_jax.methods._finished_run import FinishedRun
    from akm_jax.train.folds_together import Recipe

PAPER = TrainConfig()


@dataclasses.dataclass(frozen=True)
class SingleFrame(Network):
    """Base: a method of this kind says `name`, `network` and its sizes. Optimised as AKMNet, without random crops."""

    view: ChosenFrame = ChosenFrame()
    key_frames_of: Path | None = None
    """Finished run of AKMNet on the same data, for --view.frame=max_key."""
    epochs: int = PAPER.epochs
    clips_per_step: int = PAPER.clips_per_step
    learning_rate: float = PAPER.learning_rate
    weight_decay: float = PAPER.weight_decay

    def recipe(self, num_classes: int) -> "Recipe":
        """SGD and the rates of AKMNet's released program."""
        from akm_jax.optim import learning_rate, sgd
        from akm_jax.train.folds_together import Recipe

        schedule = dataclasses.replace(PAPER, epochs=self.epochs, learning_rate=self.learning_rate)
        return Recipe(
            lambda rngs: self.network(num_classes, rngs),
            sgd(PAPER.momentum, self.weight_decay),
            lambda epoch: learning_rate(schedule, epoch),
            self.epochs,
            self.clips_per_step,
        )

    def validate(self) -> None:
        """Raise ValueError on settings that can't be trained with."""
        if self.view.size < 32 or self.view.size % 32:
            raise ValueError(f"--view.size={self.view.size}: {self.name} takes pictures of side 32, 64, 96..")
        if (self.view.frame == "max_key") != (self.key_frames_of is not None):
            raise ValueError(
                f"--view.frame={self.view.frame}, --key_frames_of={self.key_frames_of}: expected --view.frame=max_key "
                "and the directory of a finished run of AKMNet, or neither"
            )
        super().validate()

    @property
    def apex_rule(self) -> ApexRule | None:
        """The view's, unless another network chooses the frame."""
        return self.view if self.view.frame == "apex" else None

    def load(self, kept: Kept) -> Model:
        """The network of the last epoch, and before it the AKMNet of the same fold where that chooses the frame.

        Raises:
            FileNotFoundError: the run of AKMNet is not there any more.
            ValueError: a checkpoint is another network's, or that run has none of this fold.
        """
        network = super().load(kept)
        if self.key_frames_of is None:
            return network
        from akm_jax.methods._finished_run import load_fold

        akmnet = load_fold(self.key_frames_of, kept)

        def model(clips: Clips, views: Views) -> Outputs:
            tops = [int(np.argmax(mined["beta"])) for mined in akmnet(clips, Views()).details]
            return network(clips, Views([frames[top] for frames, top in zip(views, tops, strict=True)]))

        return model

    def prepare(self, clips: Clips, views: Views, trainings: Sequence[Training], context: Context) -> NetworkTrainer:
        """Say how clips without an annotated apex are read, or find the run that says which frames are seen."""
        if self.key_frames_of is None:
            return super().prepare(clips, views, trainings, context)
        from akm_jax.methods._finished_run import FinishedRun

        run = FinishedRun(self.key_frames_of, clips, trainings, context)
        return MaxKeyTrainer(self, views, trainings, clips.num_classes, run)


class MaxKeyTrainer(NetworkTrainer):
    """Trains folds one after another in the same program, each on the frames that its own AKMNet scores highest."""

    def __init__(
        self, method: Network, views: Views, trainings: Sequence[Training], num_classes: int, run: "FinishedRun"
    ):
        """Args: as of its base; the run that is asked."""
        super().__init__(method, views, trainings, num_classes)
        self._run = run

    def train(
        self, trainings: Sequence[Training], starts: Sequence[Start], observer: Observer
    ) -> Iterator[Sequence[Epoch]]:
        """Train a fold."""
        (training,) = trainings
        tops = [int(beta.argmax()) for beta in self._run.key_frames(training).beta]
        pictures = np.stack([frames[top] for frames, top in zip(self._views, tops, strict=True)])
        yield from self.train_on((pictures,), trainings, starts)
