"""Writes drawn clips as CASME, CASME II or SAMM: frames in folders, a table beside them, and the truth about both.

A clip is planned as a `SheetClip`, irregularities change the plans, then frames and table are written from them, and at
last some of what was written is spoilt.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cv2
import numpy as np

from datasets_tfds.synthetic import sheets
from datasets_tfds.synthetic.annotated_layouts import CLASS_OF, AnnotatedLayout, file_name, sheet_cells
from datasets_tfds.synthetic.chance import Stream, random_stream
from datasets_tfds.synthetic.clips import ClipSpec, DrawnClip, draw_timing
from datasets_tfds.synthetic.expressions import draw_expression


@dataclasses.dataclass
class SheetClip:
    """A clip on its way to disk; irregularities change it.

    Attributes:
        spec: how to draw it.
        subject, file_name, emotion: as in the table.
        first: frame number of the onset.
        num_frames, apex_index: length, and the apex as an index into it; the index is None where none is to be found.
        action_units: as in the table; a number where a workbook would hold one.
        subject_folder: the folder's name.
        digits: to which frame numbers are padded; 0 leaves them.
        cells: fields of the table's row that say something else than the truth.
        has_repeated_name: another row has the same subject and file name.
        is_whole: whether the builder can use the clip.
        missing: frame numbers without a file.
    """

    spec: ClipSpec
    subject: int
    file_name: str
    emotion: str
    first: int
    num_frames: int
    apex_index: int | None
    action_units: str | int
    subject_folder: str
    digits: int = 0
    cells: dict[str, Any] = dataclasses.field(default_factory=dict)
    has_repeated_name: bool = False
    is_whole: bool = True
    missing: list[int] = dataclasses.field(default_factory=list)

    @property
    def last(self) -> int:
        """Frame number of the offset."""
        return self.first + self.num_frames - 1

    @property
    def apex(self) -> int | None:
        """Frame number of the apex."""
        return None if self.apex_index is None else self.first + self.apex_index

    def resize(self, first: int, num_frames: int) -> None:
        """Give the clip another place and length; the apex goes to the middle."""
        self.spec = dataclasses.replace(self.spec, min_frames=num_frames, max_frames=num_frames)
        self.first, self.num_frames, self.apex_index = first, num_frames, num_frames // 2

    def row(self) -> dict[str, Any]:
        """The fields of the table's row."""
        fields = {name: getattr(self, name) for name in ("subject", "file_name", "action_units", "emotion")}
        return {**fields, "onset": self.first, "apex": self.apex, "offset": self.last, **self.cells}

    def clip_id(self, layout: AnnotatedLayout) -> str:
        """What the builder calls it."""
        return layout.clip_id.format(self.subject, self.file_name) + f"_onset{self.first}" * self.has_repeated_name


def plan_clip(layout: AnnotatedLayout, spec: ClipSpec, subject: int, emotion: str, index: int, first: int) -> SheetClip:
    """A regular clip: `index` counts the subject's clips from 0, `first` is any large number that chooses the onset."""
    num_frames, apex = draw_timing(spec)
    expression = draw_expression(
        random_stream(spec.seed, Stream.EXPRESSION, spec.subject, spec.index), layout.class_emotions[emotion][0]
    )
    units = expression.action_units
    return SheetClip(
        spec=spec,
        subject=subject,
        file_name=file_name(layout, subject, index),
        emotion=emotion,
        first=1 + first % layout.max_first_frame,
        num_frames=num_frames,
        apex_index=apex,
        action_units="+".join(map(str, units)) if len(units) > 1 else units[0],
        subject_folder=layout.subject_folder.format(subject),
    )


def name_known_clips(layout: AnnotatedLayout, clips: Iterable[SheetClip]) -> None:
    """Give clips of CASME II names that mean something: two outside the composite of MEGC 2019, one defective."""
    if layout.name != "casme2":
        return
    wanted = {4: "EP12_01f", 5: "EP09_05f", 16: "EP01_08"}
    for clip in clips:
        if clip.subject in wanted and (clip.subject == 16 or clip.emotion in ("disgust", "repression")):
            clip.file_name = wanted.pop(clip.subject)


def write_frames(
    root: pathlib.Path,
    layout: AnnotatedLayout,
    variant: str,
    clips: Iterable[SheetClip],
    draw: Callable[[ClipSpec], DrawnClip],
) -> list[float]:
    """Draw each clip and write its frames; gives the largest displacement at the apex of each, pixels."""
    peaks = []
    for clip in clips:
        drawn = draw(clip.spec)
        folder = root / clip_folder(layout, variant, clip)
        folder.mkdir(parents=True, exist_ok=True)
        subject = layout.subject_folder.format(clip.subject)
        for number, frame in enumerate(drawn.frames, start=clip.first):
            if number in clip.missing:
                continue
            name = layout.frame_name(variant, subject, clip.file_name, number, clip.digits)
            (folder / name).write_bytes(_encode(frame, is_colour=variant == "raw" and layout.name != "samm"))
        peaks.append(round(drawn.peak_displacement_px, 4))
    return peaks


def clip_folder(layout: AnnotatedLayout, variant: str, clip: SheetClip) -> pathlib.PurePosixPath:
    """Folder of one clip, from the top folder on."""
    return pathlib.PurePosixPath(layout.tops[variant], clip.subject_folder, clip.file_name)


def _encode(frame: np.ndarray, *, is_colour: bool) -> bytes:
    picture = cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR) if is_colour else frame
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def write_table(
    path: pathlib.Path, layout: AnnotatedLayout, clips: Sequence[SheetClip], spell: Callable[[str], str]
) -> None:
    """Write the rows of `clips` in their order; `spell` writes a header."""
    rows = [sheet_cells(layout, clip.row()) for clip in clips]
    header = [None if name is None else spell(name) for name in layout.columns]
    body = [[None if name is None else cells.get(name) for name in layout.columns] for cells in rows]
    above = [[f"Notes about this table, line {k + 1}"] for k in range(layout.preamble)]
    other = {name: [["Not the table of clips"]] for name in layout.sheets[:-1]}
    sheets.write_workbook(path, {**other, layout.sheets[-1]: [*above, header, *body]})


def truth_of(
    layout: AnnotatedLayout, variant: str, clip: SheetClip, peak: float, above: pathlib.PurePosixPath
) -> dict[str, Any]:
    """The truth about a clip; frame numbers are those of the file names, `above` is the folder over the top folder."""
    numbers = [n for n in range(clip.first, clip.last + 1) if n not in clip.missing]
    return {
        "clip": clip.clip_id(layout),
        "path": str(above / clip_folder(layout, variant, clip)),
        "subject": str(clip.subject),
        "class": CLASS_OF[clip.emotion],
        "emotion": clip.emotion,
        "action_units": str(clip.action_units),
        "onset": clip.first,
        "apex": clip.apex,
        "offset": clip.last,
        "num_frames": len(numbers),
        "frame_numbers": numbers,
        "fps": clip.spec.fps,
        "is_whole": clip.is_whole,
        "peak_displacement_px": peak,
    }
