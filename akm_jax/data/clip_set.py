"""`ClipSet`: the clips of a recognition data set with their labels; `Clips`: the same as a method sees them, without.

Pictures are read when they are needed, from memory or from disk; what a network makes of them (sizes, views) is made
from here on: `akm_jax.data.sized`, `akm_jax.views`.
"""

import dataclasses
import zlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from PIL import Image


class Pictures(Protocol):
    """Where the frames of a set come from; several threads may read at once."""

    @property
    def checksum(self) -> int:
        """CRC-32 of all pictures: another one says that the data have changed."""

    def read(self, clip: int) -> np.ndarray:
        """Frames of one clip, grey uint8 (T, H, W).

        Raises:
            ValueError: they cannot be read; the message names clip and file.
        """


@dataclasses.dataclass(frozen=True)
class HeldPictures:
    """Frames in memory: one array (T, H, W) a clip."""

    clips: tuple[np.ndarray, ...]

    @property
    def checksum(self) -> int:
        """CRC-32 of all clips, their shapes and pixels."""
        checksum = 0
        for frames in self.clips:
            checksum = zlib.crc32(repr(frames.shape).encode(), checksum)
            checksum = zlib.crc32(np.ascontiguousarray(frames).data, checksum)
        return checksum

    def read(self, clip: int) -> np.ndarray:
        """Frames of one clip."""
        return self.clips[clip]


@dataclasses.dataclass(frozen=True)
class Clips:
    """Clips without labels and names: all that a method is given of those it is tested on.

    Attributes:
        num_classes: K, number of classes.
        lengths: int32 (N,), frames of each clip, at least 1.
        fps: float32 (N,), frames per second of each clip's recording; 0 where unknown.
        apexes: int32 (N,), the apex as an index into the clip's frames (0-based), -1 where not annotated.
        pictures: where the frames come from.
    """

    num_classes: int
    lengths: np.ndarray
    fps: np.ndarray
    apexes: np.ndarray
    pictures: Pictures

    @property
    def starts(self) -> np.ndarray:
        """First row of each clip where the frames of all clips lie one after another, (N,)."""
        return np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int32)

    def read(self, clip: int) -> np.ndarray:
        """Frames of one clip, grey uint8 (T, H, W); several threads may call this at once.

        Raises:
            ValueError: the clip cannot be read.
        """
        return self.pictures.read(clip)

    def __len__(self) -> int:
        return len(self.lengths)


