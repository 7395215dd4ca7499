"""One frame: the painted face moved by head pose, expression and blink, seen through a view.

Frames are drawn backwards: for each pixel, where does the skin that is seen here lie on the resting face? Displacements
are therefore given on the pixels of the moved picture, and the truth about them is exact.
"""

import dataclasses

import numpy as np

from datasets_tfds.synthetic.expressions import Motion
from datasets_tfds.synthetic.identity import Identity
from datasets_tfds.synthetic.painting import LEFT, TOP, PaintedFace, mouth_line
from datasets_tfds.synthetic.shapes import blob, sample_bilinear, smoothstep


@dataclasses.dataclass(frozen=True)
class View:
    """The part of the scene that a frame shows: pixel grid in face units.

    Attributes:
        x, y: float32 (H, W), face coordinates of the pixel centres.
        pixels_per_unit: frame pixels to one face unit.
    """

    x: np.ndarray
    y: np.ndarray
    pixels_per_unit: float

    @classmethod
    def spanning(cls, left: float, top: float, right: float, bottom: float, *, size: int) -> "View":
        """The rectangle given in face units, at `size` pixels to the unit."""
        columns, rows = round((right - left) * size), round((bottom - top) * size)
        x = left + (np.arange(columns, dtype=np.float32) + 0.5) / size
        y = top + (np.arange(rows, dtype=np.float32) + 0.5) / size
        return cls(np.tile(x, (rows, 1)), np.tile(y[:, None], (1, columns)), float(size))

    @classmethod
    def cropped(cls, size: int) -> "View":
        """The cropped face, `size` x `size` pixels."""
        return cls.spanning(0.0, 0.0, 1.0, 1.0, size=size)

    @classmethod
    def raw(cls, size: int) -> "View":
        """The camera's 4:3 picture of head and background, in which the cropped face would be `size` pixels wide."""
        return cls.spanning(-0.4, -0.22, 1.4, 1.13, size=size)


@dataclasses.dataclass(frozen=True)
class Pose:
    """Where the head is in one frame: shift in face units, turn in radians, size 1 at rest."""

    shift_x: float = 0.0
    shift_y: float = 0.0
    turn: float = 0.0
    zoom: float = 1.0


