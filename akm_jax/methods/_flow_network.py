"""What small networks on one flow picture a clip have in common as methods: all folds are trained at once."""

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from akm_jax.methods._network import Network
from akm_jax.views.flow_picture import FlowPicture

if TYPE_CHECKING:
    from akm_jax.train.folds_together import Recipe


@dataclasses.dataclass(frozen=True)
class FlowNetwork(Network):
    """Base: a method of this kind says `name`, `picture` and `network`; Adam at one rate unless it says a `recipe`."""

    all_folds_at_once: ClassVar[bool] = True
    picture: ClassVar[tuple[int, int]]
    """Side and channels of the picture that the network takes."""

    view: FlowPicture = FlowPicture()

    def recipe(self, num_classes: int) -> "Recipe":
        """Adam."""
        from akm_jax.optim import adam
        from akm_jax.train.folds_together import Recipe

        return Recipe(
            lambda rngs: self.network(num_classes, rngs),
            adam(self.weight_decay),
            lambda epoch: self.learning_rate,
            self.epochs,
            self.clips_per_step,
        )

    def validate(self) -> None:
        """Raise ValueError on settings that can't be trained with."""
        if (self.view.size, self.view.channels) != self.picture:
            raise ValueError(
                f"--view.size={self.view.size}, {self.view.channels} channels: {self.name} takes pictures of side "
                f"{self.picture[0]} with {self.picture[1]} channels"
            )
        super().validate()

    def on_this_machine(self, folds_at_a_time: int) -> "FlowNetwork":
        """The same; the folds are shared by two devices where there are two cores."""
        from akm_jax.train.parts import split_cpu  # here: what trains takes seconds to import

        split_cpu()
        return self
