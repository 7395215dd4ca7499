"""A clip as STRCN-G sees it: flow from onset to apex, magnified by several factors."""

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from akm_jax.views.apex import ApexRule
from akm_jax.views.view import Clip


@dataclasses.dataclass(frozen=True)
class MagnifiedFlow(ApexRule):
    """Flow (u right, v down, in pixels) from the first frame to the apex, each time after another magnification.

    The two frames are resized first. Kept in half precision: eight pictures of a clip take 2.4 MB.
    """

    height: int = 300
    """Rows of the picture."""
    width: int = 245
    """Columns of the picture."""
    alphas: tuple[float, ...] = (5, 6, 7, 8, 9, 10, 11, 12)
    """Magnifications: motions become 1 + alpha times as large."""
    flow: Literal["tvl1", "farneback"] = "tvl1"
    """How flow is computed."""

    def __call__(self, clip: Clip) -> Float[np.ndarray, "A H W 2"]:
        """A picture a magnification."""
        from akm_jax.ops.flow import flow  # here: the options are shown without loading it
        from akm_jax.prepare.magnify import magnify

        pair = np.stack([self._resized(clip.frames[i]) for i in (0, self.find_apex(clip))])
        if len(clip.frames) == 1:
            return np.zeros((len(self.alphas), *pair.shape[1:], 2), np.float16)
        apexes = np.stack([magnify(pair, alpha=alpha)[1] for alpha in self.alphas])
        return flow(np.broadcast_to(pair[0], apexes.shape), apexes, self.flow).astype(np.float16)

    def _resized(self, frame: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "H W"]:
        return np.asarray(Image.fromarray(frame).resize((self.width, self.height), Image.Resampling.BICUBIC))
