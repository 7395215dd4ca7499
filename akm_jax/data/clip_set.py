"""`ClipSet`: a whole recognition data set in memory, every frame decoded once to two sizes.

The contract between reading (`akm_jax.data.source`) and training (`akm_jax.train`): frames of all clips lie one after
another on one axis, and clip i owns rows `starts[i] : starts[i] + lengths[i]`.
"""

import dataclasses

import numpy as np
from PIL import Image


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
        frames: uint8 (F, S, S), grey, F = sum of lengths: the evaluation size.
        large_frames: uint8 (F, L, L), the same frames at the size random crops are taken from.
        frame_numbers: int32 (F,), each frame's number in its file name.
        fps: frames per second of the recording.
        apexes: int32 (N,), the apex as an index into the clip's frames (0-based), -1 where not annotated.
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

    def __post_init__(self):
        num_clips, num_frames = len(self.clip_ids), int(np.sum(self.lengths))
        sizes = {name: len(getattr(self, name)) for name in ("subjects", "labels", "lengths", "apexes")}
        wrong = {name: size for name, size in sizes.items() if size != num_clips}
        if wrong:
            raise ValueError(f"ClipSet {self.name!r}: {num_clips} clip ids, but lengths differ: {wrong}")
        for name in ("frames", "large_frames", "frame_numbers"):
            if len(getattr(self, name)) != num_frames:
                raise ValueError(
                    f"ClipSet {self.name!r}: {name} holds {len(getattr(self, name))} frames, but the clips' lengths "
                    f"add up to {num_frames}"
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

    def __len__(self) -> int:
        return len(self.clip_ids)


def resize_frame(frame: np.ndarray, size: int) -> np.ndarray:
    """Resize one grey uint8 frame (H, W) to (size, size): bilinear, antialiased when shrinking.

    Pillow does it, as in the released program; the result is uint8.
    """
    if frame.ndim != 2 or frame.dtype != np.uint8:
        raise ValueError(f"expected one grey uint8 frame (H, W), got {frame.dtype} {frame.shape}")
    if frame.shape == (size, size):
        return frame
    return np.asarray(Image.fromarray(frame).resize((size, size), Image.Resampling.BILINEAR))