def displacement(
    motion: Motion, share: float, identity: Identity, view: View
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far the skin seen at each pixel has moved, with the head at rest.

    Args:
        motion: the expression at its apex.
        share: 0 at rest, 1 at the apex.
        identity: whose face it is.
        view: the pixels to answer for, the ones `motion` was composed on.

    Returns:
        dx, dy: float32 (H, W), face units.
        gap: float32 (H, W), 1 where no skin but the inside of the mouth is seen, soft at the lips; dx and dy mean
            nothing there.
    """
    dx, dy = share * motion.skin[..., 0], share * motion.skin[..., 1]
    line = mouth_line(identity, view.x - dx)
    below_upper = view.y - dy - share * motion.upper_lip - line  # above 0: the upper lip ends higher up than here
    above_lower = line - (view.y - dy - share * motion.lower_lip)  # above 0: the lower lip begins further down
    is_upper = above_lower > below_upper
    is_upper = np.where(np.maximum(below_upper, above_lower) <= 0, view.y < line, is_upper)
    soft = 0.5 / view.pixels_per_unit
    depth = np.minimum(below_upper, above_lower)
    gap = smoothstep(depth, 0.0, 2 * soft) if share else np.zeros_like(view.x)
    return dx, dy + share * np.where(is_upper, motion.upper_lip, motion.lower_lip), gap


def peak_displacement(motion: Motion, share: float, identity: Identity, view: View) -> float:
    """Largest displacement of any visible skin, in pixels of the view."""
    dx, dy, gap = displacement(motion, share, identity, view)
    return float(np.max(np.hypot(dx, dy) * (gap < 0.5))) * view.pixels_per_unit


def render_frame(
    face: PaintedFace, motion: Motion, share: float, view: View, *, pose: Pose = Pose(), blink: float = 0.0
) -> np.ndarray:
    """Draw one frame without camera noise.

    Args:
        face: whom to draw.
        motion: the expression at its apex, composed on the pixels of `view`.
        share: share of the expression shown, 0..1.
        view: what the frame shows.
        pose: where the head is.
        blink: 0 open eyes, 1 closed.

    Returns:
        float32 (H, W), brightness 0..1.
    """
    identity = face.identity
    dx, dy, gap = displacement(motion, share, identity, view)
    skin_x, skin_y = _at_rest(view.x - dx, view.y - dy, pose)
    scale = face.pixels_per_unit
    picture = sample_bilinear(face.texture, (skin_y - TOP) * scale - 0.5, (skin_x - LEFT) * scale - 0.5)
    if share:
        picture = picture * (1 - share * motion.wrinkles)
        picture = _open_mouth(picture, gap, identity, view)
    for side, up, low in zip((-1, 1), motion.upper_lid_up, motion.lower_lid_up, strict=True):
        region = _eye_region(identity, view, side)
        eyeball = _at_rest(view.x[region], view.y[region], pose)
        lids = _Lids(identity.eye_up + share * up, identity.eye_down - share * low, blink)
        picture[region] = _draw_eye(
            picture[region], identity, side, lids, eyeball, (skin_x[region], skin_y[region]), 0.5 / view.pixels_per_unit
        )
    return picture


def _at_rest(x: np.ndarray, y: np.ndarray, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
    """Undo the head's pose."""
    cos, sin = np.float32(np.cos(pose.turn) / pose.zoom), np.float32(np.sin(pose.turn) / pose.zoom)
    x, y = x - np.float32(0.5 + pose.shift_x), y - np.float32(0.8 + pose.shift_y)  # turns about the neck
    return x * cos + y * sin + np.float32(0.5), y * cos - x * sin + np.float32(0.8)


def _open_mouth(picture: np.ndarray, gap: np.ndarray, identity: Identity, view: View) -> np.ndarray:
    """Show the dark inside of the mouth in the gap, with the upper teeth at its upper rim."""
    across = (view.x - identity.center_x) / (0.8 * identity.mouth_half_width)
    teeth = smoothstep(view.y, identity.mouth_y + 0.016, identity.mouth_y + 0.006) * np.exp(
        -2 * np.square(np.square(across))
    )
    return picture + gap * (0.07 + 0.50 * identity.ambient * teeth - picture)


@dataclasses.dataclass(frozen=True)
class _Lids:
    """Upper lid above and lower lid below the eye's centre, face units; blink 0 open, 1 closed."""

    up: float
    down: float
    blink: float


def _eye_region(identity: Identity, view: View, side: int) -> tuple[slice, slice]:
    """Rows and columns of the view that an eye can cover."""
    middle = identity.center_x + side * identity.eye_x
    reach_x, reach_y = 1.35 * identity.eye_half_width + 0.03, 0.11
    columns = np.flatnonzero(np.abs(view.x[0] - middle) < reach_x)
    rows = np.flatnonzero(np.abs(view.y[:, 0] - identity.eye_y) < reach_y)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _draw_eye(
    picture: np.ndarray,
    identity: Identity,
    side: int,
    lids: _Lids,
    eyeball: tuple[np.ndarray, np.ndarray],
    skin: tuple[np.ndarray, np.ndarray],
    soft: float,
) -> np.ndarray:
    """Draw one eye over the skin: the ball follows the head, the lids follow the skin.

    Args:
        picture: (h, w), the skin drawn so far.
        identity: whose eye it is.
        side: -1 for the eye on the left of the picture, 1 for the right one.
        lids: where the lids are.
        eyeball: x and y of each pixel on the resting head, face units.
        skin: x and y of each pixel on the resting skin, face units.
        soft: half the width of a sharp edge, face units.
    """
    i = identity
    along = side * (skin[0] - i.center_x) - i.eye_x  # outwards
    across = along / i.eye_half_width
    height = skin[1] - i.eye_y + i.eye_tilt * along
    arch = np.clip(1 - np.abs(across + 0.10 * (1 - across**2)) ** 2.2, 0.0, None)
    lower = lids.down * np.clip(1 - np.abs(across) ** 2.4, 0.0, None)
    upper = -lids.up * arch
    upper = upper + lids.blink * (lower - upper)
    inside = smoothstep(height - upper, -soft, soft) * smoothstep(lower - height, -soft, soft) * (np.abs(across) < 1)
    ball = _draw_eyeball(identity, side, eyeball, height - upper, soft)
    picture = picture + inside * (ball - picture)
    lash = np.exp(-0.5 * ((height - upper + 0.002) / 0.0055) ** 2) * smoothstep(np.abs(across), 1.12, 0.85)
    rim = np.exp(-0.5 * ((height - lower) / 0.004) ** 2) * smoothstep(np.abs(across), 1.02, 0.75)
    return picture * (1 - 0.68 * lash) * (1 - 0.22 * rim)


def _draw_eyeball(
    identity: Identity, side: int, position: tuple[np.ndarray, np.ndarray], below_lid: np.ndarray, soft: float
) -> np.ndarray:
    """White, iris, pupil and highlight, in the shadow of the upper lid."""
    i = identity
    x, y = position[0] - (i.center_x + side * i.eye_x), position[1] - (i.eye_y - 0.006)
    radius = np.hypot(x, y)
    white = (0.50 + 0.42 * i.ambient) * (1 - 0.30 * smoothstep(np.abs(x) / i.eye_half_width, 0.45, 1.0))
    iris = i.iris * (0.75 + 0.7 * smoothstep(radius / i.iris_radius, 0.9, 0.45))
    ball = white + smoothstep(radius - i.iris_radius, 2 * soft, -2 * soft) * (iris - white)
    ball = ball * (1 - 0.85 * smoothstep(radius - 0.42 * i.iris_radius, 2 * soft, -2 * soft))
    ball = ball * (1 - 0.38 * smoothstep(below_lid, 0.016, 0.0))
    return ball + 0.55 * blob(x, y, (0.012 + 0.05 * i.light_x, -0.012), (0.006, 0.006))
