"""SAMM Long Videos' folders and table: what they are called, what the paper counts, and which row is of which video."""

import dataclasses
import re
from pathlib import Path

from akm_jax.data.pictures import enumerate_some
from datasets_tfds import layout, tables
from datasets_tfds.disk_check import DiskCheck
from datasets_tfds.layout import BY_NAME, Places
from datasets_tfds.long.intervals import Rules, WrittenInterval
from datasets_tfds.long.survey import LongClip, LongSurvey, annotate, find_folders, read_frames_of
from datasets_tfds.published import Published
from datasets_tfds.tables import TableVersion, as_text

TITLE, TOPS, FPS = "SAMM Long Videos", ("SAMM_longvideos", "cropped_SAMM_longvideos"), 200.0
VERSIONS = tuple(TableVersion(f"V{k}", rf"samm_?longvideos_v{k}(_release)?", 502) for k in (1, 2, 3))
PUBLISHED = Published(147, 30)
INTERVALS = {"macro": 343, "micro": 159}
COLUMNS = {"name": "Filename", "onset": "Onset", "apex": "Apex", "offset": "Offset", "type": "Type"}


def survey(manual_dir: Path, places: Places = BY_NAME) -> LongSurvey:
    """Find the videos and their expressions in a user's folder.

    Raises:
        FileNotFoundError: the folder, the tree in it or the table is absent.
        ValueError: the tree is there twice, or the table can't be read.
    """
    root = layout.choose_root(manual_dir, places.frames, TOPS)
    folders = [Path(manual_dir).expanduser(), root.parent]
    path, version = tables.find_table(folders, r"samm_?long", VERSIONS, places.table)
    table = tables.read_table(path, version, None, COLUMNS)
    check = DiskCheck(TITLE, root)
    entries, below = tables.drop_footer(table.rows, _is_entry)
    if below:
        numbers = enumerate_some([row.number for row in below])
        check.notes.append(f"{path.name}: rows {numbers} are no intervals, left alone")
    table = dataclasses.replace(table, rows=tuple(entries))
    rows = [row for one in entries if (row := _read_row(path, one, check)) is not None]
    videos = annotate(_list_videos(root, check), rows, check, Rules(clamps_offsets=True))
    counts = {"published": PUBLISHED, "published_intervals": INTERVALS}
    return LongSurvey.complete(folders[0], path, videos, check, fps=FPS, table=table, **counts)


def _list_videos(root: Path, check: DiskCheck) -> list[LongClip]:
    folders = find_folders(check, check.subfolders(root), lambda folder: _read_id(folder.name), "006_1")
    return [
        LongClip(video_id, str(int(video_id[:3])), "", folder, read_frames_of(check, folder, video_id))
        for video_id, folder in folders.items()
    ]


def _read_id(name: str, *more: str) -> str:
    """A video's id of its folder's name, or, with a further part, of an interval's."""
    match = re.fullmatch(r"(\d+)_(\d+)" + "".join(more), name)
    if match is None:
        raise ValueError(f"{name!r}; expected a name such as 006_1{'_2' * len(more)}")
    return f"{int(match[1]):03d}_{int(match[2])}"


def _is_entry(row: tables.Row) -> bool:
    """Whether a row is an interval's, spoilt or not: it is called as one, or says as much as one would."""
    text = {field: as_text(cell) for field, cell in row.cells.items()}
    is_named = re.fullmatch(r"\d+_\d+_\d+", text["name"]) is not None
    return is_named or all(text[field] for field in ("name", "onset", "offset", "type"))


def _read_row(path: Path, row: tables.Row, check: DiskCheck) -> WrittenInterval | None:
    where, name = f"{path.name} row {row.number}", as_text(row.cells["name"])
    try:
        video_id = _read_id(name, r"_\d+")
    except ValueError as error:
        check.add_problem(where, f"interval {error}", "repair the cell, or copy the table from the archive again")
        return None
    cells = {field: row.cells[field] for field in ("onset", "apex", "offset", "type")}
    return WrittenInterval(where, name, video_id, **cells)
