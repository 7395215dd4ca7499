"""What a face does: action units as displacement fields, emotions as sets of action units, rise and fall in time.

An action unit (AU, numbered as in the Facial Action Coding System) is a list of `Push`es: Gaussian patches of skin at a
landmark that all move one way. Lids and the parting of the lips are amounts of their own, because they uncover what
lies beneath. Lengths are face units; strengths are relative until `compose` scales the whole to pixels.
"""

import dataclasses

import numpy as np

from datasets_tfds.synthetic.identity import Identity
from datasets_tfds.synthetic.painting import mouth_line
from datasets_tfds.synthetic.shapes import blob, smoothstep


@dataclasses.dataclass(frozen=True)
class Push:
    """Skin that moves, on both sides of the face. First values are outwards from the midline, second ones down."""

    landmark: str
    offset: tuple[float, float]
    sigma: tuple[float, float]
    move: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Fold:
    """A dark crease that an action unit presses into the skin, on both sides; `depth` is the share of light lost."""

    landmark: str
    offset: tuple[float, float]
    sigma: tuple[float, float]
    angle: float
    depth: float


_INNER_BROW = (-0.085, -0.01)
_OUTER_BROW = (0.065, -0.01)
PUSHES: dict[int, tuple[Push, ...]] = {
    1: (Push("brow", _INNER_BROW, (0.065, 0.070), (0.0, -0.80)),),
    2: (Push("brow", _OUTER_BROW, (0.085, 0.070), (0.0, -0.85)),),
    4: (
        Push("brow", _INNER_BROW, (0.075, 0.050), (-0.50, 0.80)),
        Push("brow", (0.05, 0.0), (0.070, 0.050), (-0.20, 0.45)),
    ),
    6: (Push("eye", (0.03, 0.145), (0.085, 0.060), (0.0, -0.65)),),
    7: (Push("eye", (0.0, 0.060), (0.080, 0.030), (0.0, -0.30)),),
    9: (
        Push("nose", (-0.01, -0.035), (0.050, 0.060), (0.10, -0.75)),
        Push("brow", (-0.16, 0.03), (0.050, 0.050), (0.0, 0.25)),
        Push("lip", (0.07, -0.035), (0.050, 0.030), (0.0, -0.40)),
    ),
    10: (Push("lip", (0.085, -0.030), (0.060, 0.035), (0.10, -0.85)),),
    12: (
        Push("corner", (0.0, 0.0), (0.070, 0.060), (0.70, -0.80)),
        Push("corner", (0.065, -0.12), (0.080, 0.070), (0.15, -0.40)),
    ),
    14: (Push("corner", (0.01, 0.0), (0.060, 0.050), (0.75, 0.05)),),
    15: (Push("corner", (0.0, 0.005), (0.065, 0.065), (0.10, 0.95)),),
    17: (Push("chin", (0.06, -0.13), (0.075, 0.050), (0.0, -0.50)),),
    20: (Push("corner", (0.0, 0.01), (0.080, 0.060), (0.85, 0.20)),),
    24: (Push("corner", (-0.02, 0.0), (0.060, 0.050), (-0.55, 0.0)),),
    26: (Push("chin", (0.07, -0.07), (0.130, 0.110), (0.0, 0.60)),),
}
_NASOLABIAL = Fold("corner", (0.030, -0.105), (0.008, 0.060), -0.55, 0.20)
_FOREHEAD = tuple(Fold("brow", (0.0, -height), (0.085, 0.006), 0.08, 0.10) for height in (0.055, 0.095))
FOLDS: dict[int, tuple[Fold, ...]] = {
    1: _FOREHEAD,
    2: _FOREHEAD,
    4: (Fold("brow", (-0.179, 0.005), (0.007, 0.034), 0.0, 0.26),),
    9: (_NASOLABIAL, Fold("eye", (-0.160, 0.050), (0.006, 0.040), 0.5, 0.16)),
    10: (_NASOLABIAL,),
    12: (_NASOLABIAL,),
}
UPPER_LID_UP = {5: 0.017, 6: -0.004, 7: -0.006}
LOWER_LID_UP = {6: 0.008, 7: 0.010}
LIPS_PART = {25: (0.12, 0.30), 26: (0.05, 0.65)}  # how far the upper lip goes up and the lower one down, relative
ACTION_UNITS = tuple(sorted({*PUSHES, *UPPER_LID_UP, *LOWER_LID_UP, *LIPS_PART}))

