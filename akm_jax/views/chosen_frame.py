"""A clip as one picture that a method chooses: its apex, or one of its frames, by what another network found."""

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from akm_jax.views.apex_frame import ApexFrame, as_square
from akm_jax.views.view import Clip


@dataclasses.dataclass(frozen=True)
class ChosenFrame(ApexFrame):
    """The apex frame, or all frames for a method to choose from; grey, 0..255, brought to a square, bilinear."""

    frame: Literal["apex", "max_key"] = "apex"
    """What is seen of a clip: its apex, or the key frame of the largest beta in a run of AKMNet (--key_frames_of)."""
    size: int = 128
    """Side of the picture."""

    def __call__(self, clip: Clip) -> UInt8[np.ndarray, "S S 1"] | UInt8[np.ndarray, "T S S 1"]:
        """The apex frame, or for `max_key` all T frames: which one it is depends on the fold."""
        if self.frame == "apex":
            return super().__call__(clip)
        return np.stack([as_square(frame, self.size) for frame in clip.frames])
