"""LBP-SIP and a linear support vector machine (Wang, See, Phan & Oh 2014)."""

import dataclasses
from typing import ClassVar

import numpy as np

from akm_jax.descriptors.lbp_sip import LBPSipConfig
from akm_jax.methods._support_vectors import Frames, SupportVectors
from akm_jax.views.view import Clip


@dataclasses.dataclass(frozen=True)
class LBPSipView:
    """The descriptor of a clip."""

    frames: Frames = Frames()
    lbp: LBPSipConfig = LBPSipConfig(radius_t=0)
    """Rt 0: 4 from 150 frames/s on, else 2."""

    def __call__(self, clip: Clip) -> np.ndarray:
        """Histograms of patterns."""
        lbp = dataclasses.replace(self.lbp, radius_t=self.frames.radius_t(clip, self.lbp.radius_t))
        return lbp(self.frames.of(clip))


@dataclasses.dataclass(frozen=True)
class LBPSip(SupportVectors):
    """Local binary patterns with six intersection points."""

    name: ClassVar[str] = "lbp_sip"
    title: ClassVar[str] = "LBP-SIP"
    source: ClassVar[str] = "Wang, See, Phan, Oh: LBP with six intersection points, ACCV 2014"
    ours: ClassVar[str] = "clips at the size that every method here sees; C by the training subjects"
    cost: ClassVar[str] = "11 ms of a core a clip of 67 frames; 24 s of a core for all folds"
    clip_seconds: ClassVar[float] = 0.01
    view: LBPSipView = LBPSipView()

    @property
    def asks_rate(self) -> bool:
        """Where the radius in time is left to it."""
        return self.view.lbp.radius_t == 0


METHOD = LBPSip
