"""468 points on a face that a detector found, and how sure it is that a whole face is there.

The network sees 192 x 192 pixels: the face turned upright by the line of its eyes, in a square of 1.5 sides of its box.
It is asked twice, the second time with the square around its own first answer, which no longer depends on how well the
detector's box sits.

Its presence score is a logit. Measured on two photographs, small, dark, pale, tilted and with glasses: 24 to 46; drawn
faces 28 to 36; eyes behind dark glasses: below 20; half of a face covered: below 13; textures, animals and other
pictures: below 9. The certainty puts 20 at 0.5. docs/preparation.md has more.

Source: Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019. The second
question and the scale of the certainty are this package's.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from akm_jax.prepare.blazeface import FoundFace, to_network
from akm_jax.prepare.face import Box, Eyes, Point, warp_frame
from akm_jax.prepare.model_files import MESH, load_model

SIDE = 192  # pixels of the network's picture
AROUND = 1.5  # side of the square, in sides of the face's box
WHOLE_FACE = 40.0  # presence score that counts as full certainty
MAX_TURN_DEG = 45.0  # a head that is turned further has certainty 0: its points are 10 degrees off, or worse

# Corners of the eyes, left and right in the picture.
LEFT_EYE, RIGHT_EYE = (33, 133), (362, 263)


class Mesh(NamedTuple):
    """Points in pixels of the picture, (0, 0) the centre of the first pixel, and their certainty, 0..1."""

    points: Float[np.ndarray, "468 2"]
    certainty: float

    @property
    def eyes(self) -> Eyes:
        """The places midway between the corners of each eye, which neither blinks nor looks move."""
        return Eyes(_middle(self.points, LEFT_EYE), _middle(self.points, RIGHT_EYE), self.certainty)


def find_mesh(image: UInt8[np.ndarray, "H W *c"], face: FoundFace) -> Mesh:
    """The points of a face.

    Args:
        image: grey or BGR.
        face: from `blazeface.find_faces`; the certainty is no higher than its.

    Raises:
        FileNotFoundError: the model is not installed.
    """
    first, _ = _ask(image, face)
    points, presence = _ask(image, _face_of(first))
    certainty = min(face.certainty, max(presence / WHOLE_FACE, 0.0), 1.0)
    return Mesh(points, certainty if abs(math.degrees(_face_of(points).turn)) <= MAX_TURN_DEG else 0.0)


def _ask(image: np.ndarray, face: FoundFace) -> tuple[Float[np.ndarray, "468 2"], float]:
    """Points in the picture, and the presence score."""
    matrix = _upright(face)
    network = load_model(MESH)
    network.setInput(to_network(warp_frame(image, matrix, SIDE, SIDE)))
    outputs = {values.size: values for values in network.forward(network.getUnconnectedOutLayersNames())}
    points = outputs[3 * 468].reshape(468, 3)[:, :2].astype(float) - 0.5  # the third is depth
    back = cv2.invertAffineTransform(matrix)
    return points @ back[:, :2].T + back[:, 2], float(outputs[1].item())


def _upright(face: FoundFace) -> Float[np.ndarray, "2 3"]:
    """The similarity from the picture to the network's."""
    x, y, width, height = face.box
    scale = SIDE / (AROUND * max(width, height))
    cos, sin = scale * math.cos(face.turn), scale * math.sin(face.turn)
    centre = np.array([x + width / 2 - 0.5, y + height / 2 - 0.5])
    linear = np.array([[cos, sin], [-sin, cos]])
    return np.column_stack([linear, (SIDE - 1) / 2 - linear @ centre])


def _face_of(points: Float[np.ndarray, "468 2"]) -> FoundFace:
    """The face as a detector would give it: a square around the points, upright in the head's own axes."""
    left, right = _middle(points, LEFT_EYE), _middle(points, RIGHT_EYE)
    face = FoundFace(Box(0.0, 0.0, 1.0, 1.0), left, right, 1.0)
    cos, sin = math.cos(face.turn), math.sin(face.turn)
    turn = np.array([[cos, sin], [-sin, cos]])
    along = points @ turn.T
    low, high = along.min(axis=0), along.max(axis=0)
    (x, y), side = (low + high) / 2 @ turn, float((high - low).max())
    return face._replace(box=Box(float(x) + 0.5 - side / 2, float(y) + 0.5 - side / 2, side, side))


def _middle(points: Float[np.ndarray, "468 2"], corners: tuple[int, int]) -> Point:
    x, y = points[list(corners)].mean(axis=0)
    return float(x), float(y)
