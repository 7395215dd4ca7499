"""One clip in memory: a person, an expression, and everything that happens besides.

Each source of chance has its own generator, seeded by what it belongs to and by nothing else: the person by (seed,
subject), what happens besides (length, timing, head, light, blink, noise) and the expression by (seed, subject, clip).
So neither the class nor the strength of the expression reaches anything but the displacement, and the clips of a small
corpus are clips of every larger one.
"""

import dataclasses
import functools

import numpy as np

from datasets_tfds.synthetic.chance import Stream, random_stream
from datasets_tfds.synthetic.expressions import Expression, compose, draw_expression, profile
from datasets_tfds.synthetic.identity import draw_identity
from datasets_tfds.synthetic.landmarks import find_landmarks, place_landmarks
from datasets_tfds.synthetic.painting import PaintedFace, paint_face
from datasets_tfds.synthetic.rendering import Pose, View, peak_displacement, render_frame

BLINK_PROBABILITY = 0.15


@dataclasses.dataclass(frozen=True)
class ClipSpec:
    """Which clip to draw.

    Attributes:
        seed, subject, index: what the clip's chance is seeded by; `index` counts the subject's clips from 0.
        emotion: a key of `expressions.EMOTIONS`.
        strength: 1 draws the magnified amplitude (skin moves by 3.5 to 7.5 pixels at 128 x 128), 0 no expression.
        min_frames, max_frames: limits of the clip's length, both included.
        fps: frames per second; sets how many frames a blink lasts.
        size: width of the cropped face in pixels.
        raw: draw head and background at the same scale instead of the cropped face.
    """

    seed: int
    subject: int
    index: int
    emotion: str
    strength: float = 1.0
    min_frames: int = 11
    max_frames: int = 58
    fps: float = 100.0
    size: int = 128
    raw: bool = False

    def __post_init__(self):
        if not (np.isfinite(self.strength) and self.strength >= 0):
            raise ValueError(f"strength must be a finite number of at least 0, got {self.strength}")
        if not 3 <= self.min_frames <= self.max_frames:
            raise ValueError(
                "a clip needs at least 3 frames (onset, apex, offset) and min_frames <= max_frames, got "
                f"min_frames={self.min_frames}, max_frames={self.max_frames}"
            )


@dataclasses.dataclass(frozen=True)
class DrawnClip:
    """A clip and the truth about it.

    Attributes:
        frames: uint8 (T, H, W), grey.
        expression: what the face does (also at strength 0, where it shows nothing).
        onset, apex, offset: 0-based frame indices; onset is the first frame and offset the last.
        shares: float64 (T,), share of the expression shown in each frame.
        peak_displacement_px: largest displacement of visible skin at the apex against the resting face, pixels; head
            motion, blinks and the edges of the lids are not counted.
    """

    frames: np.ndarray
    expression: Expression
    onset: int
    apex: int
    offset: int
    shares: np.ndarray
    peak_displacement_px: float


def draw_clip(spec: ClipSpec) -> DrawnClip:
    """Draw a clip; the same `spec` gives the same bytes."""
    face, view = draw_face(spec.seed, spec.subject, spec.size), _view(spec.raw, spec.size)
    expression = draw_expression(_generator(spec, Stream.EXPRESSION), spec.emotion)
    num_frames, apex = draw_timing(spec)
    shares = profile(num_frames, apex)
    motion = compose(expression, face.identity, view.x, view.y, strength=spec.strength)
    poses, blinks, gains = _draw_nuisance(spec, num_frames)
    frames = np.stack(
        [
            render_frame(face, motion, float(share), view, pose=pose, blink=float(blink)) * np.float32(gain)
            for share, pose, blink, gain in zip(shares, poses, blinks, gains, strict=True)
        ]
    )
    peak = peak_displacement(motion, 1.0, face.identity, view)
    return DrawnClip(_expose(spec, frames), expression, 0, apex, num_frames - 1, shares, peak)


