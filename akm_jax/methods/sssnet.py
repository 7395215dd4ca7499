"""SSSNet (Varanka et al. 2021): a plain CNN on optical flow and strain."""

import dataclasses
from typing import Any, ClassVar

from akm_jax.methods._flow_network import FlowNetwork
from akm_jax.views.flow_picture import FlowPicture


@dataclasses.dataclass(frozen=True)
class SSSNet(FlowNetwork):
    """The settings of the library meb."""

    name: ClassVar[str] = "sssnet"
    title: ClassVar[str] = "SSSNet"
    source: ClassVar[str] = "Varanka et al. 2021, as the library meb has it (arXiv 2211.11425)"
    ours: ClassVar[str] = (
        "TV-L1 with OpenCV's settings and backward strain (meb: flow by a MATLAB program); cross-entropy over classes "
        "(meb: over action units); the middle frame where no apex is annotated, as in meb"
    )
    cost: ClassVar[str] = "200 epochs of 64 x 64 pictures, 32 MFLOP forward each: some 120 TFLOP for CASME II"
    clip_gflop: ClassVar[float] = 0.032
    picture: ClassVar[tuple[int, int]] = (64, 3)

    view: FlowPicture = FlowPicture(size=64)
    weight_decay: float = 1e-3

    def network(self, num_classes: int, rngs: Any) -> Any:
        """The network with fresh weights."""
        from akm_jax.models.sssnet import SSSNet as Network

        return Network(num_classes, dropout=self.dropout, rngs=rngs)


METHOD = SSSNet
