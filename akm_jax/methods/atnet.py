"""ATNet, apex-time network (Peng et al., ACII 2019): the apex frame beside the motion around it."""

import dataclasses
from typing import Any, ClassVar

from akm_jax.methods._apex_network import OURS, ApexNetwork
from akm_jax.views.apex_motion import ApexMotion


@dataclasses.dataclass(frozen=True)
class ATNet(ApexNetwork):
    """The released network and solver."""

    name: ClassVar[str] = "atnet"
    title: ClassVar[str] = "ATNet"
    source: ClassVar[str] = "Peng, Wang, Bi, Shi, Zhou, Chen: A novel apex-time network, ACII 2019, arXiv 1904.03699"
    ours: ClassVar[str] = f"{OURS}; the regions of the face, 8 x 8 on its crop; TV-L1 with OpenCV's settings"
    cost: ClassVar[str] = "40,000 clips a fold, 0.7 GFLOP forward each; flow of up to 64 pairs a clip, kept on disk"
    clip_gflop: ClassVar[float] = 0.7

    trunk_path: ClassVar[str] = "spatial"

    view: ApexMotion = ApexMotion()  # type: ignore[assignment]
    dropout: float = 0.5
    augment: bool = False
    """Whether training pictures are mirrored, turned and darkened at random, as the authors' program was meant to do
    and does not; the motion stays as it is."""

    def network(self, num_classes: int, rngs: Any) -> Any:
        """The network with fresh weights."""
        from akm_jax.models.atnet import ATNet as Network

        return Network(num_classes, dropout=self.dropout, rngs=rngs)

    def show(self, inputs: list[Any], key: Any) -> list[Any]:
        """The picture as `augment` has it, in training; the motion."""
        from akm_jax.data.augment import mirror_turn_darken

        pictures, motion = inputs
        return [mirror_turn_darken(key, pictures), motion] if self.augment and key is not None else inputs


METHOD = ATNet
