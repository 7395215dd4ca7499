"""One long video, frame by frame: a person who now and then makes an expression, blinks, moves the head and talks.

As with clips, every source of chance has its own generator: strength changes nothing but the displacement. Expressions
and talking never overlap; blinks and head motion go on all the time.
"""

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np

from akm_jax.data.long_videos import ExpressionType, Interval
from datasets_tfds.synthetic.chance import Stream, random_stream
from datasets_tfds.synthetic.clips import draw_face, eyelid_closure, wander
from datasets_tfds.synthetic.expressions import Expression, Motion, compose, draw_expression, profile
from datasets_tfds.synthetic.identity import Identity
from datasets_tfds.synthetic.landmarks import face_box, find_landmarks, place_landmarks
from datasets_tfds.synthetic.rendering import Pose, View, render_frame

EMOTIONS = ("happiness", "disgust", "surprise", "sadness", "anger", "fear")
DURATIONS_S: dict[ExpressionType, tuple[float, float]] = {"macro": (0.6, 2.0), "micro": (0.3, 0.5)}
AMPLITUDES: dict[ExpressionType, float] = {"macro": 1.4, "micro": 0.7}  # of the peak that is drawn for a clip
TALKING_S = (1.0, 1.8)
_TALKING = Expression("talking", (25, 26), ((1.0, 1.0), (0.6, 0.6)), 12.0 / 128)
_SYLLABLES_PER_S = 3.5
_BLINK_EVERY_S = 3.0
_NOD_EVERY_S = 5.0
_FREE_SHARE = 0.2  # of the frames at least nothing happens
_LEFT, _TOP, _RIGHT, _BOTTOM = -0.25, -0.15, 1.25, 1.20  # what the picture shows, face units


@dataclasses.dataclass(frozen=True)
class LongSpec:
    """Which video to draw.

    Attributes:
        seed, subject, index: what its chance is seeded by; `index` counts the subject's videos from 0.
        seconds: about how long it is.
        fps: frames per second that are drawn.
        macros, micros: expressions of each type.
        talks: times that the person talks.
        strength: 1 full expressions, 0 none.
        size: pixels to one face unit, which is about the face's width; the picture is 1.5 x 1.35 times as large.
    """

    seed: int
    subject: int
    index: int
    seconds: float = 30.0
    fps: float = 30.0
    macros: int = 2
    micros: int = 3
    talks: int = 4
    strength: float = 1.0
    size: int = 112

    def __post_init__(self):
        if not (np.isfinite(self.strength) and self.strength >= 0):
            raise ValueError(f"strength must be a finite number of at least 0, got {self.strength}")
        if min(self.macros, self.micros, self.talks) < 0:
            raise ValueError(f"macros, micros and talks must be at least 0, got {self}")
        needed = self.macros * DURATIONS_S["macro"][1] + self.micros * DURATIONS_S["micro"][1]
        needed = (needed + self.talks * TALKING_S[1]) / (1 - _FREE_SHARE) / 0.9  # 0.9: the shortest video
        if self.fps < 15 or self.seconds < needed:
            raise ValueError(
                f"seconds={self.seconds:g} at {self.fps:g} frames/s do not hold {self.macros} macro- and {self.micros} "
                f"micro-expressions and {self.talks} times of talking; expected at least {needed:.1f} s and 15 frames/s"
            )


