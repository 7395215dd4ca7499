"""What Peng's networks on the apex frame have in common as methods: ResNet-10, trained as their Caffe solver does."""

import dataclasses
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from akm_jax.data.clip_set import Clips
from akm_jax.methods._held_weights import hold_to
from akm_jax.methods._network import Network, NetworkTrainer
from akm_jax.methods.protocol import Context, Kept, Model, Training
from akm_jax.views.apex_frame import ApexFrame
from akm_jax.views.view import Views

if TYPE_CHECKING:
    from akm_jax.train.folds_together import Recipe

SIDE = 224

OURS = (
    "weights from scratch unless --trunk names some (the authors start from ImageNet and macro-expressions, which are "
    "not released); the middle frame where no apex is annotated; the order of clips is drawn anew in every pass; the "
    "last epoch"
)


@dataclasses.dataclass(frozen=True)
class ApexNetwork(Network):
    """Base: a method of this kind says `name` and `network`. Solver as ATNet's authors released it.

    2500 steps of 16 clips, balanced over the classes once; the rate falls to a tenth every 500. An epoch is 50 steps,
    after which their program looks at the test clips.
    """

    trunk_path: ClassVar[str] = "trunk"
    """Where the ResNet-10 lies in the network."""
    crops: ClassVar[bool] = False
    """Whether pictures may be larger than the network takes, so that crops are shown."""

    view: ApexFrame = ApexFrame()
    trunk: Path | None = None
    """Caffe weights (.caffemodel) of a ResNet-10 that every fold starts from; its other layers start fresh."""
    epochs: int = 50
    """Epochs of `steps_per_epoch` steps."""
    steps_per_epoch: int = 50
    """Steps of an epoch; 0: one pass over the training clips."""
    clips_per_step: int = 16
    learning_rate: float = 0.01
    tenth_every: int = 10
    """Epochs after which the learning rate falls to a tenth."""
    weight_decay: float = 5e-6
    momentum: float = 0.9
    """Momentum of the optimiser."""
    balanced: bool = True
    """Whether smaller classes are filled up to the largest with clips that are drawn again."""
    dropout: float = 0.0

    def recipe(self, num_classes: int) -> "Recipe":
        """SGD with momentum, biases twice as fast."""
        from akm_jax.optim import caffe_sgd
        from akm_jax.train.folds_together import Recipe

        return Recipe(
            lambda rngs: self.network(num_classes, rngs),
            caffe_sgd(self.momentum, self.weight_decay),
            lambda epoch: self.learning_rate * 0.1 ** ((epoch - 1) // self.tenth_every),
            self.epochs,
            self.clips_per_step,
            steps_per_epoch=self.steps_per_epoch,
            balanced=self.balanced,
            show=self.show,
            trained=self._trained(),
        )

    def show(self, inputs: list[Any], key: Any) -> list[Any]:
        """What is shown of a step's inputs, augmented where there is a key: in training."""
        return inputs

    def _trained(self) -> dict[str, Any]:
        """Weights of the trunk by their path in the network; none where it starts fresh."""
        if self.trunk is None:
            return {}
        from akm_jax.interop.caffe import resnet10_weights

        return {f"{self.trunk_path}/{name}": value for name, value in resnet10_weights(self.trunk).items()}

    def prepare(self, clips: Clips, views: Views, trainings: Sequence[Training], context: Context) -> NetworkTrainer:
        """As every network; and hold the run to the weights it was started with.

        Raises:
            FileNotFoundError, ValueError: the weights are not there, do not fit, or are others than at the run's start.
        """
        if self.trunk is not None:
            weights = self._trained()
            checksum = f"{zlib.crc32(self.trunk.expanduser().read_bytes()):08x}"
            hold_to(context.folder / "trunk.json", self.trunk, checksum)
            context.observer.tell(f"starting from {self.trunk}: {len(weights)} arrays of the trunk; others are fresh")
        return super().prepare(clips, views, trainings, context)

    def load(self, kept: Kept) -> Model:
        """The network of the last epoch; the weights that it was started from need not be there any more."""
        return Network.load(dataclasses.replace(self, trunk=None), kept)

    def validate(self) -> None:
        """Raise ValueError on settings that can't be trained with."""
        if self.view.size < SIDE or (self.view.size > SIDE and not self.crops):
            more = " or more" if self.crops else ""
            raise ValueError(f"--view.size={self.view.size}: {self.name} takes pictures of side {SIDE}{more}")
        if self.steps_per_epoch < 0 or self.tenth_every < 1:
            raise ValueError(
                f"--steps_per_epoch={self.steps_per_epoch}, --tenth_every={self.tenth_every}: expected at least 0 and 1"
            )
        super().validate()
