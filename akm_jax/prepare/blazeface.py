"""Faces of a picture: box, eyes and certainty, by the BlazeFace detector for short range.

The network sees 128 x 128 pixels. It answers 896 times: at each of 16 x 16 places twice and of 8 x 8 places six times,
with a score and, as offsets from the place, a box and six points (eyes, nose, mouth, ears). Answers that overlap are
merged into one, weighted by their scores. The first look takes in the whole picture, black beside it where it is not
square. What may be a face there is looked at again from near by, which says how sure it is. Where no face is sure, the
first look is repeated in smaller squares: so faces of a tenth of the picture's shorter side are found.

Coordinates are pixels of the picture as in `akm_jax.prepare.face`: (0, 0) is the centre of the first pixel, and a box
counts from the outer edge of its first pixel.

Source: Bazarevsky et al., "BlazeFace", 2019. Looking more than once is this package's.
"""

import functools
import math
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from akm_jax.prepare.face import Box, Point
from akm_jax.prepare.model_files import DETECTOR, load_model

SIDE = 128  # pixels of the network's picture
PLACES = ((16, 2), (8, 6))  # places a side, and answers at each
CANDIDATE = 0.2  # answers of the first look below this certainty are no faces at all
MOST_CANDIDATES = 8  # that are looked at again
NEAR = 2.0  # side of the look from near by, in sides of the box
SMALLEST = 32  # pixels of the side of the smallest square that is looked at
SURE = 0.75  # where no face is as certain as this, smaller squares are searched
SAME_FACE = 0.3  # answers that overlap by more are one face


class FoundFace(NamedTuple):
    """A face that a detector found; left is left in the picture, certainty is 0..1."""

    box: Box
    left_eye: Point
    right_eye: Point
    certainty: float

    @property
    def turn(self) -> float:
        """How far the line of the eyes is turned, in radians, positive where the right eye is lower."""
        return math.atan2(self.right_eye[1] - self.left_eye[1], self.right_eye[0] - self.left_eye[0])


