"""SSSNet (Varanka et al. 2021): a plain CNN on optical flow and strain."""

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from akm_jax.methods.flow_network import FlowNetwork
from akm_jax.views.flow_picture import FlowPicture

if TYPE_CHECKING:
    from akm_jax.train.folds_together import Recipe


@dataclasses.dataclass(frozen=True)
class SSSNet(FlowNetwork):
    """The settings of the library meb."""

    name: ClassVar[str] = "sssnet"
    title: ClassVar[str] = "SSSNet"
    picture: ClassVar[tuple[int, int]] = (64, 3)

    view: FlowPicture = FlowPicture(size=64)
    weight_decay: float = 1e-3

    def recipe(self, num_classes: int) -> "Recipe":
        """Adam."""
        from akm_jax.models.sssnet import SSSNet as Network
        from akm_jax.optim import adam
        from akm_jax.train.folds_together import Recipe

        return Recipe(
            lambda rngs: Network(num_classes, dropout=self.dropout, rngs=rngs),
            adam(self.weight_decay),
            lambda epoch: self.learning_rate,
            self.epochs,
            self.clips_per_step,
        )


METHOD = SSSNet
