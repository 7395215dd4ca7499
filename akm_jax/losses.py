"""Losses of AKMNet, one value a clip; the caller reduces over clips (arXiv 2009.09179, section III-D)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float

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
