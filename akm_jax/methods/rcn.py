"""RCN-A (Xia et al., TIP 2020): a recurrent convolutional network with parameter-free attention."""

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from akm_jax.methods._flow_network import FlowNetwork
from akm_jax.views.flow_picture import FlowPicture

if TYPE_CHECKING:
    from akm_jax.train.folds_together import Recipe


@dataclasses.dataclass(frozen=True)
class RCN(FlowNetwork):
    """The authors' optimiser, with the maps and epochs of their paper's small network."""

    name: ClassVar[str] = "rcn"
    title: ClassVar[str] = "RCN-A"
    source: ClassVar[str] = "Xia et al.: Revealing the invisible with model and data shrinking, IEEE TIP 2020"
    ours: ClassVar[str] = "TV-L1 with OpenCV's settings; the middle frame where no apex is annotated; no augmentation"
    cost: ClassVar[str] = "20 epochs of 60 x 60 pictures, 47 MFLOP forward each: some 18 TFLOP for CASME II"
    clip_gflop: ClassVar[float] = 0.047
    picture: ClassVar[tuple[int, int]] = (60, 3)

    view: FlowPicture = FlowPicture(size=60)
    features: int = 32
    """Maps of every layer."""
    epochs: int = 20
    clips_per_step: int = 64
    learning_rate: float = 5e-4
    halved_every: int = 10
    """Epochs after which the learning rate is halved."""

    def network(self, num_classes: int, rngs: Any) -> Any:
        """The network with fresh weights."""
        from akm_jax.models.rcn import RcnA

        return RcnA(num_classes, features=self.features, dropout=self.dropout, rngs=rngs)

    def recipe(self, num_classes: int) -> "Recipe":
        """SGD with momentum."""
        from akm_jax.optim import sgd

        return dataclasses.replace(
            super().recipe(num_classes),
            optimizer=sgd(0.9, self.weight_decay),
            rate=lambda epoch: self.learning_rate * 0.5 ** ((epoch - 1) // self.halved_every),
        )


METHOD = RCN
