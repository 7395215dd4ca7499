"""HIGO and a linear support vector machine (Li et al. 2018), without magnification of its own."""

import dataclasses
from typing import ClassVar

import numpy as np

from akm_jax.descriptors.higo import HIGOConfig
from akm_jax.methods._support_vectors import Frames, SupportVectors
from akm_jax.views.view import Clip


@dataclasses.dataclass(frozen=True)
class HIGOView:
    """The descriptor of a clip."""

    frames: Frames = Frames()
    higo: HIGOConfig = HIGOConfig()

    def __call__(self, clip: Clip) -> np.ndarray:
        """Histograms of gradient orientations."""
        return self.higo(self.frames.of(clip))


@dataclasses.dataclass(frozen=True)
class HIGO(SupportVectors):
    """Histograms of image gradient orientation."""

    name: ClassVar[str] = "higo"
    title: ClassVar[str] = "HIGO"
    source: ClassVar[str] = "Li, Hong, Moilanen, Huang, Pfister, Zhao, Pietikainen, TAFFC 9(4), 2018"
    ours: ClassVar[str] = "without the magnification of its pipeline; C by the training subjects"
    cost: ClassVar[str] = "22 ms of a core a clip of 67 frames; 19 s of a core for all folds"
    clip_seconds: ClassVar[float] = 0.03
    view: HIGOView = HIGOView()


METHOD = HIGO
