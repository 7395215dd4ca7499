"""From scores of frames to intervals: averaging, threshold, peaks. Source: SoftNet-SpotME, `spotting`."""

import dataclasses

import numpy as np
from jaxtyping import Float64, Int64, Real
from scipy.signal import find_peaks

from akm_jax.spotting.labels import Variant
from akm_jax.spotting.options import THRESHOLD


@dataclasses.dataclass(frozen=True)
class Spotted:
    """What was found in a video.

    Attributes:
        spans: int64 (P, 2), first and last frame of each interval, 0-based, the last one belonging to it.
        scores: float64 (P,), height of the curve at each.
        curve: float64 (F - 3 k,), the averaged scores; entry j is that of frame j + k.
        threshold: height from which peaks count.
    """

    spans: Int64[np.ndarray, "P 2"]
    scores: Float64[np.ndarray, " P"]
    curve: Float64[np.ndarray, " J"]
    threshold: float


def find_intervals(
    scores: Real[np.ndarray, " S"], k: int, variant: Variant = "megc", *, threshold: float = THRESHOLD
) -> Spotted:
    """Find the intervals of a video.

    A peak of the averaged curve at j is the interval of frames j .. j + 2 k; neighbours may overlap. The height from
    which peaks count lies between mean and maximum of the video's own curve: nearly every video yields intervals.

    Args:
        scores: of frames 0 .. F - k - 1.
        k: half length, frames.
        variant: a curve without a peak gives no interval, or for `code` a false alarm at the single frame k.
        threshold: 0 for the curve's mean, 1 for its maximum.

    Raises:
        ValueError: too few scores, or scores that are not finite.
    """
    curve = average_scores(scores, k)
    mean = curve.mean()
    height = float(mean + threshold * (curve.max() - mean))
    peaks, _ = find_peaks(curve, height=height, distance=k)
    spans = np.stack([peaks, peaks + 2 * k], axis=1).astype(np.int64)
    if variant == "code" and not len(peaks):
        return Spotted(np.array([(k, k)], np.int64), np.zeros(1), curve, height)
    return Spotted(spans, curve[peaks], curve, height)


def average_scores(scores: Real[np.ndarray, " S"], k: int) -> Float64[np.ndarray, " S-2*k"]:
    """Average 2 k scores, entry j those of frames j .. j + 2 k - 1; the last whole window is left out, as released.

    Raises:
        ValueError: too few scores, or scores that are not finite.
    """
    if scores.ndim != 1 or len(scores) <= 2 * k or k < 1:
        raise ValueError(
            f"scores of shape {scores.shape} at half length {k}: expected (S,) with more than {2 * k} of them, and a "
            "half length of 1 or more; a video needs more than three half lengths of frames"
        )
    if not np.isfinite(scores).all():
        raise ValueError(f"score {np.flatnonzero(~np.isfinite(scores))[0]} is not finite: the network has diverged")
    exact = scores.astype(np.float64)
    # One window after the other: NumPy adds each up in the same order, so that equal windows stay equal.
    return np.array([exact[j : j + 2 * k].mean() for j in range(len(exact) - 2 * k)])
