"""The resting face of one person as a still picture: relief, light, skin, brows, lips, hair, background.

The eyes' openings and the inside of the mouth are missing here, because they open and close: `rendering` adds them.
The picture is finer than the frames (`SUPERSAMPLING`) and reaches past the cropped face, so that frames may sample it
at sub-pixel positions and show the whole head.
"""

import dataclasses
import functools

import cv2
import numpy as np

from datasets_tfds.synthetic.identity import Identity
from datasets_tfds.synthetic.shapes import blob, smooth_noise, smoothstep

SUPERSAMPLING = 2
LEFT, TOP, RIGHT, BOTTOM = -0.5, -0.4, 1.5, 1.4  # the painted rectangle, in face units


@dataclasses.dataclass(frozen=True)
class PaintedFace:
    """A painted person.

    Attributes:
        identity: who it is.
        texture: float32 (rows, columns), brightness 0..1, covering LEFT..RIGHT x TOP..BOTTOM.
        pixels_per_unit: texture pixels to one face unit.
    """

    identity: Identity
    texture: np.ndarray
    pixels_per_unit: float


def paint_face(identity: Identity, rng: np.random.Generator, *, size: int) -> PaintedFace:
    """Paint a person for frames whose cropped face is `size` pixels wide."""
    scale = float(size * SUPERSAMPLING)
    rows, columns = round((BOTTOM - TOP) * scale), round((RIGHT - LEFT) * scale)
    x = (LEFT + (np.arange(columns, dtype=np.float32) + 0.5) / scale)[None, :].repeat(rows, axis=0)
    y = (TOP + (np.arange(rows, dtype=np.float32) + 0.5) / scale)[:, None].repeat(columns, axis=1)
    noise = _draw_noise(rng, (rows, columns))
    texture = _albedo(identity, x, y, noise) * _shading(identity, x, y, scale, noise)
    texture = _paint_hair_and_background(identity, x, y, noise, texture)
    texture = cv2.GaussianBlur(texture, (0, 0), 0.5 * SUPERSAMPLING)  # what the lens and the pixel area blur
    return PaintedFace(identity, np.ascontiguousarray(texture, dtype=np.float32), scale)


