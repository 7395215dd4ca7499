"""More positive frames for training on micro-expressions: each one flipped, blurred and with noise.

Source: released SOFTNet program. Its noise is not seeded; here a frame's noise follows from seed and frame.
"""

import cv2
import numpy as np
from jaxtyping import Float

BLUR_SIZE = 7  # pixels; the deviation is OpenCV's own for it
NOISE_DEVIATION = 0.1
KINDS = ("flip", "blur", "noise")


def flip(frames: Float[np.ndarray, "N H W D"]) -> Float[np.ndarray, "N H W D"]:
    """Left and right exchanged; the sign of the flow stays."""
    return frames[:, :, ::-1]


def blur(frames: Float[np.ndarray, "N H W D"]) -> Float[np.ndarray, "N H W D"]:
    """Gaussian blur of 7 x 7 pixels."""
    return np.stack([cv2.GaussianBlur(frame, (BLUR_SIZE, BLUR_SIZE), 0) for frame in frames])


def add_noise(frames: Float[np.ndarray, "N H W D"], numbers: np.ndarray, seed: int) -> Float[np.ndarray, "N H W D"]:
    """Gaussian noise, then clipped to [0, 1], a frame with a negative value to [-1, 1].

    Args:
        frames: any number of frames.
        numbers: (N,) their numbers in the set, which with the seed decide the noise.
        seed: seed of the training.
    """
    noise = [np.random.default_rng([seed, int(number)]).standard_normal(frames.shape[1:]) for number in numbers]
    lowest = np.where(frames.min(axis=(1, 2, 3), keepdims=True) < 0, -1, 0)
    return np.clip(frames + NOISE_DEVIATION * np.stack(noise), lowest, 1).astype(frames.dtype)