EMOTIONS: dict[str, tuple[tuple[int, ...], ...]] = {
    "happiness": ((6, 12), (12,), (6, 12, 25), (12, 25)),
    "surprise": ((1, 2, 5, 26), (1, 2, 5, 25, 26), (1, 2, 26), (1, 2, 5, 25)),
    "disgust": ((4, 9), (4, 9, 10), (4, 7, 10), (4, 7, 9)),
    "sadness": ((4, 15), (4, 15, 17)),
    "anger": ((4, 7), (4, 7, 24), (4, 24)),
    "fear": ((1, 2, 4, 20), (1, 4, 20, 25)),
    "contempt": ((14,), (10, 14)),
    "repression": ((14, 17), (15, 17), (17, 24)),
    "others": ((4,), (7,), (14,), (17,), (24,)),
}
UNILATERAL = frozenset({"contempt"})
REFERENCE_PEAK = 5.5 / 128  # face units: the peak displacement at which lids and wrinkles show their full amount


@dataclasses.dataclass(frozen=True)
class Expression:
    """The choice of one clip: which action units act, how strongly on either side, how far skin moves at the apex.

    Attributes:
        emotion: a key of `EMOTIONS`.
        action_units: the AUs that act.
        amounts: relative strength of each AU, (left of the picture, right of it).
        peak: largest skin displacement at the apex, face units, at strength 1.
    """

    emotion: str
    action_units: tuple[int, ...]
    amounts: tuple[tuple[float, float], ...]
    peak: float


@dataclasses.dataclass(frozen=True)
class Motion:
    """An expression at its apex, on the pixel grid of a view; a frame shows it times its share of the profile.

    Attributes:
        skin: float32 (H, W, 2), displacement (x, y) in face units of the skin seen at each pixel, mouth closed.
        upper_lip, lower_lip: float32 (H, W), what the parting of the lips adds to y above and below the mouth line.
        wrinkles: float32 (H, W), 0..1, how much folds darken the skin.
        upper_lid_up, lower_lid_up: (left, right) lid travel, face units.
    """

    skin: np.ndarray
    upper_lip: np.ndarray
    lower_lip: np.ndarray
    wrinkles: np.ndarray
    upper_lid_up: tuple[float, float]
    lower_lid_up: tuple[float, float]


def draw_expression(rng: np.random.Generator, emotion: str) -> Expression:
    """Draw an expression of `emotion`.

    The same number of random values is used whatever the emotion, and the peak has one distribution for all emotions:
    neither may tell the class.
    """
    if emotion not in EMOTIONS:
        raise ValueError(f"unknown emotion {emotion!r}; expected one of {sorted(EMOTIONS)}")
    choice, weak_side, peak = rng.uniform(), int(rng.integers(2)), rng.uniform(3.5, 7.5) / 128
    unit_amounts, side_amounts = rng.uniform(0.75, 1.0, 8), rng.uniform(0.82, 1.0, (8, 2))
    options = EMOTIONS[emotion]
    units = options[int(choice * len(options))]
    amounts = unit_amounts[: len(units), None] * side_amounts[: len(units)]
    if emotion in UNILATERAL:
        amounts[:, weak_side] *= 0.15
    return Expression(emotion, units, tuple((float(a), float(b)) for a, b in amounts), float(peak))


def profile(num_frames: int, apex: int) -> np.ndarray:
    """Share of the expression shown in each frame: 0 at the first (onset), 1 at `apex`, 0 at the last (offset)."""
    frame = np.arange(num_frames, dtype=np.float64)
    return smoothstep(frame, 0, apex) * smoothstep(frame, num_frames - 1, apex)


