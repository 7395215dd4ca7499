"""Several data sets as one: the composite of MEGC 2019, and training on some sets for another.

A clip `s1_ne_01` of subject 1 in set `smic` becomes clip `smic/s1_ne_01` of subject `smic_1`.
"""

import dataclasses
import zlib
from collections.abc import Sequence

import numpy as np

from akm_jax.data.clip_set import ClipSet, Pictures


@dataclasses.dataclass(frozen=True)
class PooledPictures:
    """Frames of several sets, one set after another.

    Attributes:
        parts: the sets' own.
        sizes: clips of each.
    """

    parts: tuple[Pictures, ...]
    sizes: tuple[int, ...]

    @property
    def checksum(self) -> int:
        """CRC-32 of the sets' checksums."""
        return zlib.crc32(np.array([part.checksum for part in self.parts], np.uint32).tobytes())

    def read(self, clip: int) -> np.ndarray:
        """Frames of one clip, as `ClipSet.read`."""
        ends = np.cumsum(self.sizes)
        part = int(np.searchsorted(ends, clip, side="right"))
        return self.parts[part].read(clip - int(ends[part]) + self.sizes[part])


def pool_clip_sets(clip_sets: Sequence[ClipSet], *, name: str | None = None) -> ClipSet:
    """Pool sets of the same classes; clips and subjects carry their set's name, so that none is two.

    Args:
        clip_sets: at least two, with different names; classes stand in the order of the first.
        name: of the pooled set; the names joined by "+" when None.

    Raises:
        ValueError: fewer than two sets, a name twice or unfit for a folder, or classes that differ.
    """
    names = [one.name for one in clip_sets]
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"pooling takes at least two data sets, each once; got {', '.join(names) or 'none'}")
    if unfit := [one for one in names if not one or "/" in one or "\0" in one]:
        raise ValueError(f"pooling: sets {unfit} cannot name the folder of a fold; expected names without a slash")
    _require_same_classes(clip_sets)
    subjects = [tuple(f"{one.name}_{subject}" for subject in one.subjects) for one in clip_sets]
    if len(set().union(*subjects)) < sum(len(set(of_set)) for of_set in subjects):
        raise ValueError(f"pooling {', '.join(names)}: subjects of two sets come out with one name; rename the sets")
    classes = clip_sets[0].class_names
    return ClipSet(
        name=name or "+".join(names),
        class_names=classes,
        clip_ids=tuple(f"{one.name}/{clip_id}" for one in clip_sets for clip_id in one.clip_ids),
        subjects=tuple(subject for of_set in subjects for subject in of_set),
        labels=np.concatenate([_labels_among(one, classes) for one in clip_sets]),
        lengths=np.concatenate([one.lengths for one in clip_sets]),
        frame_numbers=np.concatenate([one.frame_numbers for one in clip_sets]),
        fps=np.concatenate([one.fps for one in clip_sets]),
        apexes=np.concatenate([one.apexes for one in clip_sets]),
        pictures=PooledPictures(tuple(one.pictures for one in clip_sets), tuple(len(one) for one in clip_sets)),
        sets=tuple(one.name for one in clip_sets for _ in range(len(one))),
    )


def _require_same_classes(clip_sets: Sequence[ClipSet]) -> None:
    if len({frozenset(one.class_names) for one in clip_sets}) > 1:
        found = "; ".join(f"{one.name}: {', '.join(one.class_names)}" for one in clip_sets)
        raise ValueError(
            f"the pooled sets have different classes ({found}); give a scheme that all of them have, such as "
            "--classes=megc3"
        )


def _labels_among(clip_set: ClipSet, classes: Sequence[str]) -> np.ndarray:
    """Labels as indices into `classes`, which holds the set's own in another order."""
    places = np.array([classes.index(name) for name in clip_set.class_names], np.int32)
    return places[clip_set.labels]
