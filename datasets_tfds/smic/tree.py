"""SMIC's folders: where they lie, what their names say, and how many clips there should be.

`<top>/<camera>/s1/micro/negative/s1_ne_01/reg_image000123.bmp`, where top is `SMIC_all_cropped` or `SMIC_all_raw` and
camera is `HS`, `VIS` or `NIR`; `non_micro` beside `micro` is not read. Imports neither TensorFlow nor TFDS.
"""

import dataclasses
import re
from pathlib import Path

from datasets_tfds import layout, reach
from datasets_tfds.disk_check import DiskCheck, read_known_defects
from datasets_tfds.layout import ClipFolder
from datasets_tfds.published import Published
from datasets_tfds.survey import Survey

CODES = {"ne": "negative", "po": "positive", "sur": "surprise"}  # in clip names
CLASSES = tuple(CODES.values())
_CLIP_NAME = re.compile(rf"(s\d+)_({'|'.join(CODES)})_?\d+", re.IGNORECASE)
KNOWN_DEFECTS = Path(__file__).with_name("known_defects.csv")
_HS_SUBJECTS = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 13, 14, 15, 18, 19, 20)
_HS_CLIPS = (6, 6, 39, 19, 2, 4, 13, 4, 7, 9, 10, 10, 4, 7, 2, 22)


# Source: Li et al. 2013, section II and table II.
_HS = Published(
    164,
    16,
    {"negative": 70, "positive": 51, "surprise": 43},
    {str(s): n for s, n in zip(_HS_SUBJECTS, _HS_CLIPS, strict=True)},
)
_NORMAL_SPEED = Published(71, 8)


@dataclasses.dataclass(frozen=True)
class Tree:
    """One camera's pictures, cropped or raw."""

    config: str
    top: str
    camera: str
    fps: float
    published: Published

    @property
    def path(self) -> str:
        """Folders from the top folder down to the subjects."""
        return f"{self.top}/{self.camera}"


TREES = {
    tree.config: tree
    for tree in (
        Tree("hs", "SMIC_all_cropped", "HS", 100.0, _HS),
        Tree("vis", "SMIC_all_cropped", "VIS", 25.0, _NORMAL_SPEED),
        Tree("nir", "SMIC_all_cropped", "NIR", 25.0, _NORMAL_SPEED),
        Tree("hs_raw", "SMIC_all_raw", "HS", 100.0, _HS),
        Tree("vis_raw", "SMIC_all_raw", "VIS", 25.0, _NORMAL_SPEED),
        Tree("nir_raw", "SMIC_all_raw", "NIR", 25.0, _NORMAL_SPEED),
    )
}


def survey(tree: Tree, folder: Path, frames: Path | None = None) -> Survey:
    """Find the clips in a user's folder by names alone; no picture is read.

    Args:
        tree: which camera, cropped or raw.
        folder: the user's folder.
        frames: the folder of the subjects, where it is not called as usual.

    Raises:
        FileNotFoundError: `folder` is absent or does not hold the tree.
        ValueError: it holds the tree twice, or no clip.
    """
    root = layout.choose_root(folder, frames, tree.top, tree.camera)
    check = DiskCheck(f"SMIC {tree.config}", root)
    clips = [clip for subject in check.subfolders(root) for clip in _list_subject(layout.unwrap(subject), check)]
    if not clips:
        raise ValueError(f"no clips in {root}; expected folders such as s1/micro/negative/s1_ne_01 with frames in them")
    clips.sort(key=lambda clip: (int(clip.subject), clip.clip_id))
    return Survey(tuple(clips), check, tree.published, read_known_defects(KNOWN_DEFECTS, tree.config), tree.fps)


def _list_subject(folder: Path, check: DiskCheck) -> list[ClipFolder]:
    try:
        subject = layout.normalise_subject(folder.name)
    except ValueError:
        check.add_problem(folder, "surplus folder, not a subject (s1, s2, ...)", "move it away")
        return []
    inners = check.subfolders(folder)
    micro = [inner for inner in inners if inner.name.casefold() == "micro"]
    if not micro:
        if inners or not reach.find_defect(folder, folder=True):  # a defect is told already
            check.add_problem(folder, "no folder named micro", "unzip this subject again")
        return []
    labels = check.subfolders(layout.unwrap(micro[0]))
    return [clip for label in labels for clip in _list_label(subject, layout.unwrap(label), check)]


def _list_label(subject: str, folder: Path, check: DiskCheck) -> list[ClipFolder]:
    label = folder.name.casefold()
    if label not in CLASSES:
        check.add_problem(folder, f"surplus folder, not a class ({', '.join(CLASSES)})", "move it away")
        return []
    inners = check.subfolders(folder)
    if reach.holds_pictures(folder):
        check.add_problem(folder, "pictures outside a clip's folder", "move them into it")
    return [clip for inner in inners for clip in _list_clip(subject, label, inner, check)]


def _list_clip(subject: str, label: str, folder: Path, check: DiskCheck) -> list[ClipFolder]:
    """The clip in `folder`; none if its name is not a clip's."""
    name = _CLIP_NAME.fullmatch(folder.name)
    if name is None:
        check.add_problem(folder, "surplus folder, not a clip (s1_ne_01)", "move it away")
        return []
    clip_id = folder.name.lower()
    named = layout.normalise_subject(name[1]), CODES[name[2].lower()]
    if named != (subject, label):
        what = f"its name says subject {named[0]}, {named[1]}; its folder says subject {subject}, {label}"
        check.add_problem(folder, what, "move it to where it belongs", clip_id)
    folder = layout.unwrap(folder)
    return [ClipFolder(clip_id, subject, label, folder, check.list_frames(folder, clip_id))]
