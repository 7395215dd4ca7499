"""Where CASME, CASME II and SAMM keep clips and table: folders, files and columns, subjects, emotions, lengths.

Draws and writes nothing. Beside the fields of `layouts.Layout`, whose classes are here the annotated emotions.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from datasets_tfds.synthetic.layouts import Camera, Layout

CLASS_OF = {
    "happiness": "positive",
    **dict.fromkeys(("disgust", "sadness", "contempt", "anger", "fear"), "negative"),
    "surprise": "surprise",
    **dict.fromkeys(("tense", "repression", "others"), "others"),
}
DRAWN_AS = {"tense": ("others",)}  # emotions without a drawing of their own


@dataclasses.dataclass(frozen=True)
class AnnotatedLayout(Layout):
    """A set with a table.

    Attributes:
        tops: top folder of each variant.
        prefixes: what frame names of each variant begin with; SUBJECT and CLIP stand for their names.
        subject_folder: name of a subject's folder.
        clip_id: as the builder calls a clip.
        tables: file names of the table's editions.
        sheets: names of the workbook's sheets; the last one is the table.
        preamble: rows above the header.
        columns: headers; None leaves a column empty.
        max_first_frame: onsets lie between 1 and this.
    """

    tops: Mapping[str, str] = dataclasses.field(default_factory=dict)
    prefixes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    subject_folder: str = "sub{:02d}"
    clip_id: str = "sub{:02d}_{}"
    tables: tuple[str, ...] = ()
    sheets: tuple[str, ...] = ("Sheet1",)
    preamble: int = 0
    columns: tuple[str | None, ...] = ()
    max_first_frame: int = 300

    def frame_name(self, variant: str, subject: str, clip: str, number: int, digits: int) -> str:
        """File name of one frame; `digits` 0 leaves the number unpadded."""
        prefix = self.prefixes[variant].replace("SUBJECT", subject).replace("CLIP", clip)
        return f"{prefix}{number:0{digits}d}.jpg"


def file_name(layout: Layout, subject: int, index: int, form: int = 0) -> str:
    """A clip's name in the table; `form` chooses among those that occur in CASME II."""
    if layout.name == "samm":
        return f"{subject:03d}_{index // 3 + 1}_{index % 3 + 1}"
    if layout.name == "casme":
        return f"EP{index // 5 + 1:02d}_{index % 5 + 1}"
    first, second = index // 3 + 1, index % 3 + 1
    forms = (f"EP{first:02d}_{second:02d}f", f"EP{first:02d}_{second:02d}", f"EP{first:02d}_{second}")
    return (*forms, f"EP{first:02d}_{second:02d}_01", f"EP{first:02d}f")[form]


def sheet_cells(layout: Layout, row: Mapping[str, Any]) -> dict[str, Any]:
    """Cells of a table's row by header, of the keys subject, file_name, onset, apex, offset, action_units, emotion."""
    onset, offset = row["onset"], row["offset"]
    common = {"Filename": row["file_name"]}
    if layout.name == "casme":
        lasting = {"Onset": 17.0 * (offset - onset) / 2, "Total": 17.0 * (offset - onset)}
        frames = {"OnsetF": onset, "ApexF1": row["apex"], "ApexF2": "\\", "OffsetF": offset}
        meaning = {"AU": row["action_units"], "Emotion": row["emotion"]}
        return {**common, "Subject": row["subject"], **frames, **lasting, **meaning}
    meaning = {"Action Units": row["action_units"], "Estimated Emotion": row["emotion"]}
    if layout.name == "casme2":
        frames = {"OnsetFrame": onset, "ApexFrame": row["apex"], "OffsetFrame": offset}
        return {**common, "Subject": f"{row['subject']:02d}", **frames, **meaning}
    meaning["Estimated Emotion"] = {"others": "Other"}.get(row["emotion"], row["emotion"].capitalize())
    frames = {"Onset Frame": onset, "Apex Frame": row["apex"], "Offset Frame": offset}
    lasting = {"Duration": offset - onset + 1, "Micro": "Micro - 1/2", "Inducement Code": 1, "Objective Classes": 1}
    return {**common, "Subject": f"{row['subject']:03d}", **frames, **lasting, **meaning}


def _deal(total: int, parts: int) -> tuple[int, ...]:
    """`total` in `parts` nearly equal numbers."""
    return tuple(total // parts + (k < total % parts) for k in range(parts))


def _emotions(counts: Mapping[str, int]) -> dict[str, Sequence[str]]:
    return {name: DRAWN_AS.get(name, (name,)) for name in counts}


def _layout(counts: Mapping[str, int], subjects: Sequence[int], fps: float, **fields: Any) -> AnnotatedLayout:
    return AnnotatedLayout(
        class_emotions=_emotions(counts),  # type: ignore[arg-type]
        class_codes={},
        cameras={"": Camera(fps, 1)},
        subjects=tuple(subjects),
        clips_per_subject=_deal(sum(counts.values()), len(subjects)),
        clips_per_class=counts,
        **fields,
    )


CASME = _layout(
    dict(tense=69, disgust=44, repression=38, surprise=20, happiness=9, sadness=6, fear=2, contempt=1),
    range(1, 20),
    60.0,
    name="casme",
    min_frames=9,
    max_frames=86,
    tops={"cropped": "Cropped", "raw": "CASME_raw_selected"},
    prefixes={"cropped": "reg_CLIP-", "raw": "CLIP-"},
    tables=("CASME.xls", "CASME-coded-20190721.xls"),
    columns=(
        *("Subject", "Filename", None, "OnsetF", "ApexF1", "ApexF2", "OffsetF", None),
        *("Onset", "Total", "AU", "Emotion"),
    ),
)
CASME2 = _layout(
    dict(others=99, disgust=63, happiness=32, repression=27, surprise=25, sadness=7, fear=2),
    range(1, 27),
    200.0,
    name="casme2",
    min_frames=24,
    max_frames=114,  # lengths are drawn about the middle: this keeps their mean at the published 67
    tops={"cropped": "Cropped", "raw": "CASME2_RAW_selected"},
    prefixes={"cropped": "reg_img", "raw": "img"},
    tables=("CASME2-coding-20140508.xlsx", "CASME2-coding-20190701.xlsx"),
    columns=(
        *("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None),
        *("Action Units", "Estimated Emotion"),
    ),
)
SAMM = _layout(
    dict(anger=57, happiness=26, others=26, surprise=15, contempt=12, disgust=9, fear=8, sadness=6),
    (6, 7, *range(9, 27), 28, *range(30, 38)),
    200.0,
    name="samm",
    min_frames=30,
    max_frames=101,
    tops={"raw": "SAMM"},
    prefixes={"raw": "SUBJECT_"},
    subject_folder="{:03d}",
    clip_id="{1}",
    tables=("SAMM_Micro_FACS_Codes_v2.xlsx",),
    sheets=("FULL", "MICRO_ONLY"),
    preamble=13,
    columns=(
        *("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro"),
        *("Action Units", "Estimated Emotion", "Objective Classes", "Notes"),
    ),
    max_first_frame=60_000,
)
