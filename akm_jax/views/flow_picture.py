"""A clip as one small picture: optical flow from onset to apex, and its strain."""

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import Float
from PIL import Image

from akm_jax.views.apex import ApexRule
from akm_jax.views.view import Clip


@dataclasses.dataclass(frozen=True)
class FlowPicture(ApexRule):
    """Flow (u right, v down, in pixels) from the first frame to the apex and, if wanted, its strain, computed at the
    clip's size.

    What is resized then is shrunk by a bicubic filter that averages (antialiased), as MATLAB's. A clip whose apex is
    the first frame, or that has one frame, gives zeros.
    """

    size: int = 28
    """Side of the picture."""
    flow: Literal["tvl1", "farneback"] = "tvl1"
    """How flow is computed."""
    strain: bool = True
    """Whether strain is the third channel."""
    scale: Literal["pixels", "bytes", "unit"] = "pixels"
    """Flow as it is; or each channel, after the resize, from its smallest to its largest value 0..255 in whole numbers
    (STSTNet), or the same divided by 255."""

    def __call__(self, clip: Clip) -> Float[np.ndarray, "S S D"]:
        """u, v and, if wanted, strain."""
        from akm_jax.ops.flow import flow  # here: the options are shown without loading it
        from akm_jax.ops.strain import strain

        first, apex = clip.frames[:1], clip.frames[self.find_apex(clip)][None]
        still = len(clip.frames) == 1
        found = np.zeros((*first.shape, 2), np.float32) if still else flow(first, apex, self.flow, pairs_per_call=1)
        channels = [found[0, ..., 0], found[0, ..., 1], *([strain(found)[0]] if self.strain else [])]
        return np.stack([self._scaled(resize(channel, self.size)) for channel in channels], axis=-1)

    def _scaled(self, channel: Float[np.ndarray, "S S"]) -> Float[np.ndarray, "S S"]:
        if self.scale == "pixels":
            return channel
        low, high = channel.min(), channel.max()
        whole = np.rint((channel - low) / max(high - low, 1e-12) * 255).astype(np.float32)
        return whole if self.scale == "bytes" else whole / 255

    @property
    def channels(self) -> int:
        """Channels of the picture."""
        return 3 if self.strain else 2


def resize(channel: Float[np.ndarray, "H W"], size: int) -> Float[np.ndarray, "S S"]:
    """To a square, bicubic (a = -.5), with a filter as wide as the shrinking asks for."""
    return np.asarray(Image.fromarray(channel.astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC))
