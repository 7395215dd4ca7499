"""Which column of a user's table is which: headers in English and Chinese, common synonyms among them."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets_tfds.tables import as_text

REQUIRED = ("path", "subject", "label")
# The first name of each is ours: it wins over the others where a table has several.
HEADERS: Mapping[str, tuple[str, ...]] = {
    "path": (
        *("path", "filepath", "clippath", "videopath", "file", "filename", "folder", "video"),
        *("路径", "文件", "文件名", "文件路径", "文件夹", "视频", "视频路径"),
    ),
    "subject": (
        *("subject", "subjectid", "subjectname", "subj", "sub", "participant", "participantid", "person"),
        *("被试", "被试者", "被试编号", "受试者", "受试者编号", "受试"),
    ),
    "label": (
        *("label", "emotion", "estimatedemotion", "emotionlabel", "class", "expression", "category"),
        *("标签", "情绪", "情绪标签", "情感", "类别", "表情"),
    ),
    "clip_id": ("clipid", "clip", "clipname", "片段", "片段编号"),
    "onset": ("onset", "onsetframe", "onsetf", "start", "startframe", "起始帧", "起始", "起点帧", "起点"),
    "apex": ("apex", "apexframe", "apexf", "apexf1", "峰值帧", "顶点帧", "顶点", "顶峰帧"),
    "offset": ("offset", "offsetframe", "offsetf", "end", "endframe", "结束帧", "结束", "终止帧", "终点帧", "终点"),
    "frame_names": ("framenames", "framepattern"),
    "fps": ("fps", "framerate", "framespersecond", "帧率"),
}


def squeeze(header: Any) -> str:
    """A header's letters and digits in lower case; width, blanks, dots, hyphens and underscores don't count."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", as_text(header)).casefold())


def count_known(cells: Sequence[Any], headers: Mapping[str, Sequence[str]] = HEADERS) -> int:
    """How many cells of a row are headers."""
    known = {name for names in headers.values() for name in names}
    return sum(squeeze(cell) in known for cell in cells)


def find_columns(
    path: Path,
    header: Sequence[Any],
    required: Sequence[str] = REQUIRED,
    headers: Mapping[str, Sequence[str]] = HEADERS,
) -> dict[str, int]:
    """Place of each field that the table has; `headers` gives the names of each, ours first.

    Raises:
        ValueError: a required one is missing, or two columns may both be one field.
    """
    names = [squeeze(cell) for cell in header]
    found = {field: _find(path, header, names, field, headers[field]) for field in headers}
    if missing := [field for field in required if found[field] is None]:
        has = ", ".join(as_text(cell) for cell in header if as_text(cell)) or "none"
        expected = "; ".join(f"{field} (or {', '.join(headers[field][1:])})" for field in missing)
        raise ValueError(
            f"{path}: no column {', '.join(missing)}; its columns are {has}. Name the header of each: {expected}"
        )
    return {field: place for field, place in found.items() if place is not None}


def _find(path: Path, header: Sequence[Any], names: Sequence[str], field: str, known: Sequence[str]) -> int | None:
    ours = [k for k, name in enumerate(names) if name == known[0]]
    places = ours or [k for k, name in enumerate(names) if name in known]
    if len(places) > 1:
        several = ", ".join(as_text(header[k]) for k in places)
        raise ValueError(f"{path}: {several} may each be the column {field}; name the right one {field}")
    return places[0] if places else None
