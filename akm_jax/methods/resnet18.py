"""ResNet-18 on a single frame, as Peng et al. (arXiv 2009.09179) compare it with AKMNet."""

import dataclasses
from typing import Any, ClassVar

from akm_jax.methods._single_frame import SingleFrame
from akm_jax.views.chosen_frame import ChosenFrame


@dataclasses.dataclass(frozen=True)
class SingleFrameResNet18(SingleFrame):
    """AKMNet's trunk on the apex frame, or on the max-key frame."""

    name: ClassVar[str] = "resnet18"
    title: ClassVar[str] = "ResNet-18"
    source: ClassVar[str] = "He et al., CVPR 2016; on a single frame: Peng et al., arXiv 2009.09179"
    ours: ClassVar[str] = (
        "input and optimiser as AKMNet's, without random crops; weights from scratch; the middle frame where no apex "
        "is annotated; a fold's max-key frames are found by the AKMNet of the same fold"
    )
    cost: ClassVar[str] = "40 passes over one frame a clip, 1.2 GFLOP forward each"
    clip_gflop: ClassVar[float] = 1.2

    dropout: float = 0.0
    """Dropout rate before the classifier."""
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    """Channels of the four stages."""

    @classmethod
    def preset(cls, name: str) -> "SingleFrameResNet18":
        """The network in full (`paper`), a slim one on 64 x 64 pictures (`demo`), the smallest that runs (`tiny`)."""
        presets = {
            "demo": cls(view=ChosenFrame(size=64), widths=(16, 32, 64, 128), epochs=8),
            "tiny": cls(view=ChosenFrame(size=32), widths=(4, 4, 8, 8), epochs=2),
        }
        return presets.get(name, cls())

    def network(self, num_classes: int, rngs: Any) -> Any:
        """The network with fresh weights."""
        from akm_jax.models.single_frame import SingleFrameResNet18 as Network

        return Network(num_classes, widths=self.widths, dropout=self.dropout, rngs=rngs)


METHOD = SingleFrameResNet18
