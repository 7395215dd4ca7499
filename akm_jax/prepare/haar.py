"""Eye detection with OpenCV's Haar cascades, made exact by a search for the irises.

1. The frontal-face cascade answers on the picture turned by several angles; the clearest face in whose box the eye
   cascade finds two eyes counts. This alone is off by about 6 % of the distance between the eyes.
2. In a picture turned upright and scaled by these eyes, the irises are found as discs darker than what lies to their
   left and right. Brows, lashes and lid folds are dark too, but go on sideways. The irises' contrast says whether the
   eyes are open.

This is for machines without the models of `mesh_landmarks`, which finds eyes more reliably in photographs.

Source: Viola & Jones, "Rapid object detection using a boosted cascade of simple features", CVPR 2001 (OpenCV's trained
cascades). The iris is 0.19 eye distances wide in adults: 11.7 mm at 63 mm between the pupils.
"""

import dataclasses
import functools

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from akm_jax.prepare.face import Box, Eyes, Point, eyes_transform, move_eyes, warp_frame

TURNS_DEG = (-20, -10, 0, 10, 20)
SEARCH_SIDE = 480  # pixels of the longer side in the search for the face
FACE_SIDE = 200  # pixels of a face box in the search for its eyes

# The upright picture of the iris search, in pixels.
EYE_DISTANCE, CLOSE_WIDTH, CLOSE_HEIGHT = 64, 160, 112
CLOSE_EYES = Eyes((48.0, 56.0), (112.0, 56.0))
REACH, LIKELY = 10, 6.0  # how far to search, and standard deviation of what is likely
OPEN_CONTRAST = 0.38  # contrast of an iris from which on the eye is taken for open: a certainty of 0.5
DISC, SIDE, SIDE_WIDTH, SIDE_HEIGHT = 3.0, 8.0, 3.5, 5.0  # radius of the disc; place and half axes of its neighbours


@dataclasses.dataclass(frozen=True)
class HaarEyes:
    """An `EyeDetector`; certainty follows the fainter iris's contrast: 0.59 to 0.92 in open eyes, below 0.5 in shut.

    Attributes:
        min_face: smallest face, as a share of the picture's shorter side.
    """

    min_face: float = 0.12

    def __call__(self, image: UInt8[np.ndarray, "H W"]) -> Eyes | None:
        """The eyes of the clearest face."""
        scale = min(1.0, SEARCH_SIDE / max(image.shape))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
        eyes = self._search(small)
        if eyes is None:
            return None
        enlarge = np.array([[1 / scale, 0, (1 / scale - 1) / 2], [0, 1 / scale, (1 / scale - 1) / 2]])
        rough = find_irises(image, move_eyes(eyes, enlarge))
        return find_irises(image, rough)  # again, now in a picture that is upright and to scale

    def _search(self, image: UInt8[np.ndarray, "H W"]) -> Eyes | None:
        """Rough places of the eyes, from the turn at which the face is clearest."""
        best, clearest = None, -np.inf
        height, width = image.shape
        for turn in TURNS_DEG:
            matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1.0)
            turned = warp_frame(image, matrix, width, height)
            for box, clearness in _detect(_face_cascade(), turned, smallest=self.min_face * min(image.shape)):
                eyes = _eyes_in(turned, box) if clearness > clearest else None
                if eyes is not None:
                    best, clearest = move_eyes(eyes, cv2.invertAffineTransform(matrix)), clearness
        return best


def _detect(
    cascade: cv2.CascadeClassifier, image: np.ndarray, *, smallest: float, step: float = 1.1
) -> list[tuple[Box, float]]:
    """Boxes of a cascade and how clear each is."""
    size = (int(smallest),) * 2
    boxes, _, clearness = cascade.detectMultiScale3(image, step, 2, minSize=size, outputRejectLevels=True)
    return [(Box(*map(float, box)), float(c)) for box, c in zip(boxes, np.ravel(clearness), strict=True)]


