"""Face and landmarks of a whole video: found once, checked at intervals, found again where the face was lost.

Within a span of frames, box and landmarks are the same, so that they add no motion of their own. Frames are 0-based,
and a span ends before its frame `stop`.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, UInt8

from akm_jax.prepare.blazeface import overlap
from akm_jax.prepare.face import Box
from akm_jax.prepare.given_landmarks import GivenLandmarks
from akm_jax.prepare.landmarks import LandmarkedFace, LandmarkSource, crop_frame, crop_points, fit_box

Frames = Sequence[UInt8[np.ndarray, "H W *c"]]


@dataclasses.dataclass(frozen=True)
class TrackConfig:
    """When a face is lost.

    Attributes:
        check_every_s: seconds between the frames that are looked at.
        min_certainty: what the source is less sure of is no face.
        min_overlap: shared over joint area of the box now and at the start of the span, below which the face counts as
            gone from there. At 0.7 it has moved by a sixth of its width.
    """

    check_every_s: float = 1.0
    min_certainty: float = 0.5
    min_overlap: float = 0.7

    def __post_init__(self):
        if self.check_every_s <= 0:
            raise ValueError(f"check_every_s must be above 0, got {self.check_every_s}")
        if not (0 <= self.min_certainty <= 1 and 0 < self.min_overlap < 1):
            raise ValueError(
                "min_certainty must be in [0, 1] and min_overlap in (0, 1), got "
                f"{self.min_certainty} and {self.min_overlap}"
            )


class FaceSpan(NamedTuple):
    """Frames `start` to `stop` - 1, with one box and one set of landmarks in pixels of the frame."""

    start: int
    stop: int
    box: Box
    points: Float[np.ndarray, "68 2"]
    certainty: float

    @property
    def landmarks(self) -> Float32[np.ndarray, "68 2"]:
        """The landmarks in pixels of the crop, 128 x 128."""
        return crop_points(self.points, self.box)

    def crop(self, frame: UInt8[np.ndarray, "H W *c"]) -> UInt8[np.ndarray, "128 128"]:
        """The crop of one of its frames."""
        return crop_frame(frame, self.box)


@dataclasses.dataclass(frozen=True)
class FaceTrack:
    """The face of a video.

    Attributes:
        num_frames: of the video.
        source: what found the landmarks.
        spans: in order, without overlap; at least one.
        notes: what a user should be told, e.g. that there were two faces.
    """

    num_frames: int
    source: str
    spans: tuple[FaceSpan, ...]
    notes: tuple[str, ...] = ()

    @property
    def lost(self) -> tuple[tuple[int, int], ...]:
        """Stretches (start, stop) without a face."""
        starts = [0, *(span.stop for span in self.spans)]
        stops = [*(span.start for span in self.spans), self.num_frames]
        return tuple((a, b) for a, b in zip(starts, stops, strict=True) if a < b)

    @property
    def longest(self) -> FaceSpan:
        """The span of most frames."""
        return max(self.spans, key=lambda span: span.stop - span.start)


def find_landmarks(
    frames: Frames,
    source: LandmarkSource | GivenLandmarks,
    *,
    fps: float,
    video: str,
    config: TrackConfig = TrackConfig(),
) -> FaceTrack:
    """Walk through a video and find its face.

    Where a span begins, the largest face counts. Where a check finds it lost, or found again, the frame where that
    happened is searched by halving; what comes and goes between two checks is not seen.

    Args:
        frames: grey or BGR frames, all of one size, by index. Few are asked for, mostly forward, so that not all need
            be in memory.
        source: `MeshLandmarks()`, `DlibLandmarks()`, or landmarks known beforehand.
        fps: frames per second.
        video: its name, for messages.
        config: when a face is lost.

    Raises:
        FileNotFoundError: the source's models are not installed.
        ValueError: no frames, no frame rate, or no face in any frame that was looked at; the surest is named.
    """
    if len(frames) == 0 or not fps > 0:
        raise ValueError(f"{video}: expected at least 1 frame and a frame rate above 0, got {len(frames)} and {fps}")
    if isinstance(source, GivenLandmarks):
        spans = [_given_span(span, frames, video) for span in source.spans(len(frames), video)]
        return FaceTrack(len(frames), source.name, tuple(spans))
    return _Walk(frames, source, max(1, round(fps * config.check_every_s)), video, config).track()


def _given_span(span: tuple[int, int, Box, np.ndarray], frames: Frames, video: str) -> FaceSpan:
    start, stop, box, points = span
    try:
        return FaceSpan(start, stop, fit_box(box, frames[start]), points, 1.0)
    except ValueError as e:
        raise ValueError(f"{video}, frame {start}: {e}") from e


@dataclasses.dataclass
class _Walk:
    """A walk through one video, and what it has seen."""

    frames: Frames
    source: LandmarkSource
    step: int
    video: str
    config: TrackConfig
    notes: list[str] = dataclasses.field(default_factory=list)
    looked: int = 0
    surest: tuple[float, int] = (-1.0, 0)  # certainty and frame

    def track(self) -> FaceTrack:
        spans, at = [], self._first(0, lambda i: bool(self._faces(i)))
        while at < len(self.frames):
            face = self._largest(at)
            stop = self._first(at + 1, lambda i, box=face.box: not self._is_at(i, box))  # type: ignore[misc]
            spans.append(FaceSpan(at, stop, *face))
            at = self._first(stop, lambda i: bool(self._faces(i)))
        if not spans:
            raise ValueError(self._nothing())
        return FaceTrack(len(self.frames), self.source.name, tuple(spans), tuple(self.notes))

    def _first(self, start: int, holds: Callable[[int], bool]) -> int:
        """First frame from `start` on of which something holds, seen at the checks; the number of frames if none."""
        before, last = start - 1, len(self.frames) - 1
        for at in dict.fromkeys(min(i, last) for i in range(start, last + self.step, self.step) if start <= last):
            if holds(at):
                return self._halve(before, at, holds)
            before = at
        return len(self.frames)

    def _halve(self, before: int, at: int, holds: Callable[[int], bool]) -> int:
        while at - before > 1:
            middle = (before + at) // 2
            before, at = (before, middle) if holds(middle) else (middle, at)
        return at

    def _faces(self, number: int) -> list[LandmarkedFace]:
        """The faces of a frame that the source is sure of."""
        found = self.source(self.frames[number])
        self.looked += 1
        self.surest = max([self.surest, *((face.certainty, number) for face in found)], key=lambda each: each[0])
        return [face for face in found if face.certainty >= self.config.min_certainty]

    def _largest(self, number: int) -> LandmarkedFace:
        faces = self._faces(number)
        face = max(faces, key=lambda each: each.box.width * each.box.height)
        if len(faces) > 1:
            x, y, width, height = face.box
            where = f"{width:g} x {height:g} pixels at x {x:g}, y {y:g}"
            self.notes.append(f"{self.video}, frame {number}: {len(faces)} faces; the largest is taken, {where}")
        return face

    def _is_at(self, number: int, box: Box) -> bool:
        return any(overlap(face.box, box) >= self.config.min_overlap for face in self._faces(number))

    def _nothing(self) -> str:
        certainty, number = self.surest
        surest = f"the surest has {certainty:.2f}, in frame {number}" if certainty >= 0 else "there is nothing like one"
        return (
            f"{self.video}: no face with a certainty of {self.config.min_certainty:g} in {self.looked} frames looked "
            f"at, {self.step} apart: {surest} (frames are 0-based); give its landmarks in a CSV file"
        )
