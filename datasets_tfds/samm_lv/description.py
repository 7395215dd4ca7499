"""SAMM Long Videos' folders and table: what they are called, what the paper counts, and which row is of which video."""

import re
from pathlib import Path

from datasets_tfds import layout, tables
from datasets_tfds.disk_check import DiskCheck
from datasets_tfds.long.intervals import Rules, WrittenInterval
from datasets_tfds.long.survey import LongClip, LongSurvey, annotate, find_folders, read_frames_of
from datasets_tfds.published import Published
from datasets_tfds.tables import TableVersion, as_text

TITLE, TOP, FPS = "SAMM Long Videos", "SAMM_longvideos", 200.0
VERSIONS = tuple(TableVersion(f"V{k}", rf"samm_?longvideos_v{k}(_release)?", 502) for k in (1, 2, 3))
PUBLISHED = Published(147, 30)
INTERVALS = {"macro": 343, "micro": 159}
COLUMNS = {"name": "Filename", "onset": "Onset", "apex": "Apex", "offset": "Offset", "type": "Type"}


def survey(manual_dir: Path) -> LongSurvey:
    """Find the videos and their expressions in a user's folder.

    Raises:
        FileNotFoundError: the folder, the tree in it or the table is absent.
        ValueError: the tree is there twice, or the table can't be read.
    """
    root = layout.find_root(manual_dir, TOP)
    places = [Path(manual_dir).expanduser(), root.parent]
    path, version = tables.find_table(places, r"samm_?long", VERSIONS)
    table = tables.read_table(path, version, None, COLUMNS)
    check = DiskCheck(TITLE, root)
    rows = [row for one in table.rows if (row := _read_row(path, one, check)) is not None]
    videos = annotate(_list_videos(root, check), rows, check, Rules(clamps_offsets=True))
    counts = {"published": PUBLISHED, "published_intervals": INTERVALS}
    return LongSurvey.complete(places[0], path, videos, check, fps=FPS, table=table, **counts)


def _list_videos(root: Path, check: DiskCheck) -> list[LongClip]:
    folders = find_folders(check, layout.subfolders(root), lambda folder: _read_id(folder.name), "006_1")
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


def _read_row(path: Path, row: tables.Row, check: DiskCheck) -> WrittenInterval | None:
    where, name = f"{path.name} row {row.number}", as_text(row.cells["name"])
    try:
        video_id = _read_id(name, r"_\d+")
    except ValueError as error:
        check.add_problem(where, f"interval {error}", "repair the cell, or copy the table from the archive again")
        return None
    cells = {field: row.cells[field] for field in ("onset", "apex", "offset", "type")}
    return WrittenInterval(where, name, video_id, **cells)