@dataclasses.dataclass(frozen=True)
class LongPlan:
    """What happens in a video; frames are 0-based.

    Attributes:
        spec: its orders.
        num_frames: T.
        expressions: each with its interval, in the order of time.
        talking: first and last frame of each time of talking.
        blinks: first and last frame in which the lids are not quite open.
        closure: (T,), how far the lids are closed, 0..1.
        poses: T poses of the head.
        landmarks: (68, 2), points of the first frame in pixels of the picture, (0, 0) the centre of the first pixel.
        box: left, top, width, height of the face in the first frame, whole pixels.
    """

    spec: LongSpec
    num_frames: int
    expressions: tuple[tuple[Expression, Interval], ...]
    talking: tuple[tuple[int, int], ...]
    blinks: tuple[tuple[int, int], ...]
    closure: np.ndarray
    poses: tuple[Pose, ...]
    landmarks: np.ndarray
    box: tuple[int, int, int, int]

    @property
    def head_shift(self) -> np.ndarray:
        """(T, 2), how far the head is from where it rests, pixels."""
        return np.array([(pose.shift_x, pose.shift_y) for pose in self.poses]) * self.spec.size


def plan_video(spec: LongSpec) -> LongPlan:
    """Decide what happens in a video; the same `spec` gives the same."""
    rng = random_stream(spec.seed, Stream.LONG_EVENTS, spec.subject, spec.index)
    num_frames = round(rng.uniform(0.9, 1.1) * spec.seconds * spec.fps)
    expressions, talking = _draw_events(spec, rng, num_frames)
    rng = random_stream(spec.seed, Stream.LONG_MOTION, spec.subject, spec.index)
    poses = _draw_poses(spec, rng, num_frames)
    closure, blinks = _draw_blinks(spec, rng, num_frames)
    landmarks = find_landmarks(draw_face(spec.seed, spec.subject, spec.size).identity)
    landmarks = (place_landmarks(landmarks, poses[0]) - (_LEFT, _TOP)) * spec.size - 0.5
    left, top, width, height = (round(value) for value in face_box(landmarks))
    return LongPlan(
        spec, num_frames, expressions, talking, blinks, closure, poses, landmarks, (left, top, width, height)
    )


def draw_frames(plan: LongPlan) -> Iterator[np.ndarray]:
    """Draw a video frame by frame, grey uint8 (H, W)."""
    spec = plan.spec
    face, view = draw_face(spec.seed, spec.subject, spec.size), _view(spec.size)
    rng = random_stream(spec.seed, Stream.LONG_NOISE, spec.subject, spec.index)
    deviation, gain = np.float32(rng.uniform(1.2, 2.4)), rng.normal(1, 0.02)
    gains = gain * (1 + wander(rng, plan.num_frames, 0.004, pace=spec.fps))
    events = _Events(plan, face.identity, view)
    for i in range(plan.num_frames):
        motion, share = events.at(i)
        picture = render_frame(face, motion, share, view, pose=plan.poses[i], blink=float(plan.closure[i]))
        levels = 255.0 * np.float32(gains[i]) * picture
        levels = levels + deviation * rng.standard_normal(levels.shape, dtype=np.float32)
        yield np.clip(np.rint(levels), 0, 255).astype(np.uint8)


@functools.lru_cache(maxsize=2)
def _view(size: int) -> View:
    return View.spanning(_LEFT, _TOP, _RIGHT, _BOTTOM, size=size)


def _draw_events(
    spec: LongSpec, rng: np.random.Generator, num_frames: int
) -> tuple[tuple[tuple[Expression, Interval], ...], tuple[tuple[int, int], ...]]:
    """Expressions and times of talking, in random order with random pauses."""
    kinds = ["macro"] * spec.macros + ["micro"] * spec.micros + ["talk"] * spec.talks
    kinds = [kinds[k] for k in rng.permutation(len(kinds))]
    spans: dict[str, tuple[float, float]] = {**DURATIONS_S, "talk": TALKING_S}  # type: ignore[dict-item]
    lengths = [round(rng.uniform(*spans[kind]) * spec.fps) + 1 for kind in kinds]
    pauses = rng.dirichlet(np.full(len(kinds) + 1, 3.0)) * (num_frames - sum(lengths))
    expressions, talking, start = [], [], 0.0
    for kind, length, pause in zip(kinds, lengths, pauses[:-1], strict=True):
        first = int(start + pause)
        start += pause + length
        emotion, apex_share = EMOTIONS[int(rng.integers(len(EMOTIONS)))], rng.uniform(0.35, 0.60)
        expression = draw_expression(rng, emotion)
        if kind == "talk":
            talking.append((first, first + length - 1))
            continue
        apex = first + int(np.clip(round(apex_share * (length - 1)), 1, length - 2))
        expressions.append((expression, Interval(first, apex, first + length - 1, kind, emotion)))  # type: ignore
    return tuple(expressions), tuple(talking)


