"""Landmarks and eyes by the face mesh: what is used where the models are installed.

The mesh's points lie near dlib's, not on them: 3 to 5 pixels of 128 on the average on photographs and drawn faces, most
at the brows (up to 9, mesh above dlib). The margins of the spotting features are 12 and 15 pixels.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from akm_jax.prepare.blazeface import FoundFace, find_faces
from akm_jax.prepare.face import Box, Eyes
from akm_jax.prepare.face_mesh import Mesh, find_mesh
from akm_jax.prepare.landmarks import LandmarkedFace, fit_box

# Points of the mesh in the order of dlib's 68. Those that the spotting features use (brows 17 19 21 22 24 26, nose 28,
# eyes, lips 50 57 60 64) were compared with dlib's before this package. All others are ours: of the points along the
# same line of the face, those nearest to dlib's on two photographs, the same on both sides.
MESH_OF_68 = (
    *(127, 234, 132, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 361, 454, 356),  # jaw
    *(70, 63, 105, 66, 107),  # left brow
    *(336, 296, 334, 293, 300),  # right brow
    *(168, 197, 5, 1),  # bridge of the nose
    *(75, 97, 2, 326, 305),  # nostrils
    *(33, 160, 158, 133, 153, 144),  # left eye
    *(362, 385, 387, 263, 373, 380),  # right eye
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer lips
    *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lips
)

DLIB_SIDE = 0.9  # side of dlib's box of a face in sides of the detector's: 0.88 to 0.91 on photographs, same centre


@dataclasses.dataclass(frozen=True)
class MeshLandmarks:
    """A `LandmarkSource`; its box is as large as dlib's, since published margins are in pixels of the crop of that."""

    name = "mesh"

    def __call__(self, frame: UInt8[np.ndarray, "H W *c"]) -> list[LandmarkedFace]:
        """All that may be faces, with landmarks.

        Raises:
            FileNotFoundError: the models are not installed.
        """
        return [
            LandmarkedFace(fit_box(_dlib_box(face.box), frame), mesh.points[list(MESH_OF_68)], mesh.certainty)
            for face, mesh in find_meshes(frame)
        ]


@dataclasses.dataclass(frozen=True)
class MeshEyes:
    """An `EyeDetector`: the eyes of the largest face that is certain, else of the surest."""

    min_certainty: float = 0.5

    def __call__(self, image: UInt8[np.ndarray, "H W"]) -> Eyes | None:
        """The eyes, None where there is nothing like a face.

        Raises:
            FileNotFoundError: the models are not installed.
        """
        return choose_eyes(find_meshes(image), self.min_certainty)


def choose_eyes(found: Sequence[tuple[FoundFace, Mesh]], min_certainty: float) -> Eyes | None:
    """The eyes of the largest face that is certain, else of the surest; None where there is no face."""
    sure = [(face.box.width * face.box.height, mesh) for face, mesh in found if mesh.certainty >= min_certainty]
    if sure:
        return max(sure, key=lambda each: each[0])[1].eyes
    return max((mesh.eyes for _, mesh in found), key=lambda eyes: eyes.certainty, default=None)


def find_meshes(image: UInt8[np.ndarray, "H W *c"]) -> list[tuple[FoundFace, Mesh]]:
    """Faces whose middle is in the picture, and their points.

    Raises:
        FileNotFoundError: the models are not installed.
    """
    height, width = image.shape[:2]
    found = find_faces(image)
    inside = [f for f in found if 0 <= f.box.x + f.box.width / 2 < width and 0 <= f.box.y + f.box.height / 2 < height]
    return [(face, find_mesh(image, face)) for face in inside]


def _dlib_box(box: Box) -> Box:
    width, height = DLIB_SIDE * box.width, DLIB_SIDE * box.height
    return Box(box.x + (box.width - width) / 2, box.y + (box.height - height) / 2, width, height)
