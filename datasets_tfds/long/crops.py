"""Face crops: exactly the box, no margin, 128 x 128 by bilinear interpolation without antialiasing; as files in memory.

`jpeg` stores a crop as the released program of SOFTNet does: in colour, quality 95, read back as grey. `png` stores the
grey crop without loss.

Source: genbing99/SoftNet-SpotME. Deviation: a box that reaches out of the picture is cut at its border.
"""

from pathlib import Path

import cv2
import numpy as np

from akm_jax.data.long_videos import CROP_SIZE
from akm_jax.data.pictures import decode_rgb
from akm_jax.prepare.face import Box
from datasets_tfds.long.faces import Face

ENCODINGS = ("jpeg", "png")
_LEAST = 16  # pixels; less is no face


def read_picture(path: Path) -> np.ndarray:
    """Decode a picture to uint8 (H, W, 3), blue, green, red.

    Raises:
        ValueError: it is broken.
    """
    try:
        return decode_rgb(path.read_bytes())[..., ::-1]  # OpenCV would take a truncated file for a whole one
    except Exception as error:  # broken files make Pillow raise many types
        raise ValueError(f"{path.name}: cannot be read ({error})") from error


def fit_face(face: Face, shape: tuple[int, ...]) -> Face:
    """The face with its box cut at the border of a picture of this shape (H, W, ...).

    Raises:
        ValueError: hardly anything of the box is left.
    """
    left, top, width, height = map(int, face.box)
    right, bottom = min(left + width, shape[1]), min(top + height, shape[0])
    left, top = max(left, 0), max(top, 0)
    if min(right - left, bottom - top) < _LEAST:
        raise ValueError(f"{face.box} of the face in a picture of {shape[1]} x {shape[0]}")
    return Face(Box(left, top, right - left, bottom - top), face.landmarks)


def crop_face(picture: np.ndarray, face: Face) -> np.ndarray:
    """The box of a picture (H, W, 3) as uint8 (128, 128, 3)."""
    left, top, width, height = map(int, face.box)
    box = np.ascontiguousarray(picture[top : top + height, left : left + width])
    return cv2.resize(box, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_LINEAR)


def crop_landmarks(face: Face) -> np.ndarray:
    """The landmarks in pixels of the crop, float32 (68, 2)."""
    left, top, width, height = face.box
    scale = np.array([CROP_SIZE / width, CROP_SIZE / height])
    return ((face.landmarks - (left, top) + 0.5) * scale - 0.5).astype(np.float32)


def encode_crop(crop: np.ndarray, encoding: str) -> bytes:
    """A crop (128, 128, 3) as the bytes of a picture file."""
    if encoding == "jpeg":
        return cv2.imencode(".jpg", crop)[1].tobytes()
    return cv2.imencode(".png", cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY))[1].tobytes()


def decode_crop(data: bytes) -> np.ndarray:
    """A stored crop, grey uint8 (128, 128).

    Raises:
        ValueError: it is no picture of this size.
    """
    crop = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if crop is None or crop.shape != (CROP_SIZE, CROP_SIZE):
        raise ValueError(f"a crop of shape {None if crop is None else crop.shape}, expected 128 x 128 pixels")
    return crop
