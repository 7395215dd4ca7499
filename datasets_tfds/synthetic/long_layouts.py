"""Where CAS(ME)^2 and SAMM Long Videos keep videos and table: folders, files, sheets. Draws and writes nothing."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from datasets_tfds.synthetic.sheets import Grid

_ELICITORS = (("01", "disgust", "disgustingteeth"), ("04", "anger", "brokenwindow"), ("05", "happyness", "funnyfalls"))
_TYPE_CELLS = {
    "cas_me2": {"macro": "macro-expression", "micro": "micro-expression"},
    "samm_lv": {"macro": "Macro", "micro": "Micro - 1/2"},
}


@dataclasses.dataclass(frozen=True)
class LongLayout:
    """A set of long videos.

    Attributes:
        name: of the layout.
        top: the top folder.
        subjects: the set's subject numbers.
        fps: the camera's frames per second.
        drawn_fps: frames per second that are drawn, so that a small set of a fast camera stays small.
        table: file name of the table.
        digits: of the frame numbers.
        is_colour: whether its pictures are.
    """

    name: str
    top: str
    subjects: tuple[int, ...]
    fps: float
    drawn_fps: float
    table: str
    digits: int
    is_colour: bool


@dataclasses.dataclass
class SheetRow:
    """A row of the table on its way to disk; frames are 1-based, as in the table.

    Attributes:
        name: the interval's, as the table calls it.
        onset, apex, offset: cells.
        type: macro or micro.
        emotion: cell.
        action_units: cell.
        truth: what a reader should make of it, 0-based.
    """

    name: str
    onset: float
    apex: float
    offset: float
    type: str
    emotion: str
    action_units: str | int
    truth: dict[str, Any]


@dataclasses.dataclass
class SheetVideo:
    """A video on its way to disk.

    Attributes:
        video_id: as the builder calls it.
        subject: number of the subject.
        subject_index: the same counted from 1 without gaps.
        video_name: as the table calls it (CAS(ME)^2) or its number (SAMM).
        folder: from the top folder on.
        prefix: what frame names begin with.
        digits: to which frame numbers are padded.
        rows: its intervals.
    """

    video_id: str
    subject: int
    subject_index: int
    video_name: str
    folder: str
    prefix: str
    digits: int
    rows: list[SheetRow] = dataclasses.field(default_factory=list)

    def frame_name(self, number: int) -> str:
        """File name of a frame, counted from 1."""
        return f"{self.prefix}{number:0{self.digits}d}.jpg"


CAS_ME2 = LongLayout(
    name="cas_me2",
    top="rawpic",
    subjects=(15, 16, 19, 20, 21, 22, 23, 24, 25, 26, 27, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 40),
    fps=30.0,
    drawn_fps=30.0,
    table="CAS(ME)^2code_final.xlsx",
    digits=3,
    is_colour=True,
)
SAMM_LV = LongLayout(
    name="samm_lv",
    top="SAMM_longvideos",
    subjects=(*range(6, 27), 28, *range(30, 38)),
    fps=200.0,
    drawn_fps=40.0,
    table="SAMM_LongVideos_V1_Release.xlsx",
    digits=4,
    is_colour=False,
)
LONG_LAYOUTS = {layout.name: layout for layout in (CAS_ME2, SAMM_LV)}


def place_video(layout: LongLayout, subject_index: int, index: int) -> SheetVideo:
    """Names of a video; both indices count from 0."""
    subject = layout.subjects[subject_index]
    if layout is SAMM_LV:
        name = f"{subject:03d}_{index + 1}"
        return SheetVideo(name, subject, subject_index + 1, str(index + 1), name, f"{name}_", layout.digits)
    family, emotion, elicitor = _ELICITORS[index % 3]
    code, name = f"{family}{index // 3 + 1:02d}", f"{emotion}{index // 3 + 1}"
    folder = f"s{subject}/{subject}_{code}{elicitor}"
    return SheetVideo(f"s{subject}_{code}", subject, subject_index + 1, name, folder, "img", layout.digits)


def row_name(layout: LongLayout, video: SheetVideo, number: int) -> str:
    """What the table calls an interval; `number` counts those of the video from 1."""
    return f"{video.video_id}_{number}" if layout is SAMM_LV else f"{video.video_name}_{number}"


def sheet_grids(layout: LongLayout, videos: Sequence[SheetVideo]) -> dict[str, Grid]:
    """The workbook's sheets."""
    return _samm_sheets(videos) if layout is SAMM_LV else _cas_sheets(videos)


def _cas_sheets(videos: Sequence[SheetVideo]) -> dict[str, Grid]:
    types = _TYPE_CELLS["cas_me2"]
    codes = [
        [v.subject_index, r.name, r.onset, r.apex, r.offset, r.action_units, r.emotion, types[r.type], r.emotion]
        for v in videos
        for r in v.rows
    ]
    people = {video.subject: video.subject_index for video in videos}
    names = {video.video_name: video.video_id.rpartition("_")[2] for video in videos}
    return {
        "CASFEcode_final": codes,
        "naming rule1": [[k, f"s{subject}", number] for k, (subject, number) in enumerate(people.items(), 1)],
        "naming rule2": [[code, name] for name, code in names.items()],
    }


def _samm_sheets(videos: Sequence[SheetVideo]) -> dict[str, Grid]:
    header = [*("Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset"), *("Duration", "Type")]
    types = _TYPE_CELLS["samm_lv"]
    above = [[f"Notes about this table, line {k + 1}"] for k in range(9)]
    rows = []
    for video in videos:
        for row in video.rows:
            frames = (row.onset, row.apex, row.offset, row.offset - row.onset + 1)
            rows.append([f"{video.subject:03d}", row.name, 1, *frames, types[row.type], row.action_units, None])
    return {"FULL": [*above, [*header, "Action Units", "Notes"], *rows]}
