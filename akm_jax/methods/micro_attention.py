"""Micro-Attention (Wang et al., Neurocomputing 410, 2020): ResNet-10 with spatial gates on the apex frame."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from akm_jax.methods._apex_network import OURS, SIDE, ApexNetwork
from akm_jax.methods._network import BY_VARIANT
from akm_jax.views.apex_frame import ApexFrame


@dataclasses.dataclass(frozen=True)
class MicroAttention(ApexNetwork):
    """The released network and its input: random crops of 224 from pictures of 240, 10 a step; the middle in tests."""

    name: ClassVar[str] = "micro_attention"
    title: ClassVar[str] = "MicroAttention"
    source: ClassVar[str] = "Wang, Peng, Bi, Chen: Micro-attention for micro-expression recognition, Neurocomputing 410"
    ours: ClassVar[str] = f"{OURS}; the solver, which is that of ATNet's program, but for the clips a step"
    cost: ClassVar[str] = "25,000 pictures a fold, 1 GFLOP forward each: some 2,000 TFLOP for CASME II"
    clip_gflop: ClassVar[float] = 1.0
    crops: ClassVar[bool] = True
    defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"view": ApexFrame(size=240), "clips_per_step": 10},
        "atnet": {"view": ApexFrame(), "clips_per_step": 16},
    }

    view: ApexFrame = BY_VARIANT
    variant: Literal["paper", "atnet"] = "paper"
    """The authors' network, or the one that ATNet's authors compare with, whose features have length 1; it decides the
    defaults of clips a step and of the picture's side."""
    clips_per_step: int = BY_VARIANT
    """Clips a step; 10, of variant atnet 16."""

    def network(self, num_classes: int, rngs: Any) -> Any:
        """The network with fresh weights."""
        from akm_jax.models.micro_attention import MicroAttention as Network

        return Network(num_classes, variant=self.variant, dropout=self.dropout, rngs=rngs)

    def show(self, inputs: list[Any], key: Any) -> list[Any]:
        """Crops of 224 x 224 where pictures are larger, random in training."""
        from akm_jax.data.augment import crop

        return [crop(pictures, SIDE, key) for pictures in inputs] if self.view.size > SIDE else inputs


METHOD = MicroAttention
