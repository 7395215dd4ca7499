"""LBP-TOP and a linear support vector machine (Zhao & Pietikainen 2007; Yan et al. 2014)."""

import dataclasses
from typing import ClassVar

import numpy as np

from akm_jax.descriptors.lbp_top import LBPTopConfig
from akm_jax.methods._support_vectors import Frames, SupportVectors
from akm_jax.views.view import Clip


@dataclasses.dataclass(frozen=True)
class LBPTopView:
    """The descriptor of a clip."""

    frames: Frames = Frames()
    lbp: LBPTopConfig = LBPTopConfig(radii=(1, 1, 0))
    """Rt 0: 4 from 150 frames/s on, else 2."""

    def __call__(self, clip: Clip) -> np.ndarray:
        """Histograms of patterns."""
        rx, ry, rt = self.lbp.radii
        lbp = dataclasses.replace(self.lbp, radii=(rx, ry, self.frames.radius_t(clip, rt)))
        return lbp(self.frames.of(clip))


@dataclasses.dataclass(frozen=True)
class LBPTop(SupportVectors):
    """Local binary patterns in three planes."""

    name: ClassVar[str] = "lbp_top"
    title: ClassVar[str] = "LBP-TOP"
    source: ClassVar[str] = "Zhao & Pietikainen, TPAMI 29(6), 2007"
    ours: ClassVar[str] = "clips at the size that every method here sees; C by the training subjects"
    cost: ClassVar[str] = "14 ms of a core a clip of 67 frames; 19 s of a core for all folds"
    clip_seconds: ClassVar[float] = 0.02
    view: LBPTopView = LBPTopView()

    @property
    def asks_rate(self) -> bool:
        """Where the radius in time is left to it."""
        return self.view.lbp.radii[2] == 0


METHOD = LBPTop
