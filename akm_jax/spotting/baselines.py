"""What a spotter must beat: the motion alone, and chance."""

import dataclasses

import numpy as np
from jaxtyping import Float, Float64

from akm_jax.spotting.intervals import Spotted


def motion_scores(features: Float[np.ndarray, "N 42 42 3"]) -> Float64[np.ndarray, " N"]:
    """Score frames without a network: mean length of the flow in their features, pixels.

    Args:
        features: not scaled; scaled ones no longer say how far anything moves.

    Source: the paper reports the same pipeline without its network, but what was read does not state the score.
    """
    return np.linalg.norm(features[..., :2].astype(np.float64), axis=-1).mean((1, 2))


def random_intervals(rng: np.random.Generator, spotted: Spotted, k: int) -> Spotted:
    """Put as many intervals as were spotted anywhere in the same video, with random scores.

    As peaks are, they are of 2 k + 1 frames and begin at least k frames apart.

    Args:
        rng: where randomness comes from.
        spotted: what a spotter found, of the same half length.
        k: half length, frames.

    Raises:
        ValueError: so many do not fit, for they are not a spotter's.
    """
    num_starts, num_intervals = len(spotted.curve), len(spotted.spans)
    free = num_starts - k * max(num_intervals - 1, 0)
    if free < 1:
        raise ValueError(
            f"{num_intervals} intervals that begin {k} frames apart do not fit {num_starts} frames: expected those "
            "that `find_intervals` found with the same half length"
        )
    # Where starts may lie as near as they like, then k frames more before each than before the one before it.
    starts = np.sort(rng.integers(0, free, num_intervals)) + k * np.arange(num_intervals)
    spans = np.stack([starts, starts + 2 * k], axis=1)
    return dataclasses.replace(spotted, spans=spans, scores=rng.random(num_intervals))
