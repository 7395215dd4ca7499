"""Clips of smooth noise with a drawn clip's length and timing: quick to make, for measuring what reads them."""

import cv2
import numpy as np

from datasets_tfds.synthetic.chance import Stream, random_stream
from datasets_tfds.synthetic.clips import ClipSpec, DrawnClip, draw_timing
from datasets_tfds.synthetic.expressions import draw_expression, profile

_ASPECT = 340 / 280  # height over width of CASME II's cropped faces


def draw_noise(spec: ClipSpec) -> DrawnClip:
    """Smooth noise that drifts by a pixel a frame, with sensor noise; as many bytes as a face when compressed."""
    rng = random_stream(spec.seed, Stream.NOISE, spec.subject, spec.index)
    num_frames, apex = draw_timing(spec)
    width, height = spec.size, round(spec.size * _ASPECT)
    coarse = rng.uniform(40, 215, (height // 20 + 2, width // 20 + 2)).astype(np.float32)
    scene = cv2.resize(coarse, (width + num_frames, height), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 2, (height, width)).astype(np.float32)
    frames = np.stack([scene[:, k : k + width] + np.roll(grain, 7 * k, axis=0) for k in range(num_frames)])
    expression = draw_expression(random_stream(spec.seed, Stream.EXPRESSION, spec.subject, spec.index), spec.emotion)
    levels = np.clip(np.rint(frames), 0, 255).astype(np.uint8)
    return DrawnClip(levels, expression, 0, apex, num_frames - 1, profile(num_frames, apex), 0.0)