def compose(expression: Expression, identity: Identity, x: np.ndarray, y: np.ndarray, *, strength: float) -> Motion:
    """The expression on this person's face at its apex, scaled so that skin moves by `peak * strength` at most.

    Args:
        expression: what the face does.
        identity: whose face it is.
        x: (H, W), face coordinate of each pixel.
        y: (H, W), likewise.
        strength: factor on every amount; 0 gives a motion that changes nothing.
    """
    skin = np.zeros((*x.shape, 2), np.float32)
    upper_lip, lower_lip = np.zeros_like(x), np.zeros_like(x)
    for unit, amounts in zip(expression.action_units, expression.amounts, strict=True):
        _add_pushes(skin, unit, amounts, identity, x, y)
        up, down = LIPS_PART.get(unit, (0.0, 0.0))
        upper_lip -= up * float(np.mean(amounts)) * _lip_parting(identity, x, y, side=-1)
        lower_lip += down * float(np.mean(amounts)) * _lip_parting(identity, x, y, side=1)
    scale = expression.peak * strength / _largest(identity, skin, upper_lip, lower_lip, x, y)
    shown = strength * expression.peak / REFERENCE_PEAK
    return Motion(
        skin=skin * scale,
        upper_lip=upper_lip * scale,
        lower_lip=lower_lip * scale,
        wrinkles=np.minimum(shown * _wrinkles(expression, identity, x, y), 0.6),
        upper_lid_up=_lid_travel(expression, UPPER_LID_UP, shown),
        lower_lid_up=_lid_travel(expression, LOWER_LID_UP, shown),
    )


def _landmark(identity: Identity, name: str) -> tuple[float, float]:
    """(distance from the midline, y) of a landmark."""
    return {
        "brow": (identity.eye_x, identity.brow_y),
        "eye": (identity.eye_x, identity.eye_y),
        "nose": (identity.nose_half_width, identity.nose_y),
        "lip": (0.0, identity.mouth_y),
        "corner": (identity.mouth_half_width, identity.mouth_y),
        "chin": (0.0, identity.chin_y),
    }[name]


def _add_pushes(
    skin: np.ndarray, unit: int, amounts: tuple[float, float], identity: Identity, x: np.ndarray, y: np.ndarray
) -> None:
    """Add an action unit's displacement to `skin` in place."""
    for push in PUSHES.get(unit, ()):
        distance, height = _landmark(identity, push.landmark)
        for side, amount in zip((-1, 1), amounts, strict=True):
            center = (identity.center_x + side * (distance + push.offset[0]), height + push.offset[1])
            patch = amount * blob(x, y, center, push.sigma)
            skin[..., 0] += side * push.move[0] * patch
            skin[..., 1] += push.move[1] * patch


def _lip_parting(identity: Identity, x: np.ndarray, y: np.ndarray, *, side: int) -> np.ndarray:
    """Travel of the lip above (`side` -1) or below (1) the mouth line: whole near the line, none far from it.

    It goes on unchanged across the line, so that a pixel in the gap finds no skin on either side.
    """
    across = (x - identity.center_x) / identity.mouth_half_width
    away = side * (y - mouth_line(identity, x))
    return np.clip(1 - across**2, 0.0, None) ** 1.5 * smoothstep(away, 0.20, 0.06 if side > 0 else 0.03)


def _largest(
    identity: Identity, skin: np.ndarray, upper_lip: np.ndarray, lower_lip: np.ndarray, x: np.ndarray, y: np.ndarray
) -> float:
    """Largest displacement of any skin, in the units of the fields; 1 where nothing moves."""
    parting = np.where(y < mouth_line(identity, x), upper_lip, lower_lip)
    length = float(np.hypot(skin[..., 0], skin[..., 1] + parting).max())
    return length if length > 0 else 1.0


def _lid_travel(expression: Expression, table: dict[int, float], shown: float) -> tuple[float, float]:
    pairs = zip(expression.action_units, expression.amounts, strict=True)
    left, right = np.sum([[table.get(unit, 0.0) * a for a in amounts] for unit, amounts in pairs], axis=0) * shown
    return float(left), float(right)


def _wrinkles(expression: Expression, identity: Identity, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Darkening of the folds that the action units press into the skin, at full amount."""
    dark = np.zeros_like(x)
    for unit, amounts in zip(expression.action_units, expression.amounts, strict=True):
        for fold in FOLDS.get(unit, ()):
            distance, height = _landmark(identity, fold.landmark)
            for side, amount in zip((-1, 1), amounts, strict=True):
                center = (identity.center_x + side * (distance + fold.offset[0]), height + fold.offset[1])
                dark += fold.depth * amount * blob(x, y, center, fold.sigma, side * fold.angle)
    return dark
