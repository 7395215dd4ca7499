"""A clip as one small picture: optical flow from onset to apex, and its strain."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
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
    flow_dir: Path | None = None
    """Folder of ready-made pictures to take instead, one a clip and named for it: PNG (u, v, strain as red, green,
    blue) or NPZ (u, v, strain, or one array; bytes, or flow in pixels, which is scaled as computed flow is)."""

    def __call__(self, clip: Clip) -> Float[np.ndarray, "S S D"]:
        """u, v and, if wanted, strain."""
        from akm_jax.ops.flow import flow  # here: the options are shown without loading it
        from akm_jax.ops.strain import strain

        first, apex = clip.frames[:1], clip.frames[self.find_apex(clip)][None]
        still = len(clip.frames) == 1
        found = np.zeros((*first.shape, 2), np.float32) if still else flow(first, apex, self.flow, pairs_per_call=1)
        channels = [found[0, ..., 0], found[0, ..., 1], *([strain(found)[0]] if self.strain else [])]
        return self.arranged(np.stack([self._scaled(resize(channel, self.size)) for channel in channels], axis=-1))

    @property
    def is_given(self) -> bool:
        """Whether pictures are ready-made."""
        return self.flow_dir is not None

    def given_checksum(self) -> str:
        """Of the folder of ready-made pictures.

        Raises:
            FileNotFoundError: it is not there.
        """
        from akm_jax.views.given_flow import checksum_of

        return checksum_of(self._folder)

    def given(self, clip_ids: Sequence[str]) -> list[Float[np.ndarray, "S S D"]]:
        """The ready-made picture of each clip, from `flow_dir`; nothing else of a clip is looked at.

        Raises:
            FileNotFoundError: the folder is not there, or lacks clips, all of which are named.
            ValueError: pictures that cannot be read, or are of another form; all are named.
        """
        from akm_jax.views.given_flow import find_pictures, read_pictures

        paths = find_pictures(self._folder, clip_ids)
        pictures = read_pictures(paths, size=self.size, channels=self.channels)
        whole = [path for path, picture in zip(paths, pictures, strict=True) if picture.dtype == np.uint8]
        if whole and self.scale == "pixels":
            raise ValueError(
                f"{whole[0]}, and {len(whole) - 1} more, hold bytes, 0..255, and no flow in pixels; give "
                "--view.scale=unit (0..1) or --view.scale=bytes"
            )
        return [self.arranged(self._as_scaled(picture)) for picture in pictures]

    @property
    def _folder(self) -> Path:
        if self.flow_dir is None:
            raise ValueError("the view has no flow_dir, from which pictures could be taken")
        return self.flow_dir

    def arranged(self, picture: Float[np.ndarray, "S S D"]) -> Float[np.ndarray, "S S D"]:
        """What the method sees of the picture: all of it."""
        return picture

    def _as_scaled(self, picture: np.ndarray) -> Float[np.ndarray, "S S D"]:
        if picture.dtype == np.uint8:
            return picture.astype(np.float32) / (1 if self.scale == "bytes" else 255)
        return np.stack([self._scaled(channel) for channel in np.moveaxis(picture, -1, 0)], axis=-1)

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
