"""VGG-11 on a single frame, as Peng et al. (arXiv 2009.09179) compare it with AKMNet."""

import dataclasses
from typing import Any, ClassVar

from akm_jax.methods._single_frame import SingleFrame
from akm_jax.views.chosen_frame import ChosenFrame


@dataclasses.dataclass(frozen=True)
class SingleFrameVGG11(SingleFrame):
    """VGG-11 on the apex frame, or on the max-key frame."""

    name: ClassVar[str] = "vgg11"
    title: ClassVar[str] = "VGG-11"
    source: ClassVar[str] = "Simonyan, Zisserman, arXiv 1409.1556; on a single frame: Peng et al., arXiv 2009.09179"
    ours: ClassVar[str] = (
        "one grey channel, dense layers for what is left of 128 x 128; input and optimiser as AKMNet's, without random "
        "crops; weights from scratch; the middle frame where no apex is annotated; a fold's max-key frames are found "
        "by the AKMNet of the same fold"
    )
    cost: ClassVar[str] = "40 passes over one frame a clip, 4.9 GFLOP forward each; 60 M parameters"
    clip_gflop: ClassVar[float] = 5.0

    dropout: float = 0.5
    """Dropout rate after each dense layer."""
    widths: tuple[int, int, int, int, int] = (64, 128, 256, 512, 512)
    """Channels of the five stages."""
    hidden: int = 4096
    """Units of each dense layer."""

    @classmethod
    def preset(cls, name: str) -> "SingleFrameVGG11":
        """The network in full (`paper`), a slim one on 64 x 64 pictures (`demo`), the smallest that runs (`tiny`)."""
        presets = {
            "demo": cls(view=ChosenFrame(size=64), widths=(16, 32, 64, 128, 128), hidden=256, epochs=8),
            "tiny": cls(view=ChosenFrame(size=32), widths=(4, 4, 8, 8, 8), hidden=8, epochs=2),
        }
        return presets.get(name, cls())

    def network(self, num_classes: int, rngs: Any) -> Any:
        """The network with fresh weights."""
        from akm_jax.models.single_frame import SingleFrameVGG11 as Network

        return Network(
            num_classes,
            size=self.view.size,
            widths=self.widths,
            hidden=self.hidden,
            dropout=self.dropout,
            rngs=rngs,
        )


METHOD = SingleFrameVGG11
