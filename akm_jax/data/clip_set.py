"""`ClipSet`: a recognition data set, every frame at two sizes; held in memory, or streamed: decoded on demand.

The contract between reading (`datasets_tfds.source`) and training (`akm_jax.train`): frames of all clips lie one after
another on one axis, and clip i owns rows `starts[i] : starts[i] + lengths[i]`. `read` gives a clip's frames either way.
"""

import dataclasses
import zlib
from typing import Protocol

import numpy as np
from PIL import Image


class ClipReader(Protocol):
    """Decodes the clips of a streamed data set; several threads may call it at once."""

    @property
    def checksum(self) -> int:
        """CRC-32 of all pixels, as `add_to_checksum` makes it."""

    def read(self, clip: int, *, large: bool) -> tuple[np.ndarray, np.ndarray]:
        """As `ClipSet.read`."""


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
        frames: uint8 (F, S, S), grey, F = sum of lengths: the evaluation size; (0, S, S) in a streamed set.
        large_frames: uint8 (F, L, L), the same frames at the size random crops are taken from; (0, L, L) in a streamed
            set.
        frame_numbers: int32 (F,), each frame's number in its file name.
        fps: frames per second of the recording.
        apexes: int32 (N,), the apex as an index into the clip's frames (0-based), -1 where not annotated.
        reader: decodes the clips of a streamed set; None where they are held in memory.
    """

    name: str
    class_names: tuple[str, ...]
    clip_ids: tuple[str, ...]
    subjects: tuple[str, ...]
    labels: np.ndarray
    lengths: np.ndarray
    frames: np.ndarray
    large_frames: np.ndarray
    frame_numbers: np.ndarray
    fps: float
    apexes: np.ndarray
    reader: ClipReader | None = None

    def __post_init__(self):
        num_clips, num_frames = len(self.clip_ids), int(np.sum(self.lengths))
        sizes = {name: len(getattr(self, name)) for name in ("subjects", "labels", "lengths", "apexes")}
        wrong = {name: size for name, size in sizes.items() if size != num_clips}
        if wrong:
            raise ValueError(f"ClipSet {self.name!r}: {num_clips} clip ids, but lengths differ: {wrong}")
        held = num_frames if self.reader is None else 0
        for name, expected in (("frames", held), ("large_frames", held), ("frame_numbers", num_frames)):
            if len(getattr(self, name)) != expected:
                raise ValueError(
                    f"ClipSet {self.name!r}: {name} holds {len(getattr(self, name))} frames, expected {expected}; the "
                    f"clips' lengths add up to {num_frames}, and pictures are given by arrays or by a reader"
                )
        if num_clips == 0:
            raise ValueError(f"ClipSet {self.name!r} holds no clips; check the data folder")
        if len(set(self.clip_ids)) != num_clips:
            twice = sorted({c for c in self.clip_ids if self.clip_ids.count(c) > 1})
            raise ValueError(f"ClipSet {self.name!r}: clip ids must be unique; more than once: {twice[:5]}")
        if min(self.lengths) < 1:
            empty = [c for c, n in zip(self.clip_ids, self.lengths, strict=True) if n < 1]
            raise ValueError(f"ClipSet {self.name!r}: clips without frames: {empty[:5]}")
        if min(self.labels) < 0 or max(self.labels) >= len(self.class_names):
            raise ValueError(
                f"ClipSet {self.name!r}: labels must lie in 0..{len(self.class_names) - 1} "
                f"(classes {list(self.class_names)}), got {min(self.labels)}..{max(self.labels)}"
            )

    @property
    def starts(self) -> np.ndarray:
        """First row of each clip on the frame axis, (N,)."""
        return np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int32)

    @property
    def streamed(self) -> bool:
        """Whether frames are decoded on demand."""
        return self.reader is not None

    @property
    def gib(self) -> float:
        """What all frames take at both sizes, GiB, wherever they are."""
        sides = self.frames.shape[1], self.large_frames.shape[1]
        return int(self.lengths.sum()) * sum(side**2 for side in sides) / 2**30

    @property
    def checksum(self) -> int:
        """CRC-32 of all pixels; the same whether the set is held or streamed."""
        if self.reader is not None:
            return self.reader.checksum
        checksum = 0
        for clip in range(len(self)):
            checksum = add_to_checksum(checksum, *self.read(clip))
        return checksum

    def read(self, clip: int, *, large: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Frames of one clip at both sizes, uint8 (T, S, S) and (T, L, L); several threads may call this at once.

        Args:
            clip: index of the clip, 0..N-1.
            large: False spares decoding the enlarged frames, which come back as (0, L, L).

        Raises:
            ValueError: a clip of a streamed set cannot be read.
        """
        if self.reader is not None:
            return self.reader.read(clip, large=large)
        start = int(np.sum(self.lengths[:clip]))
        stop = start + int(self.lengths[clip])
        return self.frames[start:stop], self.large_frames[start : stop if large else start]

    def __len__(self) -> int:
        return len(self.clip_ids)


def add_to_checksum(checksum: int, frames: np.ndarray, large_frames: np.ndarray) -> int:
    """CRC-32 of what `checksum` is of, and one more clip."""
    for array in (frames, large_frames):
        checksum = zlib.crc32(np.ascontiguousarray(array).data, checksum)
    return checksum


def resize_frame(frame: np.ndarray, size: int) -> np.ndarray:
    """Resize one grey uint8 frame (H, W) to (size, size): bilinear, antialiased when shrinking.

    Pillow does it, as in the released program; the result is uint8.
    """
    if frame.ndim != 2 or frame.dtype != np.uint8:
        raise ValueError(f"expected one grey uint8 frame (H, W), got {frame.dtype} {frame.shape}")
    if frame.shape == (size, size):
        return frame
    return np.asarray(Image.fromarray(frame).resize((size, size), Image.Resampling.BILINEAR))