def find_faces(image: UInt8[np.ndarray, "H W *c"]) -> list[FoundFace]:
    """All that may be faces in a grey or BGR picture, the surest first: real faces are above 0.5, most others below.

    Raises:
        FileNotFoundError: the model is not installed.
    """
    height, width = image.shape[:2]
    side = max(height, width)
    faces = _search(image, [((width - side) // 2, (height - side) // 2, side)])
    if faces and faces[0].certainty >= SURE:
        return faces
    return _different(faces + _search(image, _small_squares(height, width)))


def overlap(a: Box, b: Box) -> float:
    """Shared over joint area of two boxes."""
    shared_width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    shared_height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(shared_width, 0.0) * max(shared_height, 0.0)
    return shared / (a.width * a.height + b.width * b.height - shared)


def to_network(image: UInt8[np.ndarray, "H W *c"]) -> Float[np.ndarray, "1 3 H W"]:
    """A grey or BGR picture as networks take it: RGB, 0..1, channels first."""
    rgb = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB)
    return np.ascontiguousarray(rgb.astype(np.float32).transpose(2, 0, 1)[None] / 255)


def _search(image: np.ndarray, squares: list[tuple[int, int, int]]) -> list[FoundFace]:
    """Look at squares (x, y, side), and twice from near by at what may be a face: the first time sets the box right."""
    candidates = _different([face for square in squares for face in _look(image, *square)])[:MOST_CANDIDATES]
    for _ in range(2):
        candidates = _different([face for each in candidates for face in _look_near(image, each.box)])
    return candidates


def _small_squares(height: int, width: int) -> list[tuple[int, int, int]]:
    """Squares of the shorter side and of half of it, which overlap by half or more."""
    squares = []
    shorter = min(height, width)
    for side in (side for side in (shorter, shorter // 2) if side >= SMALLEST):
        xs, ys = (np.linspace(0, n - side, math.ceil(2 * (n - side) / side) + 1) for n in (width, height))
        squares += [(round(x), round(y), side) for y in ys for x in xs]
    return squares


def _different(faces: list[FoundFace]) -> list[FoundFace]:
    """The surest first, without those that overlap a surer one."""
    kept: list[FoundFace] = []
    for face in sorted(faces, key=lambda face: -face.certainty):
        if all(overlap(face.box, other.box) <= SAME_FACE for other in kept):
            kept.append(face)
    return kept


def _look_near(image: np.ndarray, box: Box) -> list[FoundFace]:
    """The surest face near a box."""
    side = max(8, round(NEAR * max(box.width, box.height)))
    x, y = round(box.x + (box.width - side) / 2), round(box.y + (box.height - side) / 2)
    return _look(image, x, y, side)[:1]


def _look(image: np.ndarray, x: int, y: int, side: int) -> list[FoundFace]:
    """Faces in a square of the picture, the surest first; what lies beyond the picture is black."""
    network = load_model(DETECTOR)
    network.setInput(2 * to_network(_cut(image, x, y, side)) - 1)
    outputs = {values.shape[-1]: values for values in network.forward(network.getUnconnectedOutLayersNames())}
    scores = 1 / (1 + np.exp(-np.clip(outputs[1].reshape(-1), -80.0, 80.0)))
    answers = outputs[16].reshape(-1, 8, 2) / SIDE
    answers[:, 0] += _anchors()
    answers[:, 2:] += _anchors()[:, None]
    likely = (scores >= CANDIDATE) & (answers[:, 1] > 0).all(axis=1)
    found = zip(answers[likely], scores[likely], strict=True)
    return _merge([_to_face(points * side + (x, y), points[1] * side, score) for points, score in found])


def _cut(image: np.ndarray, x: int, y: int, side: int) -> np.ndarray:
    """A square of the picture at the network's size."""
    height, width = image.shape[:2]
    part = image[max(y, 0) : max(y + side, 0), max(x, 0) : max(x + side, 0)]
    if part.size == 0:
        return np.zeros((SIDE, SIDE), np.uint8)
    above, below, left, right = (max(beyond, 0) for beyond in (-y, y + side - height, -x, x + side - width))
    whole = cv2.copyMakeBorder(part, above, below, left, right, cv2.BORDER_CONSTANT)
    return cv2.resize(whole, (SIDE, SIDE), interpolation=cv2.INTER_AREA if side > SIDE else cv2.INTER_LINEAR)


@functools.cache
def _anchors() -> Float[np.ndarray, "896 2"]:
    """Places that the answers are offsets from, as shares of the side."""
    places = []
    for side, answers in PLACES:
        y, x = np.mgrid[:side, :side]
        centres = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / side
        places.append(np.repeat(centres, answers, axis=0))
    return np.concatenate(places)


def _to_face(points: Float[np.ndarray, "8 2"], size: Float[np.ndarray, "2"], score: float) -> FoundFace:
    """An answer in outer coordinates of the picture: its centre, its size again, and its six points."""
    (x, y), (width, height) = points[0] - size / 2, size
    eyes = sorted((float(a) - 0.5, float(b) - 0.5) for a, b in points[2:4])
    return FoundFace(Box(float(x), float(y), float(width), float(height)), eyes[0], eyes[1], float(score))


def _merge(faces: list[FoundFace]) -> list[FoundFace]:
    """One answer a face: the mean of those that overlap the surest, weighted by certainty; as sure as that one."""
    left, merged = sorted(faces, key=lambda face: -face.certainty), []
    while left:
        same = [face for face in left if overlap(face.box, left[0].box) > SAME_FACE]
        merged.append(_mean(same))
        left = [face for face in left if face not in same]
    return merged


def _mean(faces: list[FoundFace]) -> FoundFace:
    values = [(*face.box, *face.left_eye, *face.right_eye) for face in faces]
    x, y, width, height, *eyes = np.average(values, axis=0, weights=[face.certainty for face in faces]).tolist()
    return FoundFace(Box(x, y, width, height), (eyes[0], eyes[1]), (eyes[2], eyes[3]), faces[0].certainty)
