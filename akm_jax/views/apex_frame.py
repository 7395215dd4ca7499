"""A clip as one picture: its apex frame."""

import dataclasses

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from akm_jax.views.apex import ApexRule
from akm_jax.views.view import Clip


@dataclasses.dataclass(frozen=True)
class ApexFrame(ApexRule):
    """The apex frame, grey, 0..255, brought to a square by bilinear interpolation; antialiased where it shrinks."""

    size: int = 224
    """Side of the picture."""

    def __call__(self, clip: Clip) -> UInt8[np.ndarray, "S S 1"]:
        """The picture, with an axis for its one channel."""
        return as_square(clip.frames[self.find_apex(clip)], self.size)


def as_square(frame: UInt8[np.ndarray, "H W"], size: int) -> UInt8[np.ndarray, "S S 1"]:
    """A frame brought to a square, bilinear, antialiased where it shrinks."""
    return np.asarray(Image.fromarray(frame).resize((size, size), Image.Resampling.BILINEAR))[..., None]
