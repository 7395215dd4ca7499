"""Form 1: a table with a row for each clip, `clips.csv`, `clips.tsv`, `clips.xlsx` or `clips.xls`."""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from akm_jax.data.pictures import enumerate_some
from datasets_tfds import reach, tables, text_tables
from datasets_tfds.disk_check import DiskCheck
from datasets_tfds.folder import columns
from datasets_tfds.folder.listing import Entry, Listing, SubjectPattern, locate

STEM = "clips"
_TEXT, _WORKBOOKS = (".csv", ".tsv"), (".xlsx", ".xls")


def find_table(root: Path, stem: str = STEM, given: Path | None = None) -> Path | None:
    """The table of this name in a folder, or the one that the user names with --data.table.

    Raises:
        FileNotFoundError: `given` is absent.
        ValueError: there are several, or `given` is no table.
    """
    if given is not None:
        if given.suffix.lower() not in _TEXT + _WORKBOOKS:
            raise ValueError(f"--data.table={given}: expected a table, {', '.join(_TEXT + _WORKBOOKS)}")
        return reach.require_file(given, "--data.table")
    found = sorted(p for p in root.iterdir() if p.stem.casefold() == stem and p.suffix.lower() in _TEXT + _WORKBOOKS)
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ValueError(f"{root} holds several tables of {stem}: {names}; keep one of them")
    return found[0] if found else None


def read_table(root: Path, path: Path, pattern: SubjectPattern, check: DiskCheck) -> Listing:
    """Read a table; rows that can't be used go to the check.

    Args:
        root: paths in the table are looked up from here.
        path: the table.
        pattern: gives the subjects of a table without a column of them.
        check: where the form is noted, and what is wrong is told.

    Raises:
        ValueError: the file can't be read, a column is missing, or there are no rows.
    """
    required = [field for field in columns.REQUIRED if field != "subject" or not pattern.text]
    width, places, rows = read_columns(path, columns.HEADERS, required, check)
    reader = _RowReader(root, path.name, places, width, pattern, check)
    if not rows:
        raise ValueError(f"{path}: no rows below the header; expected one for each clip")
    entries = [entry for number, row in rows if (entry := reader.read(number, row)) is not None]
    if reader.rounded:
        check.notes.append(f"numbers that are not whole, rounded: {enumerate_some(reader.rounded, 8)}")
    return Listing(tuple(entries), (path,))


def read_columns(
    path: Path, headers: Mapping[str, Sequence[str]], required: Sequence[str], check: DiskCheck
) -> tuple[int, dict[str, int], list[tuple[int, Sequence[Any]]]]:
    """Find the columns of a table, which the check notes.

    Returns:
        How many columns there are, the place of each field, and the rows below the header that hold anything, each
        with its number.

    Raises:
        ValueError: the file can't be read, or a required column is missing.
    """
    how, grid = _read_grid(path, headers)
    start = next((i for i, row in enumerate(grid) if any(map(tables.as_text, row))), 0)
    start = next((i for i, row in enumerate(grid) if columns.count_known(row, headers) > 1), start)
    header = grid[start] if grid else []
    places = columns.find_columns(path, header, required, headers)
    check.notes.append(
        f"recognised a table of {path.stem.casefold()}, {path.name} ({how}): {_describe(header, places)}"
    )
    rows = [(i + 1, row) for i, row in enumerate(grid) if i > start and any(map(tables.as_text, row))]
    return len(header), places, rows


def _read_grid(path: Path, headers: Mapping[str, Sequence[str]]) -> tuple[str, Sequence[Sequence[Any]]]:
    if path.suffix.lower() in _TEXT:
        return text_tables.read_text_table(path, functools.partial(columns.count_known, headers=headers))
    sheet, grid = tables.read_sheet(path, None)
    return f"sheet {sheet}", grid


def _describe(header: Sequence[Any], places: Mapping[str, int]) -> str:
    named = [f"{field} from {tables.as_text(header[place])}" for field, place in places.items()]
    unused = [
        tables.as_text(cell) for k, cell in enumerate(header) if k not in places.values() and tables.as_text(cell)
    ]
    return ", ".join(named) + (f"; not used: {', '.join(unused)}" if unused else "")


@dataclasses.dataclass(frozen=True)
class _RowReader:
    """Turns rows of one table into entries."""

    root: Path
    name: str
    places: Mapping[str, int]
    width: int
    pattern: SubjectPattern
    check: DiskCheck
    rounded: list[str] = dataclasses.field(default_factory=list)

    def read(self, number: int, row: Sequence[Any]) -> Entry | None:
        """The entry of a row; None if it can't be read, which the check then knows."""
        where = f"{self.name} row {number}"
        if any(map(tables.as_text, row[self.width :])):
            what = f"{len(row)} fields, but the header has {self.width}"
            self.check.add_problem(where, what, "put fields that hold a separator into quotation marks")
            return None
        cells = {field: row[k] if k < len(row) else None for field, k in self.places.items()}
        try:
            return self._read_cells(where, cells)
        except ValueError as error:
            self.check.add_problem(where, str(error), "repair the row", tables.as_text(cells.get("clip_id")) or None)
            return None

    def _read_cells(self, where: str, cells: Mapping[str, Any]) -> Entry:
        text = tables.as_text(cells["path"])
        if not text:
            raise ValueError("empty path")
        path = locate(self.root, text)
        with_subject = "subject" in cells
        return Entry(
            where,
            path,
            tables.as_text(cells["subject"]) if with_subject else self.pattern.find(self.root, path),
            tables.as_text(cells["label"]),
            tables.as_text(cells.get("clip_id")),
            **{field: self._read_number(where, field, cells.get(field)) for field in ("onset", "apex", "offset")},
            fps=read_fps(cells.get("fps")),
            frame_names=tables.as_text(cells.get("frame_names")),
        )

    def _read_number(self, where: str, field: str, cell: Any) -> int | None:
        if not tables.is_given(cell):
            return None
        try:
            number, is_rounded = tables.read_number(cell)
        except ValueError as error:
            raise ValueError(f"{field} is {error}") from None
        self.rounded.extend([f"{where} {field} {tables.as_text(cell)}"] * is_rounded)
        return number


def read_fps(cell: Any) -> float:
    """A cell of frames per second; 0 where it says nothing.

    Raises:
        ValueError: no number above 0.
    """
    text = tables.as_text(cell).replace(",", ".")
    try:
        fps = float(text) if tables.is_given(cell) else 0.0
    except ValueError:
        fps = math.nan
    if not 0 <= fps < math.inf:
        raise ValueError(f"fps is {text!r}; expected a number above 0, or nothing where it is not known")
    return fps
