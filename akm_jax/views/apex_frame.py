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
        frame = Image.fromarray(clip.frames[self.find_apex(clip)])
        return np.asarray(frame.resize((self.size, self.size), Image.Resampling.BILINEAR))[..., None]
