"""Kernels between the clips of a set: matrices that `svm` takes; and from clips of no set to those that were learned.

Where a width comes from clips, it is taken from the training clips of the fold alone.
"""

from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float, Float64, Integer

KernelName: TypeAlias = Literal["linear", "rbf", "chi2"]


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
    width = width_of("rbf", features[training])
    return np.exp(-squared / width) if width > 0 else np.ones_like(squared)


def chi2_kernel(
    distances: Float64[np.ndarray, "N N"], training: Integer[np.ndarray, " n"]
) -> Float64[np.ndarray, "N N"]:
    """exp(-gamma d), gamma = 1 / mean distance of the training clips."""
    mean = distances[np.ix_(training, training)].mean()
    return np.exp(-distances / mean) if mean > 0 else np.ones_like(distances)


def width_of(kernel: KernelName, training: Float[np.ndarray, "n d"]) -> float:
    """What distances are divided by: d times the variance of all features, or their mean; 0 of the linear kernel."""
    if kernel == "rbf":
        return float(training.shape[1] * training.astype(np.float64).var())
    return float(chi2_distances(training).mean()) if kernel == "chi2" else 0.0


def kernel_values(
    kernel: KernelName, features: Float[np.ndarray, "n d"], others: Float[np.ndarray, "m d"], width: float
) -> Float64[np.ndarray, "n m"]:
    """Kernel values between two groups of clips, of the width that `width_of` gives; in double precision."""
    from sklearn.metrics.pairwise import additive_chi2_kernel, euclidean_distances  # as above

    features, others = features.astype(np.float64), others.astype(np.float64)
    if kernel == "linear":
        return features @ others.T
    if width == 0:
        return np.ones((len(features), len(others)))
    if kernel == "chi2":
        return np.exp(additive_chi2_kernel(features, others) / width)
    return np.exp(-euclidean_distances(features, others, squared=True) / width)