def head_outline(identity: Identity, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance from the head's middle, 1 on its outline: an oval that narrows from the cheeks to the jaw."""
    middle = 0.46
    down = smoothstep(y, middle, identity.chin_y)
    half_width = identity.cheek_half_width + (identity.jaw_half_width - identity.cheek_half_width) * down
    half_height = np.where(y > middle, identity.chin_y - middle, 0.66)
    across, along = np.abs(x - identity.center_x) / half_width, np.abs(y - middle) / half_height
    return (across**2.3 + along**2.3) ** (1 / 2.3)


def _draw_noise(rng: np.random.Generator, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """The person's noise fields; grains are fixed in face units, so that every picture size shows the same person."""
    return {
        "patches": smooth_noise(rng, (14, 16), shape),
        "mottling": smooth_noise(rng, (54, 60), shape),
        "pores": smooth_noise(rng, (230, 256), shape),
        "strands": smooth_noise(rng, (30, 240), shape),
        "brow_hairs": smooth_noise(rng, (150, 240), shape),
        "scene": smooth_noise(rng, (5, 6), shape),
        "moles": _draw_moles(rng, shape),
    }


def _draw_moles(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A few dark dots on the cheeks and forehead, 0..1."""
    moles = np.zeros(shape, np.float32)
    for _ in range(int(rng.integers(1, 5))):
        column, row = rng.uniform(0.31, 0.69) * shape[1], rng.uniform(0.30, 0.75) * shape[0]
        radius = rng.uniform(0.0015, 0.0035) * shape[1]
        cv2.circle(moles, (int(column * 16), int(row * 16)), int(radius * 16), float(rng.uniform(0.15, 0.4)), -1, 16, 4)
    return moles


def _beside(identity: Identity, side: int, distance: float, y: float) -> tuple[float, float]:
    """The point at `distance` from the midline, left (`side` -1) or right (1) in the picture."""
    return identity.center_x + side * distance, y


def _relief(identity: Identity, x: np.ndarray, y: np.ndarray, noise: dict[str, np.ndarray]) -> np.ndarray:
    """Height of the face towards the camera, face units."""
    z = 0.42 * np.sqrt(np.clip(1.02 - head_outline(identity, x, y) ** 2, 0.02, None))
    z = z + _midline_relief(identity, x, y) + 0.0016 * noise["mottling"]
    return z + _side_relief(identity, x, y, -1) + _side_relief(identity, x, y, 1)


def _midline_relief(identity: Identity, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Nose, philtrum, lips and chin."""
    i, cx = identity, identity.center_x
    bridge = smoothstep(y, i.eye_y - 0.06, i.nose_y - 0.02) * smoothstep(y, i.nose_y + 0.055, i.nose_y - 0.02)
    ridge = np.exp(-0.5 * ((x - cx) / (0.030 + 0.022 * bridge)) ** 2)
    z = i.nose_height * (0.25 + 0.75 * bridge) * np.sqrt(bridge) * ridge
    z += 0.030 * blob(x, y, (cx, i.nose_y - 0.015), (0.038, 0.028))
    z -= 0.012 * blob(x, y, (cx, i.mouth_y - 0.085), (0.012, 0.03))
    z += 0.030 * blob(x, y, (cx, i.mouth_y - 0.6 * i.lip_upper), (i.mouth_half_width * 0.62, i.lip_upper * 0.8))
    z += 0.036 * blob(x, y, (cx, i.mouth_y + 0.6 * i.lip_lower), (i.mouth_half_width * 0.52, i.lip_lower * 0.7))
    z -= 0.026 * blob(x, y, (cx, i.mouth_y + i.lip_lower + 0.030), (0.09, 0.018))
    return z + 0.050 * blob(x, y, (cx, i.chin_y - 0.10), (0.10, 0.05))


def _side_relief(identity: Identity, x: np.ndarray, y: np.ndarray, side: int) -> np.ndarray:
    """Nostril, eye socket with its ball, brow ridge, cheek, nasolabial fold and mouth corner of one side."""
    i, at = identity, functools.partial(_beside, identity, side)
    z = 0.026 * blob(x, y, at(i.nose_half_width * 0.78, i.nose_y + 0.002), (0.026, 0.025))
    z -= 0.055 * blob(x, y, at(i.eye_x - 0.03, i.eye_y), (0.085, 0.045))
    z += 0.030 * blob(x, y, at(i.eye_x, i.eye_y), (0.060, 0.032))
    z += 0.030 * blob(x, y, at(i.eye_x, i.brow_y + 0.012), (0.12, 0.028))
    z += 0.045 * blob(x, y, at(0.255, i.eye_y + 0.17), (0.095, 0.085))
    z -= 0.016 * blob(x, y, at(0.165, i.mouth_y - 0.095), (0.016, 0.075), -side * 0.55)
    return z - 0.010 * blob(x, y, at(i.mouth_half_width + 0.012, i.mouth_y), (0.02, 0.022))


def _shading(
    identity: Identity, x: np.ndarray, y: np.ndarray, scale: float, noise: dict[str, np.ndarray]
) -> np.ndarray:
    """Light on the relief: one soft lamp, ambient light, a little gloss."""
    z = _relief(identity, x, y, noise)
    z = cv2.GaussianBlur(z, (0, 0), 0.006 * scale) * scale
    slope_y, slope_x = np.gradient(z)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1.0)
    lamp = np.array([identity.light_x, identity.light_y, 1.0])
    lamp /= np.linalg.norm(lamp)
    facing = np.clip((-slope_x * lamp[0] - slope_y * lamp[1] + lamp[2]) / length, 0.0, 1.0)
    return identity.ambient + (1.05 - identity.ambient) * facing + 0.10 * facing**24


def _albedo(identity: Identity, x: np.ndarray, y: np.ndarray, noise: dict[str, np.ndarray]) -> np.ndarray:
    """Skin colour with moles, stubble, lips, and what either side of the face has."""
    i, cx = identity, identity.center_x
    skin = i.skin * (1 + 0.6 * i.mottling * noise["patches"] + i.mottling * noise["mottling"] + 0.016 * noise["pores"])
    beard = smoothstep(y, i.nose_y + 0.05, i.mouth_y) * blob(x, y, (cx, i.mouth_y + 0.06), (0.26, 0.19))
    skin *= (1 - noise["moles"]) * (1 - i.stubble * beard * (1.0 + 0.25 * noise["pores"]))
    skin *= 1 - i.lip_darkness * _lips(i, x, y) * (1 + 0.10 * noise["strands"])
    inside = smoothstep(np.abs(x - cx), i.mouth_half_width * 1.04, i.mouth_half_width * 0.90)
    skin *= 1 - 0.62 * inside * np.exp(-0.5 * ((y - mouth_line(i, x)) / 0.0055) ** 2)
    for side in (-1, 1):
        skin *= (1 - i.brow_darkness * _brow(i, x, y, side, noise)) * _side_creases(i, x, y, side)
    return skin


def _side_creases(identity: Identity, x: np.ndarray, y: np.ndarray, side: int) -> np.ndarray:
    """Share of light that the nostril and the folds of one side leave."""
    i, at = identity, functools.partial(_beside, identity, side)
    light = 1 - 0.62 * blob(x, y, at(i.nose_half_width * 0.46, i.nose_y + 0.022), (0.017, 0.0075), side * 0.3)
    light *= 1 - 0.20 * blob(x, y, at(i.nose_half_width * 1.05, i.nose_y + 0.006), (0.008, 0.026), side * 0.2)
    light *= 1 - 0.13 * blob(x, y, at(i.eye_x - 0.01, i.eye_y - i.eye_up - 0.018), (0.075, 0.011))  # lid crease
    light *= 1 - 0.12 * blob(x, y, at(i.eye_x - 0.03, i.eye_y + 0.055), (0.06, 0.012), side * 0.15)  # below the eye
    light *= 1 - 0.10 * blob(x, y, at(i.eye_x - 0.085, i.eye_y - 0.01), (0.03, 0.04))  # beside the nose
    return light * (1 - 0.10 * blob(x, y, at(0.168, i.mouth_y - 0.10), (0.007, 0.060), -side * 0.55))  # nasolabial


def mouth_line(identity: Identity, x: np.ndarray) -> np.ndarray:
    """Height (y) of the line between the closed lips at `x`."""
    across = np.clip((x - identity.center_x) / identity.mouth_half_width, -1.6, 1.6)
    return identity.mouth_y + 0.012 * identity.mouth_curve * across**2 + 0.003 * np.cos(across * 5.0)


def _lips(identity: Identity, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 on the lips, 0 off them, soft borders; the upper lip has its bow."""
    across = (x - identity.center_x) / identity.mouth_half_width
    line = y - mouth_line(identity, x)
    taper = np.sqrt(np.clip(1 - across**2, 0.0, None))
    bow = 1.0 - 0.28 * np.exp(-0.5 * (across / 0.10) ** 2) + 0.10 * np.exp(-0.5 * ((np.abs(across) - 0.25) / 0.12) ** 2)
    upper, lower = identity.lip_upper * taper * bow * 1.15, identity.lip_lower * taper
    soft = 0.006
    return smoothstep(line, -upper - soft, -upper + soft) * smoothstep(line, lower + soft, lower - soft) * (taper > 0)


def _brow(identity: Identity, x: np.ndarray, y: np.ndarray, side: int, noise: dict[str, np.ndarray]) -> np.ndarray:
    """One brow, 0..1: arched, thinner outwards, of single hairs."""
    i = identity
    along = (side * (x - i.center_x) - i.eye_x - 0.005) / i.brow_half_width  # -1 at the nose, 1 at the temple
    middle = i.brow_y + i.brow_arch * (along - 0.25) ** 2 - i.brow_slope * i.brow_half_width * 0.5 * along
    half = i.brow_thickness * (0.95 - 0.45 * smoothstep(along, -0.2, 1.0)) * smoothstep(along, -1.15, -0.7)
    band = np.exp(-0.5 * ((y - middle) / np.maximum(half * 0.75, 1e-3)) ** 2)
    ends = smoothstep(along, -1.12, -0.80) * smoothstep(along, 1.10, 0.60)
    return np.clip(band * ends * (0.88 + 0.16 * noise["brow_hairs"]), 0.0, 1.0)


def _paint_hair_and_background(
    identity: Identity, x: np.ndarray, y: np.ndarray, noise: dict[str, np.ndarray], face: np.ndarray
) -> np.ndarray:
    """Put scene, shoulders, neck and hair around the painted skin."""
    i = identity
    aside = np.abs(x - i.center_x)
    outline = head_outline(i, x, y) + 0.006 * noise["patches"]
    picture = i.background * (1 + 0.05 * noise["scene"])
    hair = i.hair * (1 + 0.22 * noise["strands"] + 0.35 * blob(x, y, (i.center_x + i.light_x, -0.10), (0.25, 0.10)))
    head = smoothstep(outline, 1.17, 1.12)
    picture = _over(picture, i.hair * 1.5, smoothstep(y - 0.20 * smoothstep(aside, 0.15, 0.9), 1.05, 1.08))
    throat = smoothstep(aside, 0.285, 0.27) * smoothstep(y, 0.75, 0.85)
    picture = _over(picture, i.skin * (0.42 + 0.3 * smoothstep(aside, 0.3, 0.0)) * i.ambient * 1.6, throat)
    picture = _over(picture, hair, head * smoothstep(y, 0.62 + 0.2 * i.fringe, 0.35))
    picture = _over(picture, face, smoothstep(outline, 1.01, 0.975))
    across = (x - i.center_x) / i.cheek_half_width
    edge = i.hairline_y + 0.05 * (across - i.parting) ** 2 + 0.010 * noise["strands"] + 0.006 * noise["brow_hairs"]
    edge = edge + (0.10 + 0.42 * i.fringe) * smoothstep(np.abs(across), 0.60, 1.0) ** 2
    return _over(picture, hair, head * smoothstep(y, edge + 0.03, edge - 0.03))


def _over(below: np.ndarray, above: np.ndarray | float, cover: np.ndarray) -> np.ndarray:
    """`above` painted over `below` where `cover` is 1."""
    return below + (above - below) * cover