@dataclasses.dataclass(frozen=True)
class ClipSet:
    """Clips of one data set, in a fixed order.

    Attributes:
        name: data set name, e.g. "smic".
        class_names: K names; `labels` index into them.
        clip_ids: N unique clip ids; results are joined by them, never by order.
        subjects: N subject ids.
        labels: int32 (N,), 0..K-1.
        lengths: int32 (N,), frames of each clip, at least 1.
        frame_numbers: int32 (F,), each frame's number in its file name, F = sum of lengths.
        fps, apexes, pictures: as in `Clips`.
        sets: N names, the data set each clip is from, where several are pooled (`akm_jax.data.pooling`); else empty.
    """

    name: str
    class_names: tuple[str, ...]
    clip_ids: tuple[str, ...]
    subjects: tuple[str, ...]
    labels: np.ndarray
    lengths: np.ndarray
    frame_numbers: np.ndarray
    fps: np.ndarray
    apexes: np.ndarray
    pictures: Pictures
    sets: tuple[str, ...] = ()

    def __post_init__(self):
        num_clips, num_frames = len(self.clip_ids), int(np.sum(self.lengths))
        columns = ("subjects", "labels", "lengths", "apexes", "fps", *["sets"] * bool(self.sets))
        sizes = {name: len(getattr(self, name)) for name in columns}
        wrong = {name: size for name, size in sizes.items() if size != num_clips}
        if wrong:
            raise ValueError(f"ClipSet {self.name!r}: {num_clips} clip ids, but lengths differ: {wrong}")
        if len(self.frame_numbers) != num_frames:
            raise ValueError(
                f"ClipSet {self.name!r}: {len(self.frame_numbers)} frame numbers, expected {num_frames}, which the "
                "clips' lengths add up to"
            )
        if num_clips == 0:
            raise ValueError(f"ClipSet {self.name!r} holds no clips; check the data folder")
        if len(set(self.clip_ids)) != num_clips:
            twice = sorted({c for c in self.clip_ids if self.clip_ids.count(c) > 1})
            raise ValueError(f"ClipSet {self.name!r}: clip ids must be unique; more than once: {twice[:5]}")
        unfit = sorted({s for s in self.subjects if not s or "/" in s or "\0" in s})
        if unfit:
            raise ValueError(
                f"ClipSet {self.name!r}: subjects {unfit[:5]} cannot name the folder of a fold; expected names without "
                "a slash that are not empty"
            )
        if min(self.lengths) < 1:
            empty = [c for c, n in zip(self.clip_ids, self.lengths, strict=True) if n < 1]
            raise ValueError(f"ClipSet {self.name!r}: clips without frames: {empty[:5]}")
        if min(self.labels) < 0 or max(self.labels) >= len(self.class_names):
            raise ValueError(
                f"ClipSet {self.name!r}: labels must lie in 0..{len(self.class_names) - 1} "
                f"(classes {list(self.class_names)}), got {min(self.labels)}..{max(self.labels)}"
            )

    @classmethod
    def from_frames(
        cls,
        frames: Sequence[np.ndarray],
        labels: Sequence[Any],
        subjects: Sequence[Any],
        *,
        name: str = "frames",
        class_names: Sequence[str] | None = None,
        clip_ids: Sequence[str] | None = None,
        fps: float | Sequence[float] = 0.0,
        apexes: Sequence[int] | None = None,
    ) -> "ClipSet":
        """A set of clips that lie in memory.

        Args:
            frames: N clips, grey uint8 (T, H, W) each; T, H and W may differ between clips.
            labels: class of each clip, by name.
            subjects: who each clip shows.
            name: what the set is called in results.
            class_names: all classes in their order; those found, sorted, when None.
            clip_ids: unique names; clip_0, clip_1, ... when None.
            fps: frames per second, one for all clips or one a clip; 0: unknown.
            apexes: index of each clip's apex among its frames, -1 for none; none at all when None.

        Raises:
            ValueError: a clip of another form, a label that is no class, or numbers that do not fit together.
        """
        _require_clips(frames)
        num_clips, names = len(frames), [str(label) for label in labels]
        classes = tuple(class_names or sorted(set(names)))
        if unknown := sorted(set(names) - set(classes)):
            raise ValueError(f"from_frames: labels {unknown} are not among the classes {list(classes)}")
        lengths = np.array([len(clip) for clip in frames], np.int32)
        rates = np.full(num_clips, fps, np.float32) if np.ndim(fps) == 0 else np.asarray(fps, np.float32)
        return cls(
            name=name,
            class_names=classes,
            clip_ids=tuple(clip_ids or (f"clip_{i}" for i in range(num_clips))),
            subjects=tuple(str(subject) for subject in subjects),
            labels=np.array([classes.index(label) for label in names], np.int32),
            lengths=lengths,
            frame_numbers=np.concatenate([np.arange(n) for n in lengths]).astype(np.int32),
            fps=rates,
            apexes=np.full(num_clips, -1, np.int32) if apexes is None else np.asarray(apexes, np.int32),
            pictures=HeldPictures(tuple(frames)),
        )

    def without_labels(self) -> Clips:
        """The clips as a method sees them."""
        return Clips(len(self.class_names), self.lengths, self.fps, self.apexes, self.pictures)

    @property
    def starts(self) -> np.ndarray:
        """First row of each clip where the frames of all clips lie one after another, (N,)."""
        return self.without_labels().starts

    @property
    def checksum(self) -> int:
        """CRC-32 of all pictures."""
        return self.pictures.checksum

    def read(self, clip: int) -> np.ndarray:
        """Frames of one clip, as `Clips.read`."""
        return self.pictures.read(clip)

    def __len__(self) -> int:
        return len(self.clip_ids)


def _require_clips(frames: Sequence[np.ndarray]) -> None:
    if not len(frames):
        raise ValueError("from_frames: expected at least one clip, uint8 (T, H, W), got none")
    for i, clip in enumerate(frames):
        if clip.ndim != 3 or clip.dtype != np.uint8 or clip.size == 0:
            raise ValueError(
                f"from_frames: clip {i} is {clip.dtype} {clip.shape}; expected grey uint8 (T, H, W) with T >= 1"
            )


def resize_frame(frame: np.ndarray, size: int) -> np.ndarray:
    """Resize one grey uint8 frame (H, W) to (size, size): bilinear, antialiased when shrinking.

    Pillow does it, as in the released program; the result is uint8.
    """
    if frame.ndim != 2 or frame.dtype != np.uint8:
        raise ValueError(f"expected one grey uint8 frame (H, W), got {frame.dtype} {frame.shape}")
    if frame.shape == (size, size):
        return frame
    return np.asarray(Image.fromarray(frame).resize((size, size), Image.Resampling.BILINEAR))
