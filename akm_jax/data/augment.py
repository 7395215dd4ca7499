"""Training augmentation on the device, one draw a clip: all frames of a clip are shown alike."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray, UInt8

MOST_DEGREES = 5
MOST_LEVELS = 10


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


def crop(pictures: Float[Array, "N L L 1"], size: int, key: PRNGKeyArray | None) -> Float[Array, "N S S 1"]:
    """A part of each picture: a random one, or without a key the middle."""
    margin = pictures.shape[1] - size
    if key is None:
        first = margin // 2
        return pictures[:, first : first + size, first : first + size]
    offsets = jax.random.randint(key, (len(pictures), 2), 0, margin + 1)
    return jax.vmap(lambda one, at: jax.lax.dynamic_slice(one, (*at, 0), (size, size, 1)))(pictures, offsets)


def mirror_turn_darken(key: PRNGKeyArray, pictures: Float[Array, "N S S 1"]) -> Float[Array, "N S S 1"]:
    """Each at a chance of a half: mirrored, turned counter-clockwise by 0..5 degrees, darkened by 0..10 grey levels.

    Degrees and levels are whole numbers. What a turned picture does not fill is black.

    Source: the data layer of ATNet's authors, in whose program it never happens.
    """
    mirrored, turned, degrees, darker, levels = jax.random.split(key, 5)
    shape = (len(pictures), 1, 1, 1)
    pictures = jnp.where(jax.random.bernoulli(mirrored, shape=shape), pictures[:, :, ::-1], pictures)
    angles = _some(turned, degrees, shape, MOST_DEGREES)[:, 0, 0, 0]
    pictures = jax.vmap(turn)(pictures[..., 0], angles)[..., None]
    return pictures - _some(darker, levels, shape, MOST_LEVELS)


def turn(picture: Float[Array, "S S"], degrees: Float[Array, ""]) -> Float[Array, "S S"]:
    """Turn a picture counter-clockwise around pixel (S / 2, S / 2), bilinear; what it does not fill is 0."""
    angle, centre = jnp.deg2rad(degrees), len(picture) / 2
    y, x = jnp.mgrid[: len(picture), : len(picture)] - centre
    source = [jnp.sin(angle) * x + jnp.cos(angle) * y, jnp.cos(angle) * x - jnp.sin(angle) * y]
    return jax.scipy.ndimage.map_coordinates(picture, [one + centre for one in source], order=1)


def _some(coin: PRNGKeyArray, draw: PRNGKeyArray, shape: tuple[int, ...], most: int) -> Float[Array, "..."]:
    """A whole number up to `most` at a chance of a half, else 0."""
    return jnp.where(jax.random.bernoulli(coin, shape=shape), jax.random.randint(draw, shape, 0, most + 1), 0.0)
