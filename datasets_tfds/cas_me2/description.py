"""CAS(ME)^2's folders and table: what they are called, what the paper counts, and which row is of which video.

The table has no header. Sheet 1 codes the expressions, "naming rule1" gives the folder of each subject number,
"naming rule2" the four-digit code of each video name.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from akm_jax.data.pictures import enumerate_some
from datasets_tfds import layout, tables
from datasets_tfds.disk_check import DiskCheck
from datasets_tfds.layout import BY_NAME, Places
from datasets_tfds.long.intervals import EMOTION_NAMES, Rules, WrittenInterval
from datasets_tfds.long.survey import LongClip, LongSurvey, annotate, find_folders, read_frames_of
from datasets_tfds.published import Published
from datasets_tfds.tables import TableVersion, as_text

TITLE, TOPS, FPS = "CAS(ME)^2", ("rawpic", "longVideoFaceCropped"), 30.0
VERSION = TableVersion("final", r"(cas\(me\)\S{0,2})?code_final", 357)
PUBLISHED = Published(98, 22)
INTERVALS = {"macro": 300, "micro": 57}
_COLUMNS = 8  # of sheet 1, up to the type


def survey(manual_dir: Path, places: Places = BY_NAME) -> LongSurvey:
    """Find the videos and their expressions in a user's folder.

    Raises:
        FileNotFoundError: the folder, the tree in it or the table is absent.
        ValueError: the tree is there twice, or the table can't be read.
    """
    root = layout.choose_root(manual_dir, places.frames, TOPS)
    folders = [Path(manual_dir).expanduser(), root.parent]
    path, _ = tables.find_table(folders, r"(cas\(me\).*|.*code_final)", (VERSION,), places.table)
    check = DiskCheck(TITLE, root)
    rows = _read_rows(path, check)
    videos = annotate(_list_videos(root, check), rows, check, Rules())
    counts = {"published": PUBLISHED, "published_intervals": INTERVALS}
    return LongSurvey.complete(folders[0], path, videos, check, fps=FPS, **counts)


def _list_videos(root: Path, check: DiskCheck) -> list[LongClip]:
    """Videos by the folder of their subject and their code, whatever subject their own name says."""
    subjects = find_folders(check, check.subfolders(root), lambda f: layout.normalise_subject(f.name), "s15")
    videos = []
    for subject, top in subjects.items():
        folders = find_folders(check, check.subfolders(top), _read_code, "15_0101disgustingteeth")
        for code, folder in folders.items():
            video_id = f"s{subject}_{code}"
            frames = read_frames_of(check, folder, video_id)
            videos.append(LongClip(video_id, subject, "", folder, frames))
            if _subject_or_none(folder.name.partition("_")[0]) not in (None, subject):
                check.handled.append(f"{check.relative(folder)}: subject {subject}'s, by the folder it lies in")
    return videos


def _read_code(folder: Path) -> str:
    """The video's code: four digits after the underscore."""
    match = re.search(r"_(\d{4})", folder.name)
    if match is None:
        raise ValueError(folder.name)
    return match[1]


def _subject_or_none(text: str) -> str | None:
    try:
        return layout.normalise_subject(text)
    except ValueError:
        return None


def _read_rows(path: Path, check: DiskCheck) -> list[WrittenInterval]:
    """The rows of sheet 1, each with the id of its video."""
    name, grid = tables.read_sheet(path, None)
    subjects = {as_text(row[2]): as_text(row[1]) for row in _filled(path, "naming rule1", 3)}
    codes = {_spell(as_text(row[1])): as_text(row[0]).zfill(4) for row in _filled(path, "naming rule2", 2)}
    rows = [(i + 1, row) for i, row in enumerate(grid) if any(map(as_text, row))]
    below = [number for number, row in rows if number > _last_entry(rows)]
    if below:
        check.notes.append(f"{path.name}: rows {enumerate_some(below)} are no expressions, left alone")
    rows = rows[: len(rows) - len(below)]
    if not rows:
        raise ValueError(f"{path}, sheet {name}: no rows; expected one an expression")
    found = []
    for number, row in rows:
        where = f"{path.name} row {number}"
        try:
            found.append(_read_row(where, row, subjects, codes))
        except ValueError as error:
            check.add_problem(where, str(error), "repair the row, or copy the table from the archive again")
    return found


def _last_entry(rows: Sequence[tuple[int, Any]]) -> int:
    """Number of the last row with subject, name, and onset or type: below it stand notes and means."""
    cells = [(number, [*map(as_text, row), *[""] * _COLUMNS]) for number, row in rows]
    filled = (number for number, row in cells if row[0] and row[1] and (row[2] or row[7]))
    return max(filled, default=len(rows) and rows[-1][0])


def _filled(path: Path, sheet: str, width: int) -> list[Any]:
    """The rows of a naming rule that fill its columns."""
    rows = tables.read_sheet(path, sheet)[1]
    return [row for row in rows if len(row) >= width and all(as_text(cell) for cell in row[:width])]


def _read_row(where: str, row: Any, subjects: dict[str, str], codes: dict[str, str]) -> WrittenInterval:
    if len(row) < _COLUMNS:
        raise ValueError(f"{len(row)} cells, expected at least {_COLUMNS}")
    subject, name, onset, apex, offset, _, emotion, kind = row[:_COLUMNS]
    subject, name = as_text(subject), as_text(name)
    code = codes.get(_spell(name.partition("_")[0]))
    if subject not in subjects or code is None:
        what = f"subject {subject!r}" if subject not in subjects else f"video {name!r}"
        raise ValueError(f"{what} is in no naming rule")
    video_id = f"s{layout.normalise_subject(subjects[subject])}_{code}"
    return WrittenInterval(where, f"{video_id} {name}", video_id, onset, apex, offset, kind, emotion)


def _spell(name: str) -> str:
    """A video's name in one spelling: disgust1, happiness2."""
    text = re.sub(r"\s+", "", name).casefold()
    for wrong, right in EMOTION_NAMES.items():
        text = text.replace(wrong, right)
    return text
