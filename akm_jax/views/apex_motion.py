"""A clip as ATNet sees it: the apex frame, and the motion of regions of the face from frame to frame around it."""

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import Float

from akm_jax.views.apex import ApexRule
from akm_jax.views.apex_frame import as_square
from akm_jax.views.view import Clip

STEPS = 64
GRID = 8


@dataclasses.dataclass(frozen=True)
class ApexMotion(ApexRule):
    """The apex frame, grey, and for up to 64 frames around it the mean flow to the next one in 8 x 8 regions.

    Flow is computed at the clip's size; a region's is given by direction and length. Shorter sequences stand at the
    end, after zeros.
    """

    size: int = 224
    """Side of the picture."""
    flow: Literal["tvl1", "farneback"] = "tvl1"
    """How flow is computed."""

    def __call__(self, clip: Clip) -> dict[str, np.ndarray]:
        """`picture`, uint8 (S, S, 1), and `motion`, float32 (64, 128)."""
        from akm_jax.ops.flow import flow  # here: the options are shown without loading it

        apex, motion = self.find_apex(clip), np.zeros((STEPS, 2 * GRID**2), np.float32)
        first, last = max(0, apex - STEPS // 2), min(apex + STEPS // 2, len(clip.frames) - 1)
        if last > first:
            found = flow(clip.frames[first:last], clip.frames[first + 1 : last + 1], self.flow)
            motion[STEPS - len(found) :] = [by_region(one) for one in found]
        return {"picture": as_square(clip.frames[apex], self.size), "motion": motion}


def by_region(flow: Float[np.ndarray, "H W 2"]) -> Float[np.ndarray, " 128"]:
    """Direction in (-pi, pi], length in pixels of the mean flow of every region, row by row, alternating."""
    regions = [cell for rows in np.array_split(flow, GRID) for cell in np.array_split(rows, GRID, axis=1)]
    u, v = np.transpose([region.mean((0, 1)) for region in regions])
    return np.stack([np.arctan2(v + 0.0, u), np.hypot(u, v)], axis=-1).ravel()  # + 0.0: no -0, so no -pi
