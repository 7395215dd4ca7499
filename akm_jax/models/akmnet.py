"""AKMNet: adaptive key-frame mining for micro-expression recognition (Peng et al., arXiv 2009.09179)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from akm_jax.clips import PackedClips
from akm_jax.config import ModelConfig
from akm_jax.models.fusion import TemporalFusion
from akm_jax.models.key_frames import KeyFrameMining, KeyFrames
from akm_jax.models.resnet import ResNet18


class AKMNetOutput(NamedTuple):
    """Class scores of every clip slot and what was mined from its frames."""

    logits: Float[Array, "C K"]
    key_frames: KeyFrames


class AKMNet(nnx.Module):
    """ResNet-18 over every frame, key-frame mining, a bidirectional GRU over the key frames, a linear classifier.

    `config.mining` leaves parts of the mining out (the paper's ablation); frames that nothing selects are weighted by
    beta.
    """

    def __init__(self, config: ModelConfig, num_classes: int, *, rngs: nnx.Rngs):
        dtype = jnp.dtype(config.param_dtype)
        features = config.widths[-1]
        fused = config.num_positions * 2 * config.gru_hidden
        self.trunk = ResNet18(config.widths, dtype=dtype, rngs=rngs)
        self.mining = KeyFrameMining(
            features, variant=config.variant, parts=config.mining_parts, dtype=dtype, rngs=rngs
        )
        self.fusion = TemporalFusion(features, config.gru_hidden, dtype=dtype, rngs=rngs)
        self.head_kernel = nnx.Param(jax.nn.initializers.glorot_normal()(rngs.params(), (fused, num_classes), dtype))
        self.head_bias = nnx.Param(jnp.zeros(num_classes, dtype))
        self.selects = config.selects
        self.dropout = config.dropout
        self.trunk_dtype = config.trunk_dtype

    def __call__(
        self, clips: PackedClips, *, train: bool = False, dropout_key: PRNGKeyArray | None = None
    ) -> AKMNetOutput:
        """Classify every clip.

        Args:
            clips: the batch.
            train: per-clip batch statistics (and running averages advanced) and dropout; else running averages.
            dropout_key: needed in training when the dropout rate is above 0.
        """
        maps = self.trunk(clips.frames.astype(self.trunk_dtype), clips, train=train)
        key_frames = self.mining(maps, clips)
        if not self.selects:
            maps = maps * key_frames.beta[:, None, None, None].astype(maps.dtype)
        fused = self.fusion(maps, key_frames.selected, clips)
        if train and self.dropout > 0:
            if dropout_key is None:
                raise ValueError(f"AKMNet: training with dropout {self.dropout} needs dropout_key, got None")
            kept = jax.random.bernoulli(dropout_key, 1 - self.dropout, fused.shape)
            fused = jnp.where(kept, fused / (1 - self.dropout), 0)
        logits = jnp.einsum("cv,vk->ck", fused, self.head_kernel[...], precision=jax.lax.Precision.HIGHEST)
        return AKMNetOutput(logits + self.head_bias[...], key_frames)
