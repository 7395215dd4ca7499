"""Kernels between the clips of a set: matrices that `svm` takes.

Where a width comes from clips, it is taken from the training clips of the fold alone.
"""

import numpy as np
from jaxtyping import Float, Float64, Integer


def linear_kernel(features: Float[np.ndarray, "N d"]) -> Float64[np.ndarray, "N N"]:
    """Inner products, summed in the precision of the features."""
    return (features @ features.T).astype(np.float64)


def squared_distances(features: Float[np.ndarray, "N d"]) -> Float64[np.ndarray, "N N"]:
    """Squared Euclidean distances."""
    products = linear_kernel(features.astype(np.float64))  # differences of them follow
    norms = np.diag(products)
    return np.maximum(norms[:, None] + norms - 2 * products, 0)


def chi2_distances(features: Float[np.ndarray, "N d"]) -> Float64[np.ndarray, "N N"]:
    """Sums of (x - y)^2 / (x + y); entries of both zero count nothing."""
    from sklearn.metrics.pairwise import additive_chi2_kernel  # here: takes long to import

    return -additive_chi2_kernel(features.astype(np.float64))


def rbf_kernel(
    squared: Float64[np.ndarray, "N N"], features: Float[np.ndarray, "N d"], training: Integer[np.ndarray, " n"]
) -> Float64[np.ndarray, "N N"]:
    """exp(-gamma d^2), gamma = 1 / (d times the variance of all features of the training clips)."""
    variance = features[training].astype(np.float64).var()
    return np.exp(-squared / (features.shape[1] * variance)) if variance > 0 else np.ones_like(squared)


def chi2_kernel(
    distances: Float64[np.ndarray, "N N"], training: Integer[np.ndarray, " n"]
) -> Float64[np.ndarray, "N N"]:
    """exp(-gamma d), gamma = 1 / mean distance of the training clips."""
    mean = distances[np.ix_(training, training)].mean()
    return np.exp(-distances / mean) if mean > 0 else np.ones_like(distances)
