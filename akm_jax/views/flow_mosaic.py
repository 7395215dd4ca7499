"""A clip as HTNet sees it: the flow picture's surroundings of eyes and lips, side by side."""

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import Float

from akm_jax.views.flow_picture import FlowPicture

HALF = 7
# Column and row of left eye, right eye, left and right corner of the lips in a face of 28 x 28: where CausalNet's
# program has them for every face, and HTNet's where none is found.
PLACES = ((9.53, 11.06), (21.40, 10.92), (10.26, 22.12), (20.58, 22.26))
SIDE = 28


@dataclasses.dataclass(frozen=True)
class FlowMosaic(FlowPicture):
    """Pieces of 14 x 14 around eyes and lips of the flow picture, the eyes above the lips."""

    scale: Literal["pixels", "bytes", "unit"] = "unit"

    def arranged(self, picture: Float[np.ndarray, "S S D"]) -> Float[np.ndarray, "S S D"]:
        """The mosaic, as large as the picture.

        Raises:
            ValueError: the picture has another size than the one the places are for.
        """
        if self.size != SIDE:
            raise ValueError(f"--view.size={self.size}: places of eyes and lips are known for side {SIDE}")
        left_eye, right_eye, left_lip, right_lip = (piece(picture, place) for place in PLACES)
        return np.vstack([np.hstack([left_eye, right_eye]), np.hstack([left_lip, right_lip])])


def piece(picture: Float[np.ndarray, "28 28 D"], place: tuple[float, float]) -> Float[np.ndarray, "14 14 D"]:
    """The surroundings of a place, moved inward where they would reach beyond the picture."""
    column, row = (int(np.clip(round(x), HALF, SIDE - HALF)) for x in place)
    return picture[row - HALF : row + HALF, column - HALF : column + HALF]
