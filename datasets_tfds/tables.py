"""Annotation tables: Excel workbooks of both generations (xls, xlsx), found by name, with columns found by header.

Cells come as the workbook holds them; `as_integer` and `as_text` give them a type. Imports neither TensorFlow nor TFDS.
"""

import dataclasses
import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets_tfds import layout

HEADER = "subject"  # what the first column of the header row says
_XLS, _XLSX = b"\xd0\xcf\x11\xe0", b"PK\x03\x04"
_SUFFIXES = (".xls", ".xlsx")
_DEPTH = 2  # how far below the user's folder a table is looked for


@dataclasses.dataclass(frozen=True)
class TableVersion:
    """One edition of a set's table.

    Attributes:
        name: how `corrections.csv` and reports call it.
        file_name: regular expression of the whole file name without suffix; case is ignored.
        num_rows: rows that the distributed edition has.
    """

    name: str
    file_name: str
    num_rows: int


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        index: position below the header, from 0.
        number: row number as a spreadsheet program shows it.
        cells: by field name, as the workbook holds them.
    """

    index: int
    number: int
    cells: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Table:
    """A set's table as found on disk."""

    path: Path
    version: TableVersion
    sheet: str
    rows: tuple[Row, ...]


def find_table(folders: Sequence[Path], stem: str, versions: Sequence[TableVersion]) -> tuple[Path, TableVersion]:
    """Find a set's table in `folders` or a little below them.

    Args:
        folders: where to look.
        stem: regular expression of what the names of all editions begin with, known or not.
        versions: known editions; of several that are there, the first one counts.

    Raises:
        FileNotFoundError: none of the workbooks there is the set's.
        ValueError: only an edition that is not known.
    """
    books = sorted({path for folder in folders for path in _workbooks(folder, _DEPTH)})
    for version in versions:
        for path in books:
            if re.fullmatch(version.file_name + r"(?: ?\(\d\))?", path.stem.strip(), re.IGNORECASE):
                return path, version
    known = ", ".join(version.name for version in versions)
    if similar := [path for path in books if re.match(stem, path.stem, re.IGNORECASE)]:
        raise ValueError(
            f"{similar[0]}: unknown edition of the annotation table; known editions: {known}. Use one of these, or "
            "give the file its distributed name back if it was renamed"
        )
    found = ", ".join(path.name for path in books) or "none"
    raise FileNotFoundError(
        f"no annotation table (editions {known}) in {folders[0]}; Excel files there: {found}. Put the table that came "
        "with the set there"
    )


def _workbooks(folder: Path, depth: int) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith((".", "~$")):
            yield path
    if depth > 0:
        for inner in layout.subfolders(folder):
            yield from _workbooks(inner, depth - 1)


def read_table(path: Path, version: TableVersion, sheet: str | None, columns: Mapping[str, str]) -> Table:
    """Read the rows below the header.

    Args:
        path: the workbook; its bytes decide whether it is xls or xlsx, not its name.
        version: its edition.
        sheet: name of the sheet; None takes the first one.
        columns: header of each wanted field; blanks and case are ignored.

    Raises:
        ValueError: no workbook, no such sheet, no header row, or a column is missing.
    """
    name, grid = read_sheet(path, sheet)
    where = f"{path}, sheet {name}"
    start = next((i for i, row in enumerate(grid) if row and squeeze(row[0]) == HEADER), None)
    if start is None:
        raise ValueError(f"{where}: no header row, one whose first cell says Subject; is it another set's table?")
    places = _find_columns([squeeze(cell) for cell in grid[start]], columns, where, grid[start])
    rows = tuple(
        Row(i, start + i + 2, {field: row[k] if k < len(row) else None for field, k in places.items()})
        for i, row in enumerate(grid[start + 1 :])
        if any(as_text(row[k]) for k in places.values() if k < len(row))
    )
    if not rows:
        raise ValueError(f"{where}: no rows below the header; expected one a clip")
    return Table(path, version, name, rows)


def _find_columns(header: list[str], columns: Mapping[str, str], where: str, cells: Sequence[Any]) -> dict[str, int]:
    missing = [name for name in columns.values() if squeeze(name) not in header]
    if missing:
        found = ", ".join(as_text(cell) for cell in cells if as_text(cell))
        raise ValueError(
            f"{where}: no column {', '.join(missing)}; it has {found}. Is it another set's table, or was it edited?"
        )
    return {field: header.index(squeeze(name)) for field, name in columns.items()}


def squeeze(cell: Any) -> str:
    """A header's letters: without blanks, in lower case."""
    return re.sub(r"\s+", "", as_text(cell)).casefold()


def read_sheet(path: Path, sheet: str | None) -> tuple[str, list[Sequence[Any]]]:
    """Read a sheet's name and its cells, row by row; `sheet` None takes the first one.

    Raises:
        ValueError: no workbook, or no such sheet.
    """
    data = path.read_bytes()
    if data[:4] not in (_XLS, _XLSX):
        raise ValueError(f"{path}: not an Excel workbook, or a damaged one; copy the table from the archive again")
    try:
        return (_read_xls if data[:4] == _XLS else _read_xlsx)(data, sheet)
    except KeyError as error:
        raise ValueError(f"{path}: no sheet {sheet}; it has {', '.join(error.args[0])}") from None
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"{path}: cannot be read ({error}); copy the table from the archive again") from error


def _read_xlsx(data: bytes, sheet: str | None) -> tuple[str, list[Sequence[Any]]]:
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about features of the workbook that reading does not need
        book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    name = _choose(book.sheetnames, sheet)
    return name, [list(row) for row in book[name].iter_rows(values_only=True)]


def _read_xls(data: bytes, sheet: str | None) -> tuple[str, list[Sequence[Any]]]:
    import xlrd

    book = xlrd.open_workbook(file_contents=data)
    name = _choose(book.sheet_names(), sheet)
    page = book.sheet_by_name(name)
    return name, [page.row_values(i) for i in range(page.nrows)]


def _choose(names: Sequence[str], sheet: str | None) -> str:
    """The wanted sheet's name as the workbook writes it."""
    if sheet is None:
        return names[0]
    same = [name for name in names if squeeze(name) == squeeze(sheet)]
    if not same:
        raise KeyError(list(names))
    return same[0]


def as_text(cell: Any) -> str:
    """A cell as text: numbers without a needless point, nothing as "", blanks around it removed."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def as_integer(cell: Any) -> int:
    """A cell as an integer: 46, 46.0 or "46".

    Raises:
        ValueError: it is something else.
    """
    text = as_text(cell)
    if not re.fullmatch(r"[+-]?\d+(\.0+)?", text):
        raise ValueError(f"{text or 'an empty cell'!r} instead of a whole number")
    return int(float(text))
