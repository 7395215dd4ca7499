"""Face crop and alignment: one similarity transform for a whole clip, which puts the eyes where the config says.

The transform (turn, scale, shift) is found once, on the first usable frame, and is the same for all frames, so that it
adds no motion of its own. Coordinates are pixels, x to the right and y down, with (0, 0) the centre of the first
pixel; "left" is left in the picture.

The published pipeline does not say how faces were cropped; the margins here are this package's.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from jaxtyping import Float, Shaped, UInt8

Point = tuple[float, float]


class Eyes(NamedTuple):
    """Centres of both eyes, and how sure the detector is of them, 0..1: 0.5 and above is to be relied on."""

    left: Point
    right: Point
    certainty: float = 1.0


class Box(NamedTuple):
    """A face box: its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float


class EyeDetector(Protocol):
    """Finds the eyes of the largest or clearest face."""

    def __call__(self, image: UInt8[np.ndarray, "H W"]) -> Eyes | None:
        """The eyes of a face in a grey picture, None where there is no face."""


@dataclasses.dataclass(frozen=True)
class AlignConfig:
    """The aligned picture.

    With the default, the eyes are 0.4 widths apart and 0.3 widths are left beside each. A square picture has 0.37 above
    the eyes, which shows the forehead to the hairline, and 0.63 below them, down to the chin.

    Attributes:
        width, height: size of the aligned frames in pixels.
        eye_x: distance of each eye from the side of the picture, as a share of the width, below 0.5.
        eye_y: distance of the eyes from the upper side, as a share of the height.
        min_certainty: a frame is usable when the detector is at least this sure; a clip without one is refused.
        max_tries: most frames to look at, spread evenly over the clip, from the first.
    """

    width: int = 256
    height: int = 256
    eye_x: float = 0.30
    eye_y: float = 0.37
    min_certainty: float = 0.5
    max_tries: int = 24

    def __post_init__(self):
        if self.width < 8 or self.height < 8:
            raise ValueError(f"aligned frames need at least 8 x 8 pixels, got {self.width} x {self.height}")
        if not (0 <= self.eye_x < 0.5 and 0 <= self.eye_y <= 1):
            raise ValueError(f"eye_x must be in [0, 0.5) and eye_y in [0, 1], got {self.eye_x} and {self.eye_y}")
        if not 0 <= self.min_certainty <= 1:
            raise ValueError(f"min_certainty must be in [0, 1], got {self.min_certainty}")
        if self.max_tries < 1:
            raise ValueError(f"max_tries must be at least 1, got {self.max_tries}")

    @property
    def target(self) -> Eyes:
        """Where the eyes of the aligned picture are."""
        y = self.eye_y * self.height - 0.5
        return Eyes((self.eye_x * self.width - 0.5, y), ((1 - self.eye_x) * self.width - 0.5, y))


def align_clip(
    frames: Sequence[UInt8[np.ndarray, "H W *c"]],
    detector: EyeDetector,
    *,
    config: AlignConfig = AlignConfig(),
    names: Sequence[object] | None = None,
    face: Eyes | Box | None = None,
) -> UInt8[np.ndarray, "T h w *c"]:
    """Crop and align the face of a clip.

    Args:
        frames: uint8, grey or BGR, all of one size.
        detector: finds the eyes: `mesh_landmarks.MeshEyes()`, or `haar.HaarEyes()` where its models are not installed.
        config: size of the result and place of the eyes.
        names: paths of the frames, for messages.
        face: eyes or box known beforehand, in place of detection.

    Raises:
        ValueError: an empty clip, frames of wrong or differing shapes, or no face in the clip that the detector is sure
            of; the frame where it is surest is named.
    """
    names = [f"frame {i} (0-based)" for i in range(len(frames))] if names is None else names
    _check_frames(frames, names)
    face = find_eyes(frames, detector, config=config, names=names) if face is None else face
    matrix = eyes_transform(face, config.target) if isinstance(face, Eyes) else box_transform(face, config)
    return np.stack([warp_frame(frame, matrix, config.width, config.height) for frame in frames])


