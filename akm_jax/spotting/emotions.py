"""Spot, then recognise: the emotion of an interval from those of its frames. Source: MEAN, the released program."""

import numpy as np
from jaxtyping import Int

from akm_jax.spotting.intervals import Spotted


def interval_emotions(frame_emotions: Int[np.ndarray, " S"], spotted: Spotted, k: int) -> Int[np.ndarray, " P"]:
    """The most frequent class of the k frames before each peak, where the expression rises.

    Args:
        frame_emotions: class of each frame that has features, 0 .. S - 1.
        spotted: intervals of 2 k + 1 frames around their peaks.
        k: half length, frames.

    Returns:
        A class for each interval; of equally frequent ones the first.

    Raises:
        ValueError: frames of an interval have no class.
    """
    starts = spotted.spans[:, 0]
    if len(starts) and (starts.min() < 0 or starts.max() + k > len(frame_emotions)):
        raise ValueError(
            f"{len(frame_emotions)} frames with classes, but intervals begin at frames {starts.min()} to "
            f"{starts.max()} with a half length of {k}: expected those that were spotted in the same video"
        )
    return np.array([np.bincount(frame_emotions[start : start + k]).argmax() for start in starts], np.int64)
