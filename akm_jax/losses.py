"""Losses, one value a clip; the caller reduces over clips: AKMNet's (arXiv 2009.09179, section III-D), and others."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Bool, Float, Int

from akm_jax.clips import PackedClips
from akm_jax.models.akmnet import AKMNetOutput
from akm_jax.models.key_frames import KeyFrames


class ClipLosses(NamedTuple):
    """The three terms and their weighted sum, each (C,); 0 in empty slots."""

    cross_entropy: Float[Array, " C"]
    sparsity: Float[Array, " C"]
    margin: Float[Array, " C"]
    total: Float[Array, " C"]


def global_sparsity(key_frames: KeyFrames, clips: PackedClips) -> Float[Array, " C"]:
    """max(0, number of key frames - 1)."""
    return jax.nn.relu(clips.sum(key_frames.selected) - 1)


def mean_margin(key_frames: KeyFrames, clips: PackedClips) -> Float[Array, " C"]:
    """2 - (mean of beta above the threshold - mean of beta below it).

    When one side is empty (a clip of one frame, or all scores equal) the margin is 0 and so is its gradient; the
    released program divides by zero there.
    """
    limit = clips.spread(key_frames.threshold)
    above = (key_frames.beta > limit).astype(key_frames.beta.dtype)
    below = (key_frames.beta < limit).astype(key_frames.beta.dtype)
    num_above, num_below = clips.sum(above), clips.sum(below)
    margin = clips.sum(above * key_frames.beta) / jnp.maximum(num_above, 1)
    margin -= clips.sum(below * key_frames.beta) / jnp.maximum(num_below, 1)
    return 2 - jnp.where((num_above > 0) & (num_below > 0), margin, 0)


def clip_losses(
    output: AKMNetOutput, clips: PackedClips, *, sparsity_weight: float = 0.1, margin_weight: float = 1.0
) -> ClipLosses:
    """All terms of every clip; total = cross-entropy + 0.1 sparsity + 1.0 margin by default."""
    terms = (
        optax.softmax_cross_entropy_with_integer_labels(output.logits, clips.labels),
        global_sparsity(output.key_frames, clips),
        mean_margin(output.key_frames, clips),
    )
    ce, sparsity, margin = (jnp.where(clips.clip_mask, term, 0) for term in terms)
    return ClipLosses(ce, sparsity, margin, ce + sparsity_weight * sparsity + margin_weight * margin)


def cross_entropy(logits: Float[Array, "N K"], labels: Int[Array, " N"], mask: Bool[Array, " N"]) -> Float[Array, " N"]:
    """-log p of the class; 0 where `mask` is False."""
    return jnp.where(mask, optax.softmax_cross_entropy_with_integer_labels(logits, labels), 0)


def focal_loss(logits: Float[Array, "N K"], labels: Int[Array, " N"], mask: Bool[Array, " N"]) -> Float[Array, " N"]:
    """-(1 - p)^2 log p of the class; 0 where `mask` is False."""
    entropy = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return jnp.where(mask, (1 - jnp.exp(-entropy)) ** 2 * entropy, 0)


def balanced_loss(logits: Float[Array, "N K"], labels: Int[Array, " N"], mask: Bool[Array, " N"]) -> Float[Array, " N"]:
    """Focal loss weighted by class, 1 - n_c / (10 n), n_c of n clips of the batch (Xia et al., TMM 2020).

    The authors' program multiplies arrays of shapes (n,) and (n, 1), so that its loss is the product of the two means;
    `product_of_means` gives that.
    """
    return class_weights(logits, labels, mask) * focal_loss(logits, labels, mask)


def product_of_means(
    logits: Float[Array, "N K"], labels: Int[Array, " N"], mask: Bool[Array, " N"]
) -> Float[Array, " N"]:
    """`balanced_loss` as the authors' program computes it: every clip is weighted by the mean weight."""
    weights = jnp.where(mask, class_weights(logits, labels, mask), 0)
    return jnp.sum(weights) / jnp.maximum(jnp.sum(mask), 1) * focal_loss(logits, labels, mask)


def class_weights(logits: Float[Array, "N K"], labels: Int[Array, " N"], mask: Bool[Array, " N"]) -> Float[Array, " N"]:
    """1 - n_c / (10 n) of every clip's class."""
    members = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype) * mask[:, None]
    share = jnp.sum(members, 0) / jnp.maximum(jnp.sum(mask), 1)
    return 1 - share[labels] / 10