def _eyes_in(image: np.ndarray, face: Box) -> Eyes | None:
    """The clearest eye in each half of a face box's eye region."""
    side = FACE_SIDE - 1
    matrix = eyes_transform(Eyes((face.x, face.y), (face.x + face.width - 1, face.y)), Eyes((0, 0), (side, 0)))
    close, centres = warp_frame(image, matrix, FACE_SIDE, FACE_SIDE), []
    top, bottom = round(0.2 * FACE_SIDE), round(0.55 * FACE_SIDE)
    for start, end in ((0.1, 0.5), (0.5, 0.9)):
        first, last = round(start * FACE_SIDE), round(end * FACE_SIDE)
        found = _detect(_eye_cascade(), close[top:bottom, first:last], smallest=0.12 * side, step=1.05)
        if not found:
            return None
        box = max(found, key=lambda each: each[1])[0]
        centres.append((first + box.x + (box.width - 1) / 2, top + box.y + (box.height - 1) / 2))
    return move_eyes(Eyes(centres[0], centres[1]), cv2.invertAffineTransform(matrix))


def find_irises(image: UInt8[np.ndarray, "H W"], rough: Eyes) -> Eyes:
    """Centres of the irises near the eyes' rough places; certainty follows the contrast of the weaker iris, 0..1."""
    matrix = eyes_transform(rough, CLOSE_EYES)
    contrast = _disc_contrast(warp_frame(image, matrix, CLOSE_WIDTH, CLOSE_HEIGHT))
    (left, left_contrast), (right, right_contrast) = (_strongest_near(contrast, eye) for eye in CLOSE_EYES[:2])
    certainty = float(np.clip(0.5 * min(left_contrast, right_contrast) / OPEN_CONTRAST, 0.0, 1.0))
    return move_eyes(Eyes(left, right, certainty), cv2.invertAffineTransform(matrix))


def _disc_contrast(image: UInt8[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """How much darker a disc at each pixel is than both of its neighbours, relative to the darker of the two."""
    disc, left, right = (
        cv2.filter2D(image.astype(np.float32), cv2.CV_32F, mask, borderType=cv2.BORDER_REPLICATE)
        for mask in _disc_masks()
    )
    beside = np.minimum(left, right)
    return (beside - disc) / np.maximum(beside, 1.0)


@functools.cache
def _disc_masks() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of the disc and of its left and right neighbours, each of sum 1."""
    y, x = np.mgrid[-16:17, -16:17]
    radii = (np.hypot(x, y) / DISC, *(np.hypot((x - s * SIDE) / SIDE_WIDTH, y / SIDE_HEIGHT) for s in (-1, 1)))
    disc, left, right = (np.clip(4 * (1 - radius) + 0.5, 0.0, 1.0) for radius in radii)
    return disc / disc.sum(), left / left.sum(), right / right.sum()


def _strongest_near(contrast: Float[np.ndarray, "h w"], place: Point) -> tuple[Point, float]:
    """Centre of the strongest disc around `place` to a fraction of a pixel, and its contrast."""
    column, row = round(place[0]), round(place[1])
    window = contrast[row - REACH : row + REACH + 1, column - REACH : column + REACH + 1]
    y, x = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]
    likely = window * np.exp(-0.5 * (x**2 + y**2) / LIKELY**2)
    peak_y, peak_x = np.unravel_index(np.argmax(likely), likely.shape)
    peak = float(window[peak_y, peak_x])
    around = (abs(x - x[peak_y, peak_x]) <= 2) & (abs(y - y[peak_y, peak_x]) <= 2)
    weight = np.where(around, np.maximum(window - 0.7 * peak, 0), 0) + 1e-9 * around
    centre = (float((x * weight).sum() / weight.sum()), float((y * weight).sum() / weight.sum()))
    return (column + centre[0], row + centre[1]), peak


@functools.cache
def _face_cascade() -> cv2.CascadeClassifier:
    return _load_cascade("haarcascade_frontalface_default.xml")


@functools.cache
def _eye_cascade() -> cv2.CascadeClassifier:
    return _load_cascade("haarcascade_eye.xml")


def _load_cascade(name: str) -> cv2.CascadeClassifier:
    folder = getattr(getattr(cv2, "data", None), "haarcascades", None)
    cascade = cv2.CascadeClassifier(f"{folder}{name}") if folder else None
    if cascade is None or cascade.empty():
        raise FileNotFoundError(f"this OpenCV has no {name}; install opencv-contrib-python-headless>=4.10,<5")
    return cascade
