"""HTNet (Wang et al. 2023): a hierarchical transformer on flow around eyes and lips, in effect a residual MLP."""

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from akm_jax.methods._flow_network import FlowNetwork
from akm_jax.views.flow_mosaic import FlowMosaic

if TYPE_CHECKING:
    from akm_jax.train.folds_together import Recipe


@dataclasses.dataclass(frozen=True)
class HTNet(FlowNetwork):
    """The released network and optimiser. Its published figures take the best epoch on the left-out subject."""

    name: ClassVar[str] = "htnet"
    title: ClassVar[str] = "HTNet"
    source: ClassVar[str] = "Wang et al.: HTNet for micro-expression recognition, 2023"
    ours: ClassVar[str] = (
        "clips in random order (theirs: unshuffled, as with --shuffle=never); eyes and lips at the places of a mean "
        "face, upright (theirs: by MTCNN, transposed); each channel scaled to 0..1; TV-L1 with OpenCV's settings; the "
        "middle frame where no apex is annotated"
    )
    cost: ClassVar[str] = "800 epochs a fold, 140 M parameters: for an accelerator; --dim=64 has 9 M"
    clip_gflop: ClassVar[float] = 0.44
    picture: ClassVar[tuple[int, int]] = (28, 3)
    all_folds_at_once: ClassVar[bool] = False

    view: FlowMosaic = FlowMosaic()
    dim: int = 256
    """Channels of the first level."""
    epochs: int = 800
    clips_per_step: int = 256
    learning_rate: float = 5e-5
    dropout: float = 0.0
    shuffle: Literal["every_epoch", "never"] = "every_epoch"
    """Order of the training clips: drawn anew in every epoch, or class by class, in the order of the set (theirs)."""

    def network(self, num_classes: int, rngs: Any) -> Any:
        """The network with fresh weights."""
        from akm_jax.models.htnet import HTNet as Network

        return Network(num_classes, dim=self.dim, dropout=self.dropout, rngs=rngs)

    def recipe(self, num_classes: int) -> "Recipe":
        """Adam."""
        return dataclasses.replace(super().recipe(num_classes), shuffle=self.shuffle)


METHOD = HTNet