def _check_frames(frames: Sequence[np.ndarray], names: Sequence[object]) -> None:
    if len(frames) == 0:
        raise ValueError("frames is an empty clip: a clip needs at least 1 frame")
    if len(names) != len(frames):
        raise ValueError(f"names must have one entry a frame, got {len(names)} for {len(frames)} frames")
    for frame, name in zip(frames, names, strict=True):
        grey_or_bgr = frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] == 3)
        if frame.dtype != np.uint8 or not grey_or_bgr or 0 in frame.shape:
            raise ValueError(
                f"{name}: a frame must be uint8 of shape (H, W) or (H, W, 3), got {frame.dtype} {frame.shape}"
            )
        if frame.shape != frames[0].shape:
            raise ValueError(f"{name} has shape {frame.shape}, but {names[0]} has {frames[0].shape}")


def find_eyes(
    frames: Sequence[UInt8[np.ndarray, "H W *c"]],
    detector: EyeDetector,
    *,
    config: AlignConfig = AlignConfig(),
    names: Sequence[object],
) -> Eyes:
    """Eyes on the first frame where the detector is sure of them.

    Raises:
        ValueError: it is sure of no frame that was looked at: nothing is cropped on a guess.
    """
    best, best_name = None, None
    tried = list(dict.fromkeys(np.linspace(0, len(frames) - 1, config.max_tries).astype(int).tolist()))
    for i in tried:
        eyes = detector(to_grey(frames[i]))
        if eyes is not None and eyes.certainty >= config.min_certainty:
            return eyes
        if eyes is not None and (best is None or eyes.certainty > best.certainty):
            best, best_name = eyes, names[i]
    remedy = "give the clip's eyes or face box"
    if best is None:
        more = f", nor in {len(tried) - 1} more frames up to {names[tried[-1]]}" if len(tried) > 1 else ""
        raise ValueError(f"{names[0]}: no face with two eyes found{more}; {remedy}")
    raise ValueError(
        f"{best_name}: the surest face of {len(tried)} frames looked at has a certainty of {best.certainty:.2f}, less "
        f"than {config.min_certainty:g}; {remedy}"
    )


def to_grey(frame: UInt8[np.ndarray, "H W *c"]) -> UInt8[np.ndarray, "H W"]:
    """Grey picture of a grey or BGR one."""
    return frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)


def eyes_transform(eyes: Eyes, target: Eyes) -> Float[np.ndarray, "2 3"]:
    """The similarity that takes `eyes` to `target`, in OpenCV's form.

    Raises:
        ValueError: both eyes in one place.
    """
    if math.dist(eyes.left, eyes.right) < 1:
        raise ValueError(f"the eyes must be at least 1 pixel apart, got {eyes.left} and {eyes.right}")
    # Points as complex numbers: a similarity is z -> turn * z + shift.
    (left, right), (to_left, to_right) = ([complex(*p) for p in (e.left, e.right)] for e in (eyes, target))
    turn = (to_right - to_left) / (right - left)
    shift = to_left - turn * left
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def box_transform(box: Box, config: AlignConfig) -> Float[np.ndarray, "2 3"]:
    """The upright similarity that shows the whole box in the middle of the picture, as large as fits."""
    scale = min(config.width / box.width, config.height / box.height)
    shift_x = (config.width - 1) / 2 - scale * (box.x + (box.width - 1) / 2)
    shift_y = (config.height - 1) / 2 - scale * (box.y + (box.height - 1) / 2)
    return np.array([[scale, 0, shift_x], [0, scale, shift_y]])


def move_eyes(eyes: Eyes, matrix: Float[np.ndarray, "2 3"]) -> Eyes:
    """Where the eyes are after a transform."""
    (left_x, left_y), (right_x, right_y) = np.array([eyes.left, eyes.right]) @ matrix[:, :2].T + matrix[:, 2]
    return Eyes((float(left_x), float(left_y)), (float(right_x), float(right_y)), eyes.certainty)


def warp_frame(
    frame: Shaped[np.ndarray, "H W *c"], matrix: Float[np.ndarray, "2 3"], width: int, height: int
) -> Shaped[np.ndarray, "h w *c"]:
    """Draw a frame through a similarity; beyond its border it is continued by its last pixels.

    Where the picture shrinks, it is drawn at a multiple of the size without shrinking and averaged down, since
    interpolation alone would alias and turn small motion into flicker.
    """
    finer = max(1, math.ceil(1 / math.hypot(*matrix[:, 0])))
    enlarge = np.array([[finer, 0, (finer - 1) / 2], [0, finer, (finer - 1) / 2], [0, 0, 1]])
    matrix = (enlarge @ np.vstack([matrix, [0, 0, 1]]))[:2]
    size = (finer * width, finer * height)
    drawn = cv2.warpAffine(frame, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA) if finer > 1 else drawn
