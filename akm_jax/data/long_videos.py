"""`LongVideoSet`: videos of minutes with annotated expressions in them, as spotting takes them.

Of a video its face crops, 128 x 128 grey, and one set of landmarks on them; crops are read when they are needed.
"""

import dataclasses
from collections.abc import Iterator
from typing import Literal, Protocol

import numpy as np

CROP_SIZE = 128  # pixels; every margin of the spotting features is in pixels of such a crop
NUM_LANDMARKS = 68

ExpressionType = Literal["macro", "micro"]
TYPES: tuple[ExpressionType, ...] = ("macro", "micro")
UNKNOWN = -1


@dataclasses.dataclass(frozen=True)
class Interval:
    """An expression in a video; frames are 0-based and the last one belongs to it.

    Attributes:
        onset: first frame; -1 where the table does not know it (it is then scored from frame 0, or left out).
        apex: frame of the apex; -1 where not annotated.
        offset: last frame.
        type: macro or micro.
        emotion: as annotated; empty where it is not.
    """

    onset: int
    apex: int
    offset: int
    type: ExpressionType
    emotion: str = ""

    def __post_init__(self):
        if self.type not in TYPES:
            raise ValueError(f"an interval of type {self.type!r}: expected one of {list(TYPES)}")
        if self.onset < UNKNOWN or self.offset < max(self.onset, 0):
            raise ValueError(
                f"an interval of frames {self.onset} to {self.offset}: expected 0-based frames, the offset no earlier "
                "than the onset"
            )


class Crops(Protocol):
    """Where the face crops of a video come from."""

    def read(self, start: int, stop: int) -> np.ndarray:
        """Crops of frames start .. stop - 1, grey uint8 (T, 128, 128).

        Raises:
            ValueError: they cannot be read; the message names video and file.
        """


@dataclasses.dataclass(frozen=True)
class HeldCrops:
    """Crops in memory, uint8 (T, 128, 128)."""

    frames: np.ndarray

    def read(self, start: int, stop: int) -> np.ndarray:
        """Crops of frames start .. stop - 1."""
        return self.frames[start:stop]


@dataclasses.dataclass(frozen=True)
class LongVideo:
    """One video.

    Attributes:
        video_id: unique in its set.
        subject: who it shows.
        fps: frames per second.
        num_frames: T.
        landmarks: float32 (68, 2), x and y in pixels of the crop, in the order of dlib's 68 points.
        crops: where the face crops come from.
        checksum: CRC-32 of crops and landmarks: another one says that cached features are no longer those of the video.
        intervals: the annotated expressions, in the order of the table.
    """

    video_id: str
    subject: str
    fps: float
    num_frames: int
    landmarks: np.ndarray
    crops: Crops
    checksum: int
    intervals: tuple[Interval, ...] = ()

    def __post_init__(self):
        if self.landmarks.shape != (NUM_LANDMARKS, 2):
            raise ValueError(
                f"video {self.video_id!r}: landmarks of shape {self.landmarks.shape}, expected ({NUM_LANDMARKS}, 2)"
            )
        outside = [i for i in self.intervals if i.offset >= self.num_frames]
        if outside:
            raise ValueError(
                f"video {self.video_id!r} has {self.num_frames} frames, but an interval ends at frame "
                f"{outside[0].offset} (0-based)"
            )

    def of_type(self, wanted: ExpressionType) -> tuple[Interval, ...]:
        """The intervals of a type."""
        return tuple(interval for interval in self.intervals if interval.type == wanted)


@dataclasses.dataclass(frozen=True)
class LongVideoSet:
    """The videos of a data set, in a fixed order."""

    name: str
    videos: tuple[LongVideo, ...]

    def __post_init__(self):
        if not self.videos:
            raise ValueError(f"LongVideoSet {self.name!r} holds no videos; check the data folder")
        names = [video.video_id for video in self.videos]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"LongVideoSet {self.name!r}: video ids must be unique; more than once: {twice[:5]}")

    @property
    def subjects(self) -> tuple[str, ...]:
        """Subjects in the order of their first video."""
        return tuple(dict.fromkeys(video.subject for video in self.videos))

    def __len__(self) -> int:
        return len(self.videos)

    def __iter__(self) -> Iterator[LongVideo]:
        return iter(self.videos)
