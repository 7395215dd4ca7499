"""Clips to measure with: noise in memory, as many, as long and of as many people as a published data set has."""

import dataclasses

import numpy as np

from akm_jax.config import ModelConfig
from akm_jax.data.clip_set import ClipSet

SMIC_CLIPS = (6, 6, 39, 19, 2, 4, 13, 4, 7, 9, 10, 10, 4, 7, 2, 22)


@dataclasses.dataclass(frozen=True)
class Lengths:
    """Clips, subjects, and shortest, mean and longest clip in frames, as published."""

    clips: int
    subjects: int
    shortest: int
    mean: float
    longest: int


LENGTHS = {
    "casme": Lengths(189, 19, 9, 35, 86),
    "casme2": Lengths(255, 26, 24, 67.2, 141),
    "smic": Lengths(164, 16, 11, 33.6, 58),
    "samm": Lengths(159, 29, 30, 74.3, 101),
}


def draw_lengths(name: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Lengths (frames) and subjects of as many clips as the set has; people differ by about a tenth.

    Raises:
        ValueError: the set is not in `LENGTHS`.
    """
    if name not in LENGTHS:
        raise ValueError(f"--lengths={name}: expected one of {', '.join(LENGTHS)}")
    known = LENGTHS[name]
    rng = np.random.default_rng(seed)
    span = known.longest - known.shortest
    share = (known.mean - known.shortest) / span
    lengths = known.shortest + span * rng.beta(4 * share, 4 * (1 - share), known.clips)
    if name == "smic":
        subjects = np.repeat(np.arange(known.subjects), SMIC_CLIPS)
    else:
        subjects = rng.integers(0, known.subjects, known.clips)
    lengths = lengths * rng.normal(1, 0.1, known.subjects)[subjects]
    return np.clip(np.round(lengths), known.shortest, known.longest).astype(np.int32), subjects


def noise_clips(lengths: np.ndarray, subjects: np.ndarray, model: ModelConfig, *, num_classes: int = 4) -> ClipSet:
    """Clips of noise at the network's size; speed does not depend on what a picture shows."""
    rng = np.random.default_rng(0)
    size = model.image_size
    return ClipSet.from_frames(
        [rng.integers(0, 256, (n, size, size), np.uint8) for n in lengths],
        [f"class {i % num_classes}" for i in range(len(lengths))],
        subjects.tolist(),
        name="noise",
        class_names=[f"class {k}" for k in range(num_classes)],
        fps=200.0,
    )
