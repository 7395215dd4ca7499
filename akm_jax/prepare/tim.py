"""Temporal interpolation (TIM): a clip at any number of frames, on the curve that its own frames span.

The frames are the vertices of a path graph. Its Laplacian's eigenvectors are samples of sines; the linear map that
takes the samples to the frames takes any other point of the sines to a picture between frames. Since the T - 1 sampled
sines are orthogonal and span all that sums to 0 over the frames, the map has a closed form, without a singular value
decomposition, and a clip is resampled by a product with a small matrix; frames that depend on each other need no care.

Source: Zhou, Zhao & Pietikainen, "Towards a practical lipreading system", CVPR 2011, section 3, equations 5 to 9.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Shaped

from akm_jax.data.clip_set import Clips, Pictures


def interpolate(frames: Shaped[np.ndarray, "T ..."], length: int) -> Shaped[np.ndarray, "N ..."]:
    """Resample a clip at `length` even positions from its first frame to its last.

    Args:
        frames: T frames, uint8 or floating point, of any shape.
        length: frames wanted; at the clip's own length the clip comes back, at 1 its first frame.

    Returns:
        `length` frames of the same type; uint8 is rounded and clipped.

    Raises:
        ValueError: an empty clip, a type other than uint8 or floating point, or a length below 1.
    """
    if length < 1:
        raise ValueError(f"length must be at least 1, got {length}")
    return interpolate_at(frames, np.linspace(0.0, max(len(frames) - 1, 0), length))


def interpolate_at(
    frames: Shaped[np.ndarray, "T ..."], positions: Float[np.ndarray, " N"] | Sequence[float]
) -> Shaped[np.ndarray, "N ..."]:
    """Resample a clip at 0-based positions between 0 and T - 1; whole numbers give the frames themselves.

    Raises:
        ValueError: an empty clip, a type other than uint8 or floating point, or a position outside the clip.
    """
    frames, positions = np.asarray(frames), np.asarray(positions, np.float64)
    if len(frames) == 0:
        raise ValueError("frames is an empty clip: a clip needs at least 1 frame")
    if frames.dtype != np.uint8 and not np.issubdtype(frames.dtype, np.floating):
        raise ValueError(f"frames must be uint8 or floating point, got {frames.dtype}")
    outside = positions[~((positions >= 0) & (positions <= len(frames) - 1))]
    if len(outside):
        raise ValueError(f"positions must lie in 0 to {len(frames) - 1} (the last frame), got {outside[0]}")
    resampled = np.tensordot(path_graph_matrix(len(frames), positions), frames.astype(np.float64), axes=1)
    if frames.dtype == np.uint8:
        return np.clip(np.rint(resampled), 0, 255).astype(np.uint8)
    return resampled.astype(frames.dtype)


def interpolate_clips(clips: Clips, length: int) -> Clips:
    """The clips at `length` frames each, made when they are read; times stay those of the clips as they were."""
    pictures = _InterpolatedPictures(clips.pictures, length)
    return dataclasses.replace(clips, lengths=np.full_like(clips.lengths, length), pictures=pictures)


@dataclasses.dataclass(frozen=True)
class _InterpolatedPictures:
    pictures: Pictures
    length: int

    @property
    def checksum(self) -> int:
        """That of the pictures themselves."""
        return self.pictures.checksum

    def read(self, clip: int) -> np.ndarray:
        """Frames of one clip, interpolated."""
        return interpolate(self.pictures.read(clip), self.length)


def path_graph_matrix(num_frames: int, positions: Float[np.ndarray, " N"]) -> Float[np.ndarray, "N T"]:
    """Weight of every frame in the pictures at 0-based `positions`; each row sums to 1."""
    mean = np.full((len(positions), num_frames), 1 / num_frames)
    return mean + 2 / num_frames * _sines(num_frames, positions).T @ _sines(num_frames, np.arange(num_frames))


def _sines(num_frames: int, positions: np.ndarray) -> np.ndarray:
    """The path graph's curve, (T - 1, N): sin(pi k t + pi (T - k) / (2 T)) at t = (position + 1) / T."""
    k = np.arange(1, num_frames)[:, None]
    return np.sin(np.pi * k * (positions + 1) / num_frames + np.pi * (num_frames - k) / (2 * num_frames))
