"""Frames read, and face crops as files in memory; boxes that fit their pictures.

`jpeg` stores a crop as the released program of SOFTNet does: in colour, quality 95, read back as grey. `png` stores the
grey crop without loss.

Source: genbing99/SoftNet-SpotME. Deviation: a box that reaches out of the picture is cut at its border.
"""

from pathlib import Path

import cv2
import numpy as np

from akm_jax.data.long_videos import CROP_SIZE
from akm_jax.data.pictures import decode_rgb
from akm_jax.prepare.landmarks import fit_box
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


def fit_face(face: Face, picture: np.ndarray) -> Face:
    """The face with its box cut at the border of a picture (H, W, 3).

    Raises:
        ValueError: hardly anything of the box is left.
    """
    box = fit_box(face.box, picture)
    if min(box.width, box.height) < _LEAST:
        raise ValueError(
            f"of the face box {tuple(face.box)}, {box.width} x {box.height} pixels are in the picture of "
            f"{picture.shape[1]} x {picture.shape[0]}; expected {_LEAST} or more"
        )
    return Face(box, face.landmarks)


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
