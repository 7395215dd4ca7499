"""`PackedClips`, the one batch type, and reductions over the frames of each clip.

A batch is a set of whole clips laid one after another on one frame axis, with the clip's slot beside every frame. A
padded (clips, frames) batch with a mask is a special case: `from_padded` and `pad` convert.

Axis legend, used in the whole package: F packed frames, C clip slots of a batch, T frames of one clip, H W pixels,
D features, K classes.
"""

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PackedClips:
    """Whole clips packed on one frame axis; all shapes are static, so one compiled program serves every batch.

    Attributes:
        frames: (F, H, W, 1), grey, 0..1; padding frames (any place on the axis) may hold anything finite.
        clip_ids: (F,), slot of the clip a frame belongs to, frames of one clip in time order; C marks padding.
        labels: (C,), class of each clip; arbitrary in empty slots.
        clip_mask: (C,), True where the slot holds a clip.
        max_frames: static upper bound of the frames of one clip, the length of the temporal scan.
    """

    frames: Float[Array, "F H W 1"]
    clip_ids: Int[Array, " F"]
    labels: Int[Array, " C"]
    clip_mask: Bool[Array, " C"]
    max_frames: int = dataclasses.field(metadata={"static": True})

    @property
    def num_clips(self) -> int:
        """Number of clip slots, C (static)."""
        return self.labels.shape[0]

    def sum(self, values: Float[Array, " F *D"]) -> Float[Array, " C *D"]:
        """Sum over the frames of each clip; padding frames do not count."""
        return _sum(values, self.clip_ids, self.num_clips)

    def max(self, values: Float[Array, " F"]) -> Float[Array, " C"]:
        """Largest value over the frames of each clip; -inf in empty slots."""
        member = self.clip_ids[:, None] == jnp.arange(self.num_clips)
        return jnp.max(values[:, None], axis=0, where=member, initial=-jnp.inf)

    def count(self, dtype=jnp.float32) -> Float[Array, " C"]:
        """Number of frames of each clip, at least 1 so that empty slots divide safely."""
        return jnp.maximum(self.sum(jnp.ones(self.clip_ids.shape, dtype)), 1)

    def mean(self, values: Float[Array, " F *D"]) -> Float[Array, " C *D"]:
        """Mean over the frames of each clip; 0 in empty slots."""
        total = self.sum(values)
        return total / self.count(values.dtype).reshape(-1, *[1] * (total.ndim - 1))

    def spread(self, per_clip: Float[Array, " C *D"]) -> Float[Array, " F *D"]:
        """Give every frame its clip's value; 0 on padding frames."""
        return _spread(per_clip, self.clip_ids, self.num_clips)


def _sum(values: Float[Array, " F *D"], clip_ids: Int[Array, " F"], num_clips: int) -> Float[Array, " C *D"]:
    # A product with a one-hot matrix is exact for one frame, deterministic on a GPU (a scatter-add is not), and needs
    # full precision so that sums of float32 stay float32 sums.
    member = jax.nn.one_hot(clip_ids, num_clips, dtype=values.dtype)
    return jnp.einsum("fc,f...->c...", member, values, precision=jax.lax.Precision.HIGHEST)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _spread(per_clip: Float[Array, " C *D"], clip_ids: Int[Array, " F"], num_clips: int) -> Float[Array, " F *D"]:
    # A row of zeros for padding frames: a fill value would be asked for at every pixel of what is computed with it.
    rows = jnp.concatenate([per_clip, jnp.zeros_like(per_clip[:1])])
    return jnp.take(rows, clip_ids, axis=0, mode="clip")


def _spread_forward(per_clip, clip_ids, num_clips):
    return _spread(per_clip, clip_ids, num_clips), clip_ids


def _spread_backward(num_clips, clip_ids, d_frames):
    return _sum(d_frames, clip_ids, num_clips), None  # what `jnp.take` has for a gradient is a scatter-add


_spread.defvjp(_spread_forward, _spread_backward)


