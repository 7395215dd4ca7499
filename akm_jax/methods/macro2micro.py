"""Macro2Micro (Peng et al., FG 2018): ResNet-10 on the apex frame."""

import dataclasses
from typing import Any, ClassVar

from akm_jax.methods._apex_network import OURS, ApexNetwork


@dataclasses.dataclass(frozen=True)
class Macro2Micro(ApexNetwork):
    """The network as the authors' successors released it; their solver."""

    name: ClassVar[str] = "macro2micro"
    title: ClassVar[str] = "Macro2Micro"
    source: ClassVar[str] = "Peng, Wu, Zhang, Chen: From macro to micro expression recognition, FG 2018"
    ours: ClassVar[str] = f"{OURS}; the solver, which is that of ATNet's program by the same author"
    cost: ClassVar[str] = "40,000 pictures a fold, 0.7 GFLOP forward each: some 2,000 TFLOP for CASME II"
    clip_gflop: ClassVar[float] = 0.7

    def network(self, num_classes: int, rngs: Any) -> Any:
        """The network with fresh weights."""
        from akm_jax.models.macro2micro import Macro2Micro as Network

        return Network(num_classes, dropout=self.dropout, rngs=rngs)


METHOD = Macro2Micro
