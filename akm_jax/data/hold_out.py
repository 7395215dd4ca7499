"""One split by subject instead of one fold a subject, and clips cut to their last frames."""

import dataclasses

import numpy as np

from akm_jax.data.clip_set import ClipSet, Pictures
from akm_jax.data.folds import require_all_classes

HELD_OUT = "held_out"


def hold_out(clip_set: ClipSet, *, share: float = 0.2, seed: int = 0) -> ClipSet:
    """File the clips of some subjects under one name, `HELD_OUT`: leaving that one out is a hold-out by subject.

    Args:
        clip_set: the data.
        share: of the subjects, at least one and not all.
        seed: of the draw; one that leaves training without a class is drawn again.

    Raises:
        ValueError: fewer than two subjects, or no draw leaves every class in training.
    """
    subjects = sorted(set(clip_set.subjects))
    count = max(1, round(share * len(subjects)))
    if not 0 < share < 1 or count >= len(subjects):
        raise ValueError(
            f"hold-out of {share:g} of {len(subjects)} subjects: expected a share between 0 and 1 that leaves some for "
            "training"
        )
    rng, of_clip = np.random.default_rng(seed), np.array(clip_set.subjects)
    for _ in range(100):
        chosen = np.isin(of_clip, rng.choice(subjects, count, replace=False))
        try:
            require_all_classes(clip_set, np.flatnonzero(~chosen), "hold-out")
        except ValueError as error:
            problem = error
            continue
        names = tuple(HELD_OUT if out else name for out, name in zip(chosen, clip_set.subjects, strict=True))
        return dataclasses.replace(clip_set, subjects=names)
    raise problem


@dataclasses.dataclass(frozen=True)
class _LastPictures:
    pictures: Pictures
    count: int

    @property
    def checksum(self) -> int:
        """That of the whole clips; what is left of them differs in length."""
        return self.pictures.checksum

    def read(self, clip: int) -> np.ndarray:
        """Last frames of one clip."""
        return self.pictures.read(clip)[-self.count :]


def last_frames(clip_set: ClipSet, count: int) -> ClipSet:
    """The same clips from their last `count` frames on; shorter ones are whole. An apex before them is lost.

    Raises:
        ValueError: fewer than one frame.
    """
    if count < 1:
        raise ValueError(f"last {count} frames of a clip: expected at least 1")
    lengths = np.minimum(clip_set.lengths, count).astype(np.int32)
    dropped = clip_set.lengths - lengths
    parts = np.split(clip_set.frame_numbers, np.cumsum(clip_set.lengths)[:-1])
    return dataclasses.replace(
        clip_set,
        lengths=lengths,
        frame_numbers=np.concatenate([part[-count:] for part in parts]),
        apexes=np.where(clip_set.apexes >= dropped, clip_set.apexes - dropped, -1).astype(np.int32),
        pictures=_LastPictures(clip_set.pictures, count),
    )