def pack(
    clips: Sequence[np.ndarray],
    labels: Sequence[int] | None = None,
    *,
    num_frames: int | None = None,
    num_clips: int | None = None,
    max_frames: int | None = None,
) -> PackedClips:
    """Pack clips on one frame axis.

    Args:
        clips: arrays (T, H, W), uint8 0..255 (divided by 255) or floating 0..1; T may differ, H and W may not.
        labels: class of each clip; zeros when None.
        num_frames: length of the frame axis, F; the clips' frames when None.
        num_clips: clip slots, C; the number of clips when None.
        max_frames: static bound of a clip's frames; the longest clip when None.

    Raises:
        ValueError: no clips, an empty clip, frames of different sizes, or clips that do not fit.
    """
    if not clips:
        raise ValueError("pack: expected at least one clip (T, H, W), got none")
    for i, clip in enumerate(clips):
        if clip.ndim != 3 or len(clip) == 0 or clip.shape[1:] != clips[0].shape[1:]:
            raise ValueError(
                f"pack: every clip must be (T, H, W) with T >= 1 and the size of the first one, {clips[0].shape[1:]}; "
                f"clip {i} has shape {clip.shape}"
            )
    lengths = [len(clip) for clip in clips]
    labels = [0] * len(clips) if labels is None else labels
    num_frames = sum(lengths) if num_frames is None else num_frames
    num_clips = len(clips) if num_clips is None else num_clips
    max_frames = max(lengths) if max_frames is None else max_frames
    if len(labels) != len(clips):
        raise ValueError(f"pack: {len(clips)} clips but {len(labels)} labels")
    if sum(lengths) > num_frames or len(clips) > num_clips or max(lengths) > max_frames:
        raise ValueError(
            f"pack: {len(clips)} clips with {sum(lengths)} frames, longest {max(lengths)}, do not fit into "
            f"{num_clips} slots, {num_frames} frames, longest {max_frames}"
        )
    values = np.concatenate([_to_unit_range(clip) for clip in clips])
    frames = np.zeros((num_frames, *values.shape[1:], 1), values.dtype)
    frames[: len(values), ..., 0] = values
    clip_ids = np.full(num_frames, num_clips, np.int32)
    clip_ids[: len(values)] = np.repeat(np.arange(len(clips)), lengths)
    slots = np.zeros(num_clips, np.int32)
    slots[: len(clips)] = labels
    mask = np.arange(num_clips) < len(clips)
    return PackedClips(jnp.asarray(frames), jnp.asarray(clip_ids), jnp.asarray(slots), jnp.asarray(mask), max_frames)


def padded_length(frames: int) -> int:
    """Length to pad a clip to, so that clips of about a length share a program: 7 frames or an eighth more at most."""
    step = max(8, 1 << frames.bit_length() >> 4)
    return -(-frames // step) * step


def _to_unit_range(clip: np.ndarray) -> np.ndarray:
    if clip.dtype == np.uint8:
        return clip.astype(jnp.zeros(()).dtype) / 255
    return np.asarray(clip, jnp.zeros(()).dtype)


def from_padded(frames: Float[Array, "C T H W 1"], mask: Bool[Array, "C T"], labels: Int[Array, " C"]) -> PackedClips:
    """The padded form, one row a clip, as a packed batch with F = C x T; frames where `mask` is False are padding."""
    num_clips, max_frames = mask.shape
    if frames.shape[:2] != mask.shape or labels.shape != (num_clips,):
        raise ValueError(
            f"from_padded: expected frames (C, T, H, W, 1), mask (C, T) and labels (C,), got {frames.shape}, "
            f"{mask.shape} and {labels.shape}"
        )
    clip_ids = jnp.where(mask, jnp.arange(num_clips, dtype=jnp.int32)[:, None], num_clips).reshape(-1)
    return PackedClips(frames.reshape(-1, *frames.shape[2:]), clip_ids, labels, mask.any(1), max_frames)


def frame_positions(clips: PackedClips, keep: Bool[Array, " F"]) -> Int[Array, " F"]:
    """Place of every kept frame among the kept frames of its clip (0-based); `max_frames` where not kept."""
    keep = keep & (clips.clip_ids < clips.num_clips)
    kept = jax.nn.one_hot(jnp.where(keep, clips.clip_ids, clips.num_clips), clips.num_clips, dtype=jnp.int32)
    before = jnp.sum((jnp.cumsum(kept, axis=0) - kept) * kept, axis=1)
    return jnp.where(keep, before, clips.max_frames)


def pad(values: Float[Array, " F *D"], clips: PackedClips, keep: Bool[Array, " F"] | None = None):
    """Lay per-frame values out as one row a clip.

    Args:
        values: (F, ...) anything given per frame.
        clips: the batch the frames belong to.
        keep: (F,), frames to lay out, moved to the front of their row in time order; all real frames when None.

    Returns:
        (C, T, ...) with T = `clips.max_frames`, zeros on padding, and the mask (C, T).
    """
    keep = jnp.ones(clips.clip_ids.shape, bool) if keep is None else keep
    places, outside = frame_positions(clips, keep), clips.max_frames + jnp.arange(len(clips.clip_ids))
    # No two frames share a place, not even outside: else the gradient would have to find out which of them was kept.
    index = (clips.clip_ids, jnp.where(places < clips.max_frames, places, outside))
    shape = (clips.num_clips, clips.max_frames)
    padded = jnp.zeros(shape + values.shape[1:], values.dtype).at[index].set(values, mode="drop", unique_indices=True)
    mask = jnp.zeros(shape, bool).at[index].set(True, mode="drop", unique_indices=True)
    return padded, mask


def unpack(values: Float[Array, " F *D"], clips: PackedClips) -> list[np.ndarray]:
    """Per-frame values as one NumPy array (T, ...) a clip, in slot order; empty slots are left out."""
    rows, clip_ids = np.asarray(values), np.asarray(clips.clip_ids)
    return [rows[clip_ids == c] for c in np.flatnonzero(np.asarray(clips.clip_mask))]
