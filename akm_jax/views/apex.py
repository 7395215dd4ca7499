"""Which frame of a clip is the apex, as annotated or by rule."""

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from akm_jax.views.view import Clip

XIA_SHARE = (0.2, 0.7)  # of the clip, where the apex is looked for
XIA_SIZE = (10, 8)  # rows and columns of the thumbnails


@dataclasses.dataclass(frozen=True, kw_only=True)
class ApexRule:
    """How views that need the apex find it: base of their settings."""

    apex: Literal["middle", "xia"] = "middle"
    """Apex of a clip where none is annotated: the middle frame, or the one that Xia's rule finds, the frame whose
    difference from the first varies most over the pixels."""
    annotated: bool = True
    """Whether an annotated apex is used; else all clips are read by the rule for those without."""
    version: int = 1
    """Counts changes of what is computed outside the view's own class."""

    def find_apex(self, clip: Clip) -> int:
        """Index of the apex: as annotated, or by the rule for clips without."""
        if self.annotated and 0 <= clip.apex < len(clip.frames):
            return clip.apex
        return len(clip.frames) // 2 if self.apex == "middle" else find_apex_by_difference(clip.frames)


def find_apex_by_difference(frames: UInt8[np.ndarray, "T H W"]) -> int:
    """Frame whose difference from the first one has the largest standard deviation over the pixels.

    On thumbnails of 10 x 8, between .2 and .7 of the clip; of equal ones the first.

    Source: the program of Xia et al., IEEE TMM 2020.
    """
    low, high = int(XIA_SHARE[0] * len(frames)), int(np.ceil(XIA_SHARE[1] * len(frames)))
    searched = np.arange(low, min(high, len(frames) - 1) + 1)
    small = [
        np.asarray(Image.fromarray(frames[i]).resize(XIA_SIZE[::-1], Image.Resampling.BICUBIC), np.float32)
        for i in (0, *searched)
    ]
    return int(searched[np.argmax([(frame - small[0]).std() for frame in small[1:]])])
