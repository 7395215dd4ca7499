"""Tables of intervals: read from CSV files of several forms, written in those of MEGC 2022 and STRS 2025.

In memory a table is a DataFrame of the columns subject, video, onset, offset, type (`micro`, `macro`), and where known
emotion and score; frames are whole numbers and the offset belongs to the interval. Files name columns in several ways:
see `NAMES`. A file without subjects has an empty column; one without types must have emotions, as those of STRS, and is
of micro-expressions.
"""

import dataclasses
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from akm_jax.data.long_videos import ExpressionType, LongVideo
from akm_jax.files import read_table_text, write_text
from akm_jax.spotting.intervals import Spotted
from akm_jax.spotting.labels import Variant, counted_intervals

COLUMNS = ("subject", "video", "onset", "offset", "type")
# Names by which files call a column, in small letters.
NAMES = {
    "subject": ("subject", "subject_id"),
    "video": ("video", "vid", "video_id"),
    "onset": ("onset", "pred_onset", "start"),
    "offset": ("offset", "pred_offset", "end"),
    "type": ("type", "expression_type"),
    "emotion": ("emotion", "pred_emotion"),
    "score": ("score", "confidence"),
}
REQUIRED = ("video", "onset", "offset")
TYPE_NAMES: dict[str, ExpressionType] = {
    "me": "micro",
    "micro": "micro",
    "micro-expression": "micro",
    "micro - 1/2": "micro",
    "mae": "macro",
    "macro": "macro",
    "macro-expression": "macro",
}
MEGC_TYPES = {"micro": "me", "macro": "mae"}
MOST_PROBLEMS = 20

Form = Literal["megc2022", "strs2025", "all"]


@dataclasses.dataclass(frozen=True)
class SpotTable:
    """A table and what a reader of its scores should know of it."""

    rows: pd.DataFrame
    notes: tuple[str, ...] = ()


def read_table(path: Path) -> SpotTable:
    """Read a CSV file, with commas or semicolons, with or without a byte order mark.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no table of intervals; problems are named with file and line.
    """
    raw = _named(path, _read(path))
    problems: list[tuple[int, str]] = []
    rows = pd.DataFrame({"subject": raw.get("subject", ""), "video": raw["video"]}, index=raw.index)
    problems += [(line, "the video is empty") for line in raw.index[raw["video"] == ""]]
    for name in ("onset", "offset"):
        rows[name] = _numbers(raw, name, problems, whole=True)
    rows["type"] = _types(raw, problems)
    if "emotion" in raw:
        rows["emotion"] = raw["emotion"]
    if "score" in raw:
        rows["score"] = _numbers(raw, "score", problems)
    turned = rows[rows["offset"] < rows["onset"]]
    problems += [
        (line, f"onset {onset:.0f} after offset {offset:.0f}")
        for line, onset, offset in zip(turned.index, turned["onset"], turned["offset"], strict=True)
    ]
    _raise(path, problems)
    rows = rows.astype({"onset": np.int64, "offset": np.int64})
    return SpotTable(rows.reset_index(drop=True), tuple(_duplicates(path, rows)))


def write_table(path: Path, rows: pd.DataFrame, form: Form = "all", *, first_frame: int = 0) -> None:
    """Write a table.

    Args:
        path: the file.
        rows: a table; frames 0-based.
        form: `megc2022` for vid, pred_onset, pred_offset, type (me, mae); `strs2025` for subject, video, onset, offset,
            emotion of micro-expressions; `all` for every column there is.
        first_frame: number that the file gives to the first frame of a video.

    Raises:
        ValueError: the form needs emotions and there are none.
    """
    counted = rows.assign(onset=rows["onset"] + first_frame, offset=rows["offset"] + first_frame)
    if form == "megc2022":
        new = {"video": "vid", "onset": "pred_onset", "offset": "pred_offset"}
        counted = counted.assign(type=counted["type"].map(MEGC_TYPES)).rename(columns=new)
        counted = counted[["vid", "pred_onset", "pred_offset", "type"]]
    elif form == "strs2025":
        if "emotion" not in rows:
            raise ValueError(f"{path}: the form strs2025 has a column emotion; expected a table with emotions")
        counted = counted[counted["type"] == "micro"][["subject", "video", "onset", "offset", "emotion"]]
    write_text(path, counted.to_csv(index=False, lineterminator="\n"))


