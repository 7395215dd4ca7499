"""Adaptive key-frame mining: which frames of a clip carry the expression (AKMNet, arXiv 2009.09179, section III-B).

Local self-attention gives every frame a weight, the weighted sum is the clip's global feature, the cosine between a
frame and the global feature is its score beta, and the frames that score at least their clip's mean are the key
frames. Scores, their mean and the threshold are float32 or wider whatever the trunk computes in.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Float

from akm_jax.clips import PackedClips
from akm_jax.ops.layers import unit


class KeyFrames(NamedTuple):
    """What the mining module says of every frame; padding frames are never selected."""

    alpha: Float[Array, " F"]  # local self-attention, 0..1
    beta: Float[Array, " F"]  # cosine to the clip's global feature
    threshold: Float[Array, " C"]  # mean of beta over the clip
    selected: Float[Array, " F"]  # 1 for key frames, else 0; carries the gradient of the selection


class KeyFrameMining(nnx.Module):
    """Local self-attention (1), global correlation (2), sparse selection (3).

    `parts` says which of the three are on. Without 1 every alpha is 1; without 2 alpha takes beta's place; without 3
    all frames are selected, and the network weights them by beta. With none of them all frames count alike: the mining
    is removed. Weights of parts that are off stay in the network, untouched by any loss, so that it has one form.

    `variant` "code" selects beta >= mean as the released program does; "paper" selects beta > mean (eq. 15-17). They
    also differ in the gradient of the selection, see `select`.
    """

    def __init__(self, features: int, *, variant: str = "code", parts: str = "123", dtype=jnp.float32, rngs: nnx.Rngs):
        self.kernel = nnx.Param(jax.nn.initializers.glorot_normal()(rngs.params(), (features, 1), dtype))
        self.bias = nnx.Param(jnp.zeros(1, dtype))
        self.variant = variant
        self.parts = parts

    def __call__(self, maps: Float[Array, "F H W D"], clips: PackedClips) -> KeyFrames:
        """Score and select the frames of every clip."""
        features = jnp.mean(maps.astype(jnp.promote_types(maps.dtype, jnp.float32)), axis=(1, 2))
        alpha = self._local_attention(features) if "1" in self.parts else jnp.ones_like(features[:, 0])
        beta = _global_correlation(features, alpha, clips) if "2" in self.parts else alpha
        # Rounding may lift the mean of equal scores above all of them; a clip always keeps at least one frame.
        threshold = jax.lax.stop_gradient(jnp.minimum(clips.mean(beta), clips.max(beta)))
        threshold = jnp.where(clips.clip_mask, threshold, 0)
        if "3" not in self.parts:
            return KeyFrames(alpha, beta, threshold, (clips.clip_ids < clips.num_clips).astype(beta.dtype))
        return KeyFrames(alpha, beta, threshold, select(beta, threshold, clips, self.variant))

    def _local_attention(self, features: Float[Array, "F D"]) -> Float[Array, " F"]:
        scores = jnp.einsum("fd,do->fo", features, self.kernel[...], precision=jax.lax.Precision.HIGHEST)[:, 0]
        return jax.nn.sigmoid(scores + self.bias[0])


def _global_correlation(
    features: Float[Array, "F D"], alpha: Float[Array, " F"], clips: PackedClips
) -> Float[Array, " F"]:
    """Cosine of every frame to the sum of its clip's frames weighted by alpha."""
    global_feature = clips.sum(alpha[:, None] * features)
    return jnp.sum(unit(features) * clips.spread(unit(global_feature)), axis=-1)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def select(
    beta: Float[Array, " F"], threshold: Float[Array, " C"], clips: PackedClips, variant: str
) -> Float[Array, " F"]:
    """Select key frames, B = 1, the others 0.

    The step has no useful derivative; what stands in for it, with the threshold held constant, is
        "code": dbeta = dB for every frame of a clip with 0 < threshold < 1, else 0 (released program);
        "paper": dbeta = dB where beta > threshold, else 0 (eq. 16-17).
    In variant "paper", a clip none of whose frames exceeds the mean (one frame, or all equal) keeps them all: the
    paper leaves that case open, and a clip without key frames has no features.
    """
    real = clips.clip_ids < clips.num_clips
    limit = clips.spread(threshold)
    chosen = (beta >= limit) & real
    if variant == "paper":
        above = (beta > limit) & real
        any_above = clips.spread(clips.sum(above.astype(beta.dtype))) > 0
        chosen = jnp.where(any_above, above, chosen)
    return chosen.astype(beta.dtype)


def _select_forward(beta, threshold, clips, variant):
    return select(beta, threshold, clips, variant), (beta, threshold, clips)


def _select_backward(variant, residuals, d_selected):
    beta, threshold, clips = residuals
    limit = clips.spread(threshold)
    passes = (limit > 0) & (limit < 1) if variant == "code" else beta > limit
    passes = passes & (clips.clip_ids < clips.num_clips)
    return jnp.where(passes, d_selected, 0), jnp.zeros_like(threshold), None


select.defvjp(_select_forward, _select_backward)
