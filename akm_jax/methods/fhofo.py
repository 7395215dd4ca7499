"""FHOFO of Farneback's flow and a linear support vector machine (Happy & Routray 2019)."""

import dataclasses
from typing import ClassVar, Literal

import numpy as np

from akm_jax.descriptors.fhofo import FHOFOConfig
from akm_jax.methods._support_vectors import Frames, SupportVectors
from akm_jax.views.view import Clip


@dataclasses.dataclass(frozen=True)
class FHOFOView:
    """The descriptor of a clip, from the flow between consecutive frames."""

    frames: Frames = Frames(tim_frames=10)
    """Without resampling in time clips differ in length: then `--view.fhofo.pooling=added`."""
    fhofo: FHOFOConfig = FHOFOConfig()
    flow: Literal["farneback", "tvl1", "rlof", "dis"] = "farneback"
    """Algorithm of the flow."""

    def __post_init__(self):
        if self.frames.tim_frames == 0 and self.fhofo.pooling == "concat":
            raise ValueError(
                "histograms of clips of different lengths cannot be joined over time; take tim_frames=10, or "
                "pooling=added"
            )

    def __call__(self, clip: Clip) -> np.ndarray:
        """Fuzzy histograms of flow orientation.

        Raises:
            ValueError: a clip of one frame, which nothing moves in.
        """
        from akm_jax.ops.flow import flow  # here: loads JAX

        frames = self.frames.of(clip)
        if len(frames) < 2:
            raise ValueError("a clip of 1 frame has no flow; expected at least 2")
        return self.fhofo(flow(frames[:-1], frames[1:], method=self.flow))


@dataclasses.dataclass(frozen=True)
class FHOFO(SupportVectors):
    """Fuzzy histograms of optical flow orientations."""

    name: ClassVar[str] = "fhofo"
    title: ClassVar[str] = "FHOFO"
    source: ClassVar[str] = "Happy & Routray: Fuzzy histogram of optical flow orientations, TAFFC 10(3), 2019"
    ours: ClassVar[str] = "the flow between frames of a clip brought to 10 frames; C by the training subjects"
    cost: ClassVar[str] = "the flow of 9 pairs a clip"
    clip_seconds: ClassVar[float] = 1.0
    view: FHOFOView = FHOFOView()


METHOD = FHOFO