def locate_landmarks(spec: ClipSpec) -> np.ndarray:
    """The 68 points of a clip's first frame, (68, 2), x and y in its pixels; the face rests there."""
    identity = draw_identity(random_stream(spec.seed, Stream.PERSON, spec.subject))
    poses, _, _ = _draw_nuisance(spec, draw_timing(spec)[0])
    view = _view(spec.raw, spec.size)
    placed = place_landmarks(find_landmarks(identity), poses[0])
    return (placed - (view.x[0, 0], view.y[0, 0])) * view.pixels_per_unit


@functools.lru_cache(maxsize=2)
def draw_face(seed: int, subject: int, size: int) -> PaintedFace:
    """The painted person behind all clips of (seed, subject)."""
    identity = draw_identity(random_stream(seed, Stream.PERSON, subject))
    return paint_face(identity, random_stream(seed, Stream.PAINT, subject), size=size)


def draw_timing(spec: ClipSpec) -> tuple[int, int]:
    """Number of frames and index of the apex: longer and shorter clips are rarer than middling ones."""
    rng = _generator(spec, Stream.TIMING)
    span = spec.max_frames - spec.min_frames + 1
    num_frames = spec.min_frames + min(int(rng.beta(2.0, 2.15) * span), span - 1)
    apex = round(rng.uniform(0.35, 0.60) * (num_frames - 1))
    return num_frames, int(np.clip(apex, 1, num_frames - 2))


@functools.lru_cache(maxsize=2)
def _view(raw: bool, size: int) -> View:
    return View.raw(size) if raw else View.cropped(size)


def _generator(spec: ClipSpec, stream: Stream) -> np.random.Generator:
    return random_stream(spec.seed, stream, spec.subject, spec.index)


def wander(rng: np.random.Generator, num_frames: int, amount: float, *, pace: float = 40.0) -> np.ndarray:
    """A slow, smooth path around 0 with deviation of about `amount`; `pace` frames hold 0.1 to 2 waves."""
    phase, speed = rng.uniform(0, 2 * np.pi, 3), rng.uniform(0.2, 1.6, 3) * np.array([1.0, 1.6, 2.6])
    weight = rng.normal(0, 1, 3) * np.array([1.0, 0.6, 0.35])
    time = np.arange(num_frames)[:, None] / pace
    return amount * (np.sin(phase + 2 * np.pi * speed * time * 0.5) * weight).sum(axis=1)


def _draw_nuisance(spec: ClipSpec, num_frames: int) -> tuple[list[Pose], np.ndarray, np.ndarray]:
    """What happens besides the expression: head poses, eyelid closure and lamp gain of each frame."""
    rng = _generator(spec, Stream.NUISANCE)
    offset = rng.normal(0, 0.004, 2)  # where the head rests in this clip
    shift_x, shift_y = (offset[axis] + wander(rng, num_frames, 0.0028) for axis in (0, 1))
    turn, zoom = wander(rng, num_frames, 0.0025), 1 + wander(rng, num_frames, 0.0015)
    gains = rng.normal(1, 0.02) * (1 + wander(rng, num_frames, 0.004)) * rng.normal(1, 0.003, num_frames)
    blinks, middle = rng.uniform() < BLINK_PROBABILITY, rng.uniform(0, num_frames)
    half = rng.uniform(0.05, 0.09) * spec.fps  # frames from open to closed
    closure = eyelid_closure(np.arange(num_frames), middle, half) * blinks
    return [Pose(*values) for values in zip(shift_x, shift_y, turn, zoom, strict=True)], closure, gains


def eyelid_closure(frame: np.ndarray, middle: float, half: float) -> np.ndarray:
    """Eyelid closure of each frame: 1 at `middle`, 0 further than `half` frames away."""
    return np.cos(np.clip((frame - middle) / half, -1.0, 1.0) * np.pi / 2) ** 2


def _expose(spec: ClipSpec, frames: np.ndarray) -> np.ndarray:
    """Turn brightness into grey levels with sensor noise: (T, H, W) float32 0..1 -> uint8."""
    rng = _generator(spec, Stream.NOISE)
    deviation = np.float32(rng.uniform(1.2, 2.4))
    levels = 255.0 * frames + deviation * rng.standard_normal(frames.shape, dtype=np.float32)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)