def _draw_poses(spec: LongSpec, rng: np.random.Generator, num_frames: int) -> tuple[Pose, ...]:
    """A head that is never quite still, and nods or sways now and then."""
    drift = functools.partial(wander, rng, num_frames, pace=spec.fps)
    shift_x, shift_y, turn, zoom = drift(0.003), drift(0.003), drift(0.0025), 1 + drift(0.0015)
    frame = np.arange(num_frames)
    for _ in range(round(num_frames / spec.fps / _NOD_EVERY_S)):
        half = rng.uniform(0.25, 0.6) * spec.fps
        closeness = eyelid_closure(frame, rng.uniform(half, num_frames), half)  # rises and falls as a lid does
        shift_x, shift_y = shift_x + rng.normal(0, 0.015) * closeness, shift_y + rng.normal(0, 0.015) * closeness
        turn = turn + rng.normal(0, 0.03) * closeness
    return tuple(Pose(*map(float, values)) for values in zip(shift_x, shift_y, turn, zoom, strict=True))


def _draw_blinks(
    spec: LongSpec, rng: np.random.Generator, num_frames: int
) -> tuple[np.ndarray, tuple[tuple[int, int], ...]]:
    """Eyelid closure of each frame, and first and last frame of each blink; the first frame shows open eyes."""
    closure = np.zeros(num_frames)
    blinks: list[tuple[int, int]] = []
    middle = rng.exponential(_BLINK_EVERY_S) * spec.fps
    while True:
        half = rng.uniform(0.07, 0.11) * spec.fps
        middle += 2 * half
        if middle + half >= num_frames:
            return closure, tuple(blinks)
        closure = np.maximum(closure, eyelid_closure(np.arange(num_frames), middle, half))
        blinks.append((int(middle - half) + 1, int(np.ceil(middle + half)) - 1))
        middle += (0.5 + rng.exponential(_BLINK_EVERY_S)) * spec.fps


class _Events:
    """The motion that is under way in a frame, and how much of it shows."""

    def __init__(self, plan: LongPlan, identity: Identity, view: View):
        self._compose = functools.partial(compose, identity=identity, x=view.x, y=view.y)
        self._rest = self._compose(_TALKING, strength=0.0)
        self._talking = self._compose(_TALKING, strength=1.0)
        self._under_way: tuple[Interval | None, Motion] = (None, self._rest)
        self._plan = plan

    def at(self, frame: int) -> tuple[Motion, float]:
        """Motion and share of a frame."""
        for expression, interval in self._plan.expressions:
            if interval.onset <= frame <= interval.offset:
                shares = profile(interval.offset - interval.onset + 1, interval.apex - interval.onset)
                return self._motion_of(expression, interval), float(shares[frame - interval.onset])
        for first, last in self._plan.talking:
            if first <= frame <= last:
                syllables = round((last - first) / self._plan.spec.fps * _SYLLABLES_PER_S)
                return self._talking, float(np.sin(np.pi * syllables * (frame - first) / (last - first)) ** 2)
        return self._rest, 0.0

    def _motion_of(self, expression: Expression, interval: Interval) -> Motion:
        """The motion of an expression, composed once."""
        if self._under_way[0] != interval:
            strength = self._plan.spec.strength * AMPLITUDES[interval.type]
            self._under_way = interval, self._compose(expression, strength=strength)
        return self._under_way[1]
