"""Where the face of a long video is: a box and 68 landmarks on its first frame, once a video.

What is known beforehand comes first: `landmarks.csv` in the user's folder, or else the `truth.json` of drawn faces. The
other videos' faces are found by a `FaceFinder`; `FIND_FACE` is the one that builders use unless they are given another.
"""

import dataclasses
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from akm_jax.data.long_videos import NUM_LANDMARKS
from akm_jax.prepare.face import Box
from akm_jax.prepare.given_landmarks import BOX_COLUMNS, LandmarkTable
from akm_jax.prepare.mesh_landmarks import MeshLandmarks

FACE_TABLE = "landmarks.csv"
TRUTH = "truth.json"
_REMEDY = f"give its box and landmarks in {FACE_TABLE}, columns video, {', '.join(BOX_COLUMNS)}, x0, y0 .. x67, y67"


class Face(NamedTuple):
    """A face in a picture; pixels, (0, 0) is the centre of the first one.

    Attributes:
        box: whole pixels.
        landmarks: (68, 2), x and y, in dlib's order.
    """

    box: Box
    landmarks: np.ndarray


class FaceFinder(Protocol):
    """Finds the face; its `repr` must name every setting: a set made with another one is made anew."""

    def __call__(self, picture: np.ndarray) -> Face:
        """The face in the first frame of a video, uint8 (H, W, 3), blue, green, red.

        Raises:
            ValueError: there is none.
        """


@dataclasses.dataclass(frozen=True)
class MeshFinder:
    """The largest certain face, by the face mesh, for videos of which nothing is known."""

    min_certainty: float = 0.5

    def __call__(self, picture: np.ndarray) -> Face:
        """The face in the first frame of a video, uint8 (H, W, 3).

        Raises:
            ValueError: none is certain.
            FileNotFoundError: the models are not installed.
        """
        found = MeshLandmarks()(picture)
        sure = [face for face in found if face.certainty >= self.min_certainty]
        if not sure:
            surest = max((face.certainty for face in found), default=0.0)
            raise ValueError(
                f"no face is certain in its first frame ({surest:.2f}, expected {self.min_certainty:g}) -> {_REMEDY}"
            )
        face = max(sure, key=lambda one: one.box.width * one.box.height)
        return Face(face.box, face.points)


FIND_FACE: FaceFinder = MeshFinder()


def face_files(manual_dir: Path) -> tuple[Path, ...]:
    """Files that say where faces are."""
    return tuple(path for path in (manual_dir / FACE_TABLE, manual_dir / TRUTH) if path.is_file())


def read_faces(manual_dir: Path, video_ids: Collection[str]) -> dict[str, Face]:
    """Faces that the user's folder tells of, by video id.

    Raises:
        ValueError: a file is misformed, or the table names an unknown video, or frames beside the first.
    """
    faces: dict[str, Face] = {}
    for path in reversed(face_files(manual_dir)):
        faces |= _read_table(path, video_ids) if path.name == FACE_TABLE else _read_truth(path)
    return faces


def _read_truth(path: Path) -> dict[str, Face]:
    try:
        videos = json.loads(path.read_text(encoding="utf-8"))["videos"]
        return {video["video"]: _face(video["box"], video["landmarks"]) for video in videos}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: not the truth about drawn videos ({error!r}); draw them again, or move it"
        ) from error


def _read_table(path: Path, video_ids: Collection[str]) -> dict[str, Face]:
    faces, table = {}, LandmarkTable.read(path)
    for video in table.videos:
        if video not in video_ids:
            raise ValueError(f"{path}: video '{video}' is no video of the set; repair its name, or delete the row")
        faces[video] = _face(*table.first_frame(video))
    return faces


def _face(box: Sequence[float], landmarks: Any) -> Face:
    points = np.asarray(landmarks, np.float32)
    if len(box) != 4 or points.shape != (NUM_LANDMARKS, 2) or not np.isfinite(points).all():
        raise ValueError(f"a box of {len(box)} numbers and landmarks of shape {points.shape}, expected 4 and (68, 2)")
    return Face(Box(*(round(value) for value in box)), points)
