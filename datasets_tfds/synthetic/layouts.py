"""Where a data set keeps its clips on disk: folder and file names, subjects, classes, lengths.

Drawing knows nothing of this, and this draws nothing. The layouts follow the folders that users hold after unzipping.
"""

import dataclasses
import pathlib
from collections.abc import Mapping

_SMIC_FILES = {"cropped": ("SMIC_all_cropped", "reg_image"), "raw": ("SMIC_all_raw", "image")}


@dataclasses.dataclass(frozen=True)
class Camera:
    """One camera of a set: frames per second, and which of the drawn frames it takes (every `step`-th)."""

    fps: float
    step: int


@dataclasses.dataclass(frozen=True)
class Layout:
    """A data set's names and sizes.

    Attributes:
        class_emotions: for each class the emotions (`expressions.EMOTIONS`) that it is drawn from.
        class_codes: the class's short form in clip names.
        cameras: the cameras the set was filmed with; the first one's frame rate is the drawn one.
        min_frames, max_frames: clip length at the first camera's frame rate.
        subjects: the set's subject numbers; corpora with more subjects go on counting after the last.
        clips_per_subject: published number of clips of each subject.
        clips_per_class: published number of clips of each class.
    """

    name: str
    class_emotions: Mapping[str, tuple[str, ...]]
    class_codes: Mapping[str, str]
    cameras: Mapping[str, Camera]
    min_frames: int
    max_frames: int
    subjects: tuple[int, ...]
    clips_per_subject: tuple[int, ...]
    clips_per_class: Mapping[str, int]

    def subject_numbers(self, count: int) -> tuple[int, ...]:
        """The first `count` subject numbers."""
        more = range(self.subjects[-1] + 1, self.subjects[-1] + 1 + max(0, count - len(self.subjects)))
        return (self.subjects + tuple(more))[:count]


SMIC = Layout(
    name="smic",
    class_emotions={
        "negative": ("disgust", "disgust", "sadness", "sadness", "fear"),
        "positive": ("happiness",),
        "surprise": ("surprise",),
    },
    class_codes={"negative": "ne", "positive": "po", "surprise": "sur"},
    cameras={"HS": Camera(100.0, 1), "VIS": Camera(25.0, 4), "NIR": Camera(25.0, 4)},
    min_frames=11,
    max_frames=58,
    subjects=(1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 13, 14, 15, 18, 19, 20),
    clips_per_subject=(6, 6, 39, 19, 2, 4, 13, 4, 7, 9, 10, 10, 4, 7, 2, 22),
    clips_per_class={"negative": 70, "positive": 51, "surprise": 43},
)


def smic_top(variant: str) -> str:
    """Name of the top folder of SMIC's `cropped` or `raw` pictures."""
    return _SMIC_FILES[variant][0]


def smic_clip_folder(variant: str, camera: str, subject: int, label: str, number: int) -> pathlib.PurePosixPath:
    """Folder of one clip, from the top folder on: `SMIC_all_cropped/HS/s1/micro/negative/s1_ne_01`."""
    name = f"s{subject}_{SMIC.class_codes[label]}_{number:02d}"
    return pathlib.PurePosixPath(smic_top(variant), camera, f"s{subject}", "micro", label, name)


def smic_non_micro_folder(camera: str, subject: int, number: int) -> pathlib.PurePosixPath:
    """Folder of one raw clip without expression: `SMIC_all_raw/HS/s1/non_micro/s1_non_01`."""
    return pathlib.PurePosixPath(smic_top("raw"), camera, f"s{subject}", "non_micro", f"s{subject}_non_{number:02d}")


def smic_frame_name(variant: str, frame_number: int, digits: int) -> str:
    """File name of one frame: `reg_image012345.bmp` or `image012345.bmp`."""
    return f"{_SMIC_FILES[variant][1]}{frame_number:0{digits}d}.bmp"