def spotted_table(spotted: Iterable[tuple[LongVideo, ExpressionType, Spotted]]) -> pd.DataFrame:
    """Make the table of what was found in videos."""
    rows = [
        (video.subject, video.video_id, int(onset), int(offset), wanted, float(score))
        for video, wanted, found in spotted
        for (onset, offset), score in zip(found.spans, found.scores, strict=True)
    ]
    return _table(rows, (*COLUMNS, "score"))


def annotated_table(
    videos: Iterable[LongVideo], wanted: Sequence[ExpressionType], variant: Variant = "megc"
) -> pd.DataFrame:
    """Make the table of the annotation, as `counted_intervals` has it; with emotions as annotated."""
    rows = [
        (video.subject, video.video_id, one.onset, one.offset, one.type, one.emotion)
        for video in videos
        for kind in wanted
        for one in counted_intervals(video, kind, variant)
    ]
    return _table(rows, (*COLUMNS, "emotion"))


def _table(rows: Sequence[tuple], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns)).astype({"onset": np.int64, "offset": np.int64})


# Reading. The index of the rows is their line in the file; problems are collected and raised together.


def _read(path: Path) -> pd.DataFrame:
    """All fields as text without blanks around them; lines of nothing but separators are no rows."""
    text, separator = read_table_text(path, REQUIRED)
    try:
        raw = pd.read_csv(
            io.StringIO(text), sep=separator, header=None, dtype=str, keep_default_na=False, skip_blank_lines=False
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as e:
        raise ValueError(f"{path}: not a table ({e}); expected a header and a row for each interval") from e
    raw = raw.apply(lambda column: column.fillna("").str.strip())
    raw.index = raw.index + 1
    return raw[(raw != "").any(axis=1)]


def _named(path: Path, raw: pd.DataFrame) -> pd.DataFrame:
    """Columns by our names."""
    header = raw.iloc[0] if len(raw) else pd.Series(dtype=str)
    ours = {theirs: name for name, many in NAMES.items() for theirs in many}
    named = header.str.lower().map(ours)
    missing = [name for name in REQUIRED if name not in set(named)]
    if not {"type", "emotion"} & set(named):
        missing.append("type (or emotion, for a table of micro-expressions)")
    twice = sorted(set(named[named.duplicated() & named.notna()]))
    if missing or twice:
        what = [f"no column {', '.join(missing)}"] * bool(missing) + [f"column {', '.join(twice)} twice"] * bool(twice)
        known = "; ".join(f"{name}: {', '.join(NAMES[name])}" for name in NAMES)
        raise ValueError(f"{path}:1: {'; '.join(what)}; found {', '.join(header) or 'nothing'}, known are {known}")
    return raw.iloc[1:].loc[:, named.notna()].rename(columns=dict(named.dropna()))


def _numbers(raw: pd.DataFrame, name: str, problems: list[tuple[int, str]], *, whole: bool = False) -> pd.Series:
    numbers = pd.to_numeric(raw[name], errors="coerce").astype(float)
    wrong = ~np.isfinite(numbers) | (whole & (numbers != numbers.round()))
    expected = "a whole number of frames" if whole else "a number"
    problems += [(line, f"{name} {raw[name][line]!r}: expected {expected}") for line in raw.index[wrong]]
    return numbers


def _types(raw: pd.DataFrame, problems: list[tuple[int, str]]) -> pd.Series:
    if "type" not in raw:
        return pd.Series("micro", index=raw.index, dtype=str)
    types = raw["type"].str.lower().map(TYPE_NAMES)
    known = ", ".join(TYPE_NAMES)
    problems += [(line, f"type {raw['type'][line]!r}: expected one of {known}") for line in raw.index[types.isna()]]
    return types


def _duplicates(path: Path, rows: pd.DataFrame) -> list[str]:
    again = rows.index[rows.duplicated(list(COLUMNS))]
    if not len(again):
        return []
    lines = ", ".join(map(str, again[:5]))
    return [
        f"{path}: {len(again)} rows stand there before (lines {lines}{' ...' * (len(again) > 5)}); they count again"
    ]


def _raise(path: Path, problems: Sequence[tuple[int, str]]) -> None:
    if not problems:
        return
    lines = [f"{path}:{line}: {text}" for line, text in sorted(problems)[:MOST_PROBLEMS]]
    more = len(problems) - MOST_PROBLEMS
    raise ValueError("\n".join([*lines, *([f"and {more} problems more"] if more > 0 else [])]))
