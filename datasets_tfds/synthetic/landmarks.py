"""Where a drawn face has the 68 points that dlib marks, and the box that its detector would give.

Points are those of the resting face, so they are exact in a frame without expression.
"""

import numpy as np

from datasets_tfds.synthetic.identity import Identity
from datasets_tfds.synthetic.painting import mouth_line
from datasets_tfds.synthetic.rendering import Pose

_BROW = np.array([0.95, 0.5, 0.0, -0.5, -0.95])  # from the temple to the nose, in half widths of the brow
_EYE = np.array([1.0, 0.36, -0.36, -1.0, -0.36, 0.36])  # corner, two on the upper lid, corner, two on the lower lid
_UPPER_LIP = np.array([-1.0, -0.62, -0.25, 0.0, 0.25, 0.62, 1.0])
_LOWER_LIP = np.array([0.62, 0.25, 0.0, -0.25, -0.62])
_INNER_LIP = np.array([-0.85, -0.3, 0.0, 0.3, 0.85, 0.3, 0.0, -0.3])


def find_landmarks(identity: Identity) -> np.ndarray:
    """The 68 points of a resting face in dlib's order, (68, 2), x and y in face units."""
    i = identity
    parts = [_jaw(i), _brow(i, -1), _brow(i, 1)[::-1], _nose(i), _eye(i, -1), _eye(i, 1)[[3, 2, 1, 0, 5, 4]], _mouth(i)]
    return np.concatenate(parts)


def place_landmarks(points: np.ndarray, pose: Pose) -> np.ndarray:
    """Where points of the resting head are in a frame, face units."""
    cos, sin = pose.zoom * np.cos(pose.turn), pose.zoom * np.sin(pose.turn)
    x, y = points[:, 0] - 0.5, points[:, 1] - 0.8  # turns about the neck, as in `rendering`
    return np.stack([x * cos - y * sin + 0.5 + pose.shift_x, x * sin + y * cos + 0.8 + pose.shift_y], axis=1)


def face_box(points: np.ndarray) -> tuple[float, float, float, float]:
    """Left, top, width and height of a square as wide as the jaw, with the chin on its lower edge."""
    left, right, chin = points[0, 0], points[16, 0], points[8, 1]
    side = right - left
    return left, chin - side, side, side


def _jaw(i: Identity) -> np.ndarray:
    """From ear to ear on the outline of the head (`painting.head_outline`)."""
    angle = np.pi * np.arange(17) / 16
    y = i.eye_y + (i.chin_y - i.eye_y) * np.sin(angle)
    down = np.clip((y - 0.46) / (i.chin_y - 0.46), 0.0, 1.0)
    half = i.cheek_half_width + (i.jaw_half_width - i.cheek_half_width) * down * down * (3 - 2 * down)
    x = -np.sign(np.cos(angle).round(9)) * half * np.clip(1 - down**2.3, 0.0, None) ** (1 / 2.3)
    return np.stack([i.center_x + x, y], axis=1)


def _brow(i: Identity, side: int) -> np.ndarray:
    y = i.brow_y + i.brow_arch * (_BROW - 0.25) ** 2 - i.brow_slope * i.brow_half_width * 0.5 * _BROW
    return np.stack([i.center_x + side * (i.eye_x + 0.005 + _BROW * i.brow_half_width), y], axis=1)


def _nose(i: Identity) -> np.ndarray:
    bridge = [(0.0, y) for y in np.linspace(i.eye_y, i.nose_y - 0.02, 4)]
    below = [(share * i.nose_half_width, i.nose_y + 0.035 - 0.01 * abs(share)) for share in (-0.8, -0.4, 0.0, 0.4, 0.8)]
    return np.array([*bridge, *below]) + np.array([i.center_x, 0.0])


def _eye(i: Identity, side: int) -> np.ndarray:
    """Outer corner, lid from there to the inner corner, lower lid back."""
    arch = np.clip(1 - np.abs(_EYE + 0.10 * (1 - _EYE**2)) ** 2.2, 0.0, None)
    lower = np.clip(1 - np.abs(_EYE) ** 2.4, 0.0, None)
    height = np.where(np.arange(6) < 4, -i.eye_up * arch, i.eye_down * lower)
    along = _EYE * i.eye_half_width
    return np.stack([i.center_x + side * (i.eye_x + along), i.eye_y + height - i.eye_tilt * along], axis=1)


def _mouth(i: Identity) -> np.ndarray:
    across = np.concatenate([_UPPER_LIP, _LOWER_LIP, _INNER_LIP])
    taper = np.sqrt(np.clip(1 - across**2, 0.0, None))
    thickness = np.concatenate([np.full(7, -1.15 * i.lip_upper), np.full(5, i.lip_lower), np.zeros(8)])
    x = i.center_x + across * i.mouth_half_width
    return np.stack([x, mouth_line(i, x) + thickness * taper], axis=1)
