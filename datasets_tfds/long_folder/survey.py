"""Long videos of a user's folder by its table `intervals.csv`: a row an expression, or a video without any."""

import collections
import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from datasets_tfds import layout, reach
from datasets_tfds.disk_check import DiskCheck
from datasets_tfds.folder import clip_table, columns
from datasets_tfds.folder.frames import FrameLister
from datasets_tfds.folder.listing import SubjectPattern, locate, read_subject
from datasets_tfds.layout import BY_NAME, Places
from datasets_tfds.long.intervals import Rules, WrittenInterval
from datasets_tfds.long.survey import LongClip, LongSurvey, annotate
from datasets_tfds.tables import as_text

Counting = Literal["from0", "from1", "seconds"]
COUNTINGS: tuple[Counting, ...] = get_args(Counting)
STEM = "intervals"
REQUIRED = ("path", "onset", "offset", "type")
HEADERS: Mapping[str, tuple[str, ...]] = {
    **{field: columns.HEADERS[field] for field in ("path", "subject", "onset", "apex", "offset", "fps")},
    "type": ("type", "expressiontype", "kind", "macroormicro", "类型", "表情类型"),
    "emotion": ("emotion", *(name for name in columns.HEADERS["label"] if name != "emotion")),
}
_NUMBERS = ("onset", "apex", "offset")


@dataclasses.dataclass(frozen=True)
class _Row:
    """A row whose video is known: its place in the table, and its cells by field."""

    where: str
    path: Path
    cells: Mapping[str, Any]

    def text(self, field: str) -> str:
        return as_text(self.cells.get(field))


def survey(manual_dir: Path, counting: str, *, count_video_frames: bool = True, places: Places = BY_NAME) -> LongSurvey:
    """Find the videos and their expressions.

    Args:
        manual_dir: the folder.
        counting: how the table counts, one of `COUNTINGS`.
        count_video_frames: False leaves video files unopened, which then seem to hold no frames.
        places: the table, if it is not called as usual.

    Raises:
        FileNotFoundError: no folder, or no table in it.
        ValueError: an unknown way of counting, or the table can't be used.
    """
    if counting not in COUNTINGS:
        raise ValueError(f"--counting={counting}: expected one of {', '.join(COUNTINGS)}")
    root = reach.require_folder(manual_dir, f"a folder that holds {STEM}.csv and videos")
    path = clip_table.find_table(root, STEM, places.table)
    if path is None:
        raise FileNotFoundError(
            f"{root} holds no {STEM}.csv (or .tsv, .xlsx, .xls); it holds {reach.describe_contents(root)}. Its README "
            "says what to put there; a table of another name: --data.table=FILE"
        )
    check = DiskCheck("folder of long videos", root, has_known_numbers=False)
    rows = _read_rows(root, path, check)
    videos = _list_videos(root, rows, check, FrameLister(count_video_frames=count_video_frames))
    written = [one for row in rows if (one := _write(row, videos, counting, check)) is not None]
    first = 1 if counting == "from1" else 0
    clips = annotate(list(videos.values()), written, check, Rules(zero_is_unknown=False), first)
    return LongSurvey.complete(root, path, clips, check, fps=0.0, published=None)


def _read_rows(root: Path, path: Path, check: DiskCheck) -> list[_Row]:
    """Rows that say which video they are of."""
    _, places, rows = clip_table.read_columns(path, HEADERS, REQUIRED, check)
    if not rows:
        raise ValueError(f"{path}: no rows below the header; expected one an expression, or a video without any")
    found = []
    for number, row in rows:
        cells = {field: row[k] if k < len(row) else None for field, k in places.items()}
        where = f"{path.name} row {number}"
        if text := as_text(cells["path"]):
            found.append(_Row(where, locate(root, text), cells))
        else:
            check.add_problem(where, "empty video", "repair the row")
    return found


def _list_videos(root: Path, rows: Sequence[_Row], check: DiskCheck, lister: FrameLister) -> dict[Path, LongClip]:
    """Each video once, by its path."""
    paths = list(dict.fromkeys(row.path for row in rows))
    count = collections.Counter(_short_name(path) for path in paths)
    videos = {}
    for path in paths:
        name = _short_name(path)
        video_id = name if count[name] == 1 else layout.relative(root, path).strip("/").replace("/", "_")
        mine = [row for row in rows if row.path == path]
        try:
            videos[path] = _make_video(root, path, video_id, mine, lister)
        except ValueError as error:
            what, _, remedy = str(error).partition(" -> ")
            check.add_problem(mine[0].where, f"video {video_id}: {what}", remedy or "repair the rows", video_id)
    return videos


def _short_name(path: Path) -> str:
    return path.stem if path.is_file() else path.name


def _make_video(root: Path, path: Path, video_id: str, rows: Sequence[_Row], lister: FrameLister) -> LongClip:
    if defect := reach.find_defect(path, folder=os.path.isdir(path)):
        raise ValueError(f"{path} {defect[0]} -> {defect[1]}, or put the video there")
    frames = lister.list(path)
    given = {row.text("subject") for row in rows if row.text("subject")}
    subjects = {read_subject(text) for text in given or {SubjectPattern().find(root, path)}}
    rates = {clip_table.read_fps(row.cells.get("fps")) for row in rows} - {0.0}
    if path.is_file() and not rates:
        from akm_jax.data.video import stated_fps  # here: most folders hold no videos, and OpenCV takes long to load

        rates = {stated_fps(path)} - {0.0}
    if len(subjects) > 1 or len(rates) > 1:
        raise ValueError(f"rows disagree: subjects {sorted(subjects)}, frames per second {sorted(rates)}")
    if not rates:
        raise ValueError("frames per second are not known -> add a column fps")
    return LongClip(video_id, subjects.pop(), "", path, frames, fps=rates.pop(), is_video=path.is_file())


def _write(row: _Row, videos: Mapping[Path, LongClip], counting: str, check: DiskCheck) -> WrittenInterval | None:
    """The interval of a row; None where it has none, or no video."""
    video = videos.get(row.path)
    if video is None or not any(row.text(field) for field in (*_NUMBERS, "type")):
        return None
    numbers = {field: row.cells.get(field) for field in _NUMBERS}
    if counting == "seconds":
        numbers = {field: _to_frame(cell, video.fps or 0.0) for field, cell in numbers.items()}
    name = f"{video.clip_id} {row.text('onset')}..{row.text('offset')}"
    return WrittenInterval(
        row.where, name, video.clip_id, **numbers, type=row.text("type"), emotion=row.text("emotion")
    )


def _to_frame(cell: Any, fps: float) -> Any:
    """The frame shown at a time in seconds; what is no number stays, and is reported where frames are read."""
    try:
        return round(float(as_text(cell).replace(",", ".")) * fps)
    except (ValueError, OverflowError):
        return cell
