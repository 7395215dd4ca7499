"""Micro-Attention (Wang et al., Neurocomputing 410, 2020): ResNet-10 with spatial gates on the apex frame."""

import dataclasses
from typing import Any, ClassVar, Literal

from akm_jax.methods._apex_network import OURS, ApexNetwork


@dataclasses.dataclass(frozen=True)
class MicroAttention(ApexNetwork):
    """The released network; its solver was not released."""

    name: ClassVar[str] = "micro_attention"
    title: ClassVar[str] = "MicroAttention"
    source: ClassVar[str] = "Wang, Peng, Bi, Chen: Micro-attention for micro-expression recognition, Neurocomputing 410"
    ours: ClassVar[str] = (
        f"{OURS}; the solver, which is that of ATNet's program; no random crops, which the variant `paper` has"
    )
    cost: ClassVar[str] = "40,000 pictures a fold, 1 GFLOP forward each: some 3,000 TFLOP for CASME II"
    clip_gflop: ClassVar[float] = 1.0

    variant: Literal["paper", "atnet"] = "paper"
    """The authors' network, or the one that ATNet's authors compare with, whose features have length 1."""

    def network(self, num_classes: int, rngs: Any) -> Any:
        """The network with fresh weights."""
        from akm_jax.models.micro_attention import MicroAttention as Network

        return Network(num_classes, variant=self.variant, dropout=self.dropout, rngs=rngs)


METHOD = MicroAttention
