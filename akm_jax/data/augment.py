"""Training augmentation on the device, one draw a clip: all frames of a clip are shown alike."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray, UInt8


def draw_frames(
    key: PRNGKeyArray,
    frames: UInt8[Array, "N S S"],
    large_frames: UInt8[Array, "N L L"],
    frame_rows: Int[Array, " F"],
    clip_ids: Int[Array, " F"],
    *,
    num_clips: int,
    crop_probability: float,
) -> Float[Array, "F S S 1"]:
    """Gather a batch's frames; each clip is, with `crop_probability`, one random crop of its enlarged frames.

    Args:
        key: randomness of this batch.
        frames: the data set at the size the network sees.
        large_frames: the same frames enlarged; crops of S x S are taken from them.
        frame_rows: rows of the batch's frames.
        clip_ids: slot of every frame; `num_clips` marks padding, which comes back as some frame of the set.
        num_clips: clip slots.
        crop_probability: 0..1.

    Returns:
        Frames 0..1.
    """
    coin_key, offset_key = jax.random.split(key)
    margin = large_frames.shape[1] - frames.shape[1]
    crop = jax.random.bernoulli(coin_key, crop_probability, (num_clips,))
    offset = jax.random.randint(offset_key, (num_clips, 2), 0, margin + 1)
    slot = jnp.minimum(clip_ids, num_clips - 1)
    row, column = offset[slot, 0], offset[slot, 1]
    size = (1, *frames.shape[1:])

    def cut(frame_row, y, x):
        return jax.lax.dynamic_slice(large_frames, (frame_row, y, x), size)[0]

    crops = jax.vmap(cut)(frame_rows, row, column)
    chosen = jnp.where(crop[slot][:, None, None], crops, frames[frame_rows])
    return to_unit_range(chosen)


def to_unit_range(frames: UInt8[Array, "F S S"]) -> Float[Array, "F S S 1"]:
    """Grey levels 0..255 as 0..1 with a channel axis."""
    return frames[..., None].astype(jnp.zeros(()).dtype) / 255
