"""Faces known beforehand, from a CSV file: one row a clip, with its eyes or its face box, in pixels of the raw frames.

    clip,left_eye_x,left_eye_y,right_eye_x,right_eye_y        clip,x,y,width,height
    sub01/EP02_01f,251.5,198,334,201.5                        sub01/EP02_01f,190,120,280,340

Eyes give turn, scale and place; a box is cropped upright, all of it shown. Left is left in the picture; (0, 0) is the
centre of the first pixel. Clips without a row are detected as usual.
"""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from akm_jax.prepare.face import Box, Eyes
from akm_jax.prepare.table_rows import Rows, parse_number, read_rows

EYE_COLUMNS = ("left_eye_x", "left_eye_y", "right_eye_x", "right_eye_y")
BOX_COLUMNS = ("x", "y", "width", "height")


def read_face_table(path: str | os.PathLike[str], clips: Collection[str] | None) -> dict[str, Eyes | Box]:
    """Read a CSV file of eyes or boxes.

    Args:
        path: the file; columns in any order, further ones are ignored.
        clips: ids of the clips of the data set; None where they are not known, and any will do.

    Returns:
        Eyes or box by clip id.

    Raises:
        FileNotFoundError: no such file.
        ValueError: columns missing, or a row with a clip that is unknown or named before, a cell that is not a number,
            or eyes or a box that cannot be; all bad rows are named together.
    """
    path = Path(path)
    names, rows = read_rows(path, "face table", _legal_columns())
    return _parse_rows(path, rows, _choose_columns(path, names), clips)


def named_clips(path: Path) -> set[str]:
    """Clips that a file names, whatever it says of them; none where it can't be read, or is no face table."""
    try:
        names, rows = read_rows(path, "face table", _legal_columns())
        _choose_columns(path, names)
    except (OSError, ValueError):
        return set()
    return {(row["clip"] or "").strip() for _, row in rows}


def _legal_columns() -> str:
    return f"clip,{','.join(EYE_COLUMNS)} or clip,{','.join(BOX_COLUMNS)}"


def _choose_columns(path: Path, names: Sequence[str]) -> Sequence[str]:
    for columns in (EYE_COLUMNS, BOX_COLUMNS):
        if {"clip", *columns} <= set(names):
            return columns
    raise ValueError(
        f"{path} must have the columns {_legal_columns()} in its first line, got {','.join(names) or 'none'}"
    )


def _parse_rows(path: Path, rows: Rows, columns: Sequence[str], clips: Collection[str] | None) -> dict[str, Eyes | Box]:
    faces: dict[str, Eyes | Box] = {}
    problems = []
    for line, row in rows:
        clip = (row["clip"] or "").strip()
        try:
            if clips is not None and clip not in clips:
                raise ValueError(f"no clip '{clip}' in the data set, which has clips such as {_examples(clips)}")
            if clip in faces:
                raise ValueError(f"clip '{clip}' has a row already")
            faces[clip] = _parse_face([parse_number(name, row[name]) for name in columns], columns)
        except ValueError as e:
            problems.append(f"  line {line}: {e}")
    if problems:
        raise ValueError(f"{path} has {len(problems)} bad rows:\n" + "\n".join(problems))
    return faces


def _examples(clips: Collection[str]) -> str:
    return ", ".join(f"'{clip}'" for clip in sorted(clips)[:3])


def _parse_face(values: Sequence[float], columns: Sequence[str]) -> Eyes | Box:
    a, b, c, d = values
    if columns is BOX_COLUMNS:
        if min(c, d) <= 0:
            raise ValueError(f"a box must have a width and a height above 0, got {c:g} x {d:g}")
        return Box(a, b, c, d)
    if c - a < 1:
        raise ValueError(f"the right eye must lie to the right of the left one in the picture, got x = {a:g} and {c:g}")
    return Eyes((a, b), (c, d))
