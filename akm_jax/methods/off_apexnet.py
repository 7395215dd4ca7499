"""OFF-ApexNet (Gan et al. 2019): two streams on the flow from onset to apex, or meb's reduced form."""

import dataclasses
from typing import Any, ClassVar, Literal

from akm_jax.methods._flow_network import FlowNetwork
from akm_jax.views.flow_picture import FlowPicture


@dataclasses.dataclass(frozen=True)
class OffApexNet(FlowNetwork):
    """Network, learning rate and epochs as published; optimiser (Adam) and clips a step are not known: our reading."""

    name: ClassVar[str] = "off_apexnet"
    title: ClassVar[str] = "OFF-ApexNet"
    source: ClassVar[str] = "Gan, Liong, Yau, Huang, Tan: OFF-ApexNet, Signal Processing: Image Communication 74, 2019"
    ours: ClassVar[str] = (
        "optimiser (Adam), clips a step, no dropout; TV-L1 with OpenCV's settings; the middle frame where no apex is "
        "annotated"
    )
    cost: ClassVar[str] = "3000 epochs of 28 x 28 pictures, 8 MFLOP forward each: some 440 TFLOP for CASME II"
    clip_gflop: ClassVar[float] = 0.008
    picture: ClassVar[tuple[int, int]] = (28, 2)

    view: FlowPicture = FlowPicture(size=28, strain=False)
    form: Literal["two_streams", "meb"] = "two_streams"
    """The published network, or meb's reduced one."""
    epochs: int = 3000
    clips_per_step: int = 256
    dropout: float = 0.0

    def network(self, num_classes: int, rngs: Any) -> Any:
        """The network with fresh weights."""
        from akm_jax.models.off_apexnet import OffApexNet as Network

        return Network(num_classes, form=self.form, dropout=self.dropout, rngs=rngs)


METHOD = OffApexNet
