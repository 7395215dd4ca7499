"""Annotation tables: Excel workbooks of both generations (xls, xlsx) and text, with columns found by header.

Cells come as the table holds them; `read_number` and `as_text` give them a type. Imports neither TensorFlow nor TFDS.
"""

import dataclasses
import io
import math
import re
import warnings
import zipfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from akm_jax.data.pictures import enumerate_some
from datasets_tfds import layout, reach, text_tables

HEADER = "subject"  # what a cell of the header row says
NOT_GIVEN = ("", "/", "\\", "-", "--", "?", "nan", "n/a", "#n/a", "na", "none", "null")  # what tables write for nothing
_XLS, _XLSX = b"\xd0\xcf\x11\xe0", b"PK\x03\x04"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # what a workbook with a password holds in place of its sheets
_WORKBOOKS, _TEXTS = (".xls", ".xlsx", ".xlsm"), (".csv", ".tsv")
# What copies, and sheets saved as text, have at the end of their names.
_ADDED = r"(?:_?\(\d+\)|_copy(?:_?\(?\d+\)?)?|_(?:sheet\d+|micro_only))*"
_DEPTH = 2  # how far below the user's folder a table is looked for


@dataclasses.dataclass(frozen=True)
class TableVersion:
    """One edition of a set's table.

    Attributes:
        name: how `corrections.csv` and reports call it.
        file_name: regular expression of the whole file name without suffix, in lower case and with one underscore in
            place of blanks, hyphens and underscores.
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


def find_table(
    folders: Sequence[Path], stem: str, versions: Sequence[TableVersion], given: Path | None = None
) -> tuple[Path, TableVersion]:
    """Find a set's table in `folders` or a little below them.

    Args:
        folders: where to look.
        stem: regular expression of what the names of all editions begin with, known or not.
        versions: known editions; of several that are there, the first one counts, and a workbook before a text file.
        given: the table that the user names with --data.table, whatever it is called; it is taken for the first edition
            where its name says none.

    Raises:
        FileNotFoundError: none of the tables there is the set's, or `given` is absent.
        ValueError: only an edition that is not known, or `given` is a folder.
    """
    if given is not None:
        path = reach.require_file(given, "--data.table")
        as_distributed = next((version for version in versions if _is_called(path, version.file_name)), None)
        return path, as_distributed or versions[0]
    suffixes = (*_WORKBOOKS, *_TEXTS)
    found = {path for folder in folders for path in layout.list_files(folder, suffixes, _DEPTH)}
    books = sorted(
        (p for p in found if not layout.is_left_behind(p.name)), key=lambda p: (p.suffix.lower() in _TEXTS, p)
    )
    for version in versions:
        for path in books:
            if _is_called(path, version.file_name):
                return path, version
    known = ", ".join(version.name for version in versions)
    if similar := [path for path in books if re.match(stem, _spell(path))]:
        raise ValueError(
            f"{similar[0]}: unknown edition of the annotation table; known editions: {known}. Use one of these, give "
            f"the file its distributed name back if it was renamed, or name it: --data.table={similar[0]}"
        )
    names = ", ".join(path.name for path in books) or "none"
    raise FileNotFoundError(
        f"no annotation table (editions {known}) in {folders[0]}; Excel files there: {names}. Put the table that came "
        "with the set there, or name it: --data.table=FILE"
    )


def _is_called(path: Path, file_name: str) -> bool:
    return re.fullmatch(file_name + _ADDED, _spell(path)) is not None


def _spell(path: Path) -> str:
    return re.sub(r"[\s_-]+", "_", path.stem.strip()).casefold()


def read_table(path: Path, version: TableVersion, sheet: str | None, columns: Mapping[str, str]) -> Table:
    """Read the rows below the header.

    The header is the first row that has all columns, so that a title, a block of notes, or a column of numbers in front
    does no harm.

    Args:
        path: the table; its bytes decide whether it is xls, xlsx or text, not its name.
        version: its edition.
        sheet: name of the sheet; None takes the first one.
        columns: header of each wanted field; blanks and case are ignored.

    Raises:
        ValueError: no workbook, no such sheet, no header row, or a column is missing.
    """
    name, grid = read_sheet(path, sheet, list(columns.values()))
    where = f"{path}, sheet {name}" if name else str(path)
    headers = [[squeeze(cell) for cell in row] for row in grid]
    wanted = {squeeze(column) for column in columns.values()}
    start = next((i for i, header in enumerate(headers) if wanted.issubset(header)), None)
    if start is None:
        start = next((i for i, header in enumerate(headers) if HEADER in header), None)
    if start is None:
        raise ValueError(f"{where}: no header row, one with a cell that says Subject; is it another set's table?")
    places = _find_columns(headers[start], columns, where, grid[start])
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


def fill_down(rows: Sequence[Row], field: str, where: str) -> tuple[list[Row], list[int]]:
    """Give rows whose `field` is empty the value of the row above: what merged cells leave in xls and text.

    Args:
        rows: of a table.
        field: to be filled.
        where: a field that must not be empty in a row that is filled.

    Returns:
        The rows, and the numbers of those that were filled.
    """
    filled, numbers, last = list[Row](), list[int](), None
    for row in rows:
        if as_text(row.cells[field]):
            last = row.cells[field]
        elif last is not None and as_text(row.cells[where]):
            row = dataclasses.replace(row, cells={**row.cells, field: last})
            numbers.append(row.number)
        filled.append(row)
    return filled, numbers


def drop_footer(rows: Sequence[Row], is_entry: Callable[[Row], bool]) -> tuple[list[Row], list[Row]]:
    """Rows up to the last one that is an entry, and those below it: notes, means, sums."""
    count = max((i + 1 for i, row in enumerate(rows) if is_entry(row)), default=len(rows))
    return list(rows[:count]), list(rows[count:])


def squeeze(cell: Any) -> str:
    """A header's letters: without blanks, in lower case."""
    return re.sub(r"\s+", "", as_text(cell)).casefold()


def read_sheet(path: Path, sheet: str | None, columns: Collection[str] = ()) -> tuple[str, Sequence[Sequence[Any]]]:
    """Read a sheet's name and its cells, row by row; `sheet` None takes the first one.

    Args:
        path: a workbook, or a text file, which is one sheet without a name.
        sheet: its name.
        columns: headers that the caller looks for, by which the separator of a text file is found.

    Raises:
        ValueError: no table, no such sheet, a password, or formulas that were never computed.
    """
    data = reach.read_bytes(path)
    if data[:4] not in (_XLS, _XLSX):
        if path.suffix.lower() in _TEXTS:
            known = {squeeze(column) for column in columns}
            return "", text_tables.read_text_table(path, lambda row: sum(squeeze(cell) in known for cell in row))[1]
        raise ValueError(f"{path}: not an Excel workbook, or a damaged one; copy the table from the archive again")
    if data[:4] == _XLS and _ENCRYPTED in data:
        raise _protected(path)
    try:
        return (_read_xls if data[:4] == _XLS else _read_xlsx)(data, sheet)
    except _FormulaError as error:
        raise ValueError(
            f"{path}: holds formulas without values ({error}); open and save it once with Excel or LibreOffice"
        ) from None
    except KeyError as error:
        raise ValueError(f"{path}: no sheet {sheet}; it has {', '.join(error.args[0])}") from None
    except ValueError:
        raise
    except Exception as error:
        if "encrypted" in str(error):
            raise _protected(path) from error
        raise ValueError(f"{path}: cannot be read ({error}); copy the table from the archive again") from error


def _protected(path: Path) -> ValueError:
    return ValueError(f"{path}: is password-protected; open it with the password, and save it without one")


class _FormulaError(Exception):
    """Cells whose values only a spreadsheet program can compute."""


def _read_xlsx(data: bytes, sheet: str | None) -> tuple[str, Sequence[Sequence[Any]]]:
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about features of the workbook that reading does not need
        book = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
        name = _choose(book.sheetnames, sheet)
        formulas = openpyxl.load_workbook(io.BytesIO(data))[name] if _may_lack_values(data) else None
    if formulas is not None:
        cells = (cell for row in formulas.iter_rows() for cell in row if cell.data_type == "f")
        if lacking := [cell.coordinate for cell in cells if _lacks_value(book[name][cell.coordinate])]:
            raise _FormulaError(enumerate_some(lacking))
    grid = [list(row) for row in book[name].iter_rows(values_only=True)]
    for merged in book[name].merged_cells.ranges:
        if merged.min_col == merged.max_col:  # one value for several rows; a title over several columns stays one
            for row in grid[merged.min_row : merged.max_row]:
                row[merged.min_col - 1] = grid[merged.min_row - 1][merged.min_col - 1]
    return name, grid


def _may_lack_values(data: bytes) -> bool:
    """Whether any sheet holds a formula; looked at first, as reading a workbook twice takes time."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        return any(re.search(rb"<(?:\w+:)?f[ >/]", archive.read(name)) for name in sheets)


def _lacks_value(cell: Any) -> bool:
    """Whether a formula's cell holds no value; one that is an empty text is kept as such."""
    return cell.value is None and cell.data_type not in ("s", "str")


def _read_xls(data: bytes, sheet: str | None) -> tuple[str, Sequence[Sequence[Any]]]:
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


def is_given(cell: Any) -> bool:
    """Whether a cell says anything, or that there is nothing to say."""
    return as_text(cell).casefold() not in NOT_GIVEN


def read_number(cell: Any) -> tuple[int, bool]:
    """A cell as a frame number: 46, 46.0, "46"; what a formula has made of one, 566.4000000000001, is rounded.

    Returns:
        The number, and whether it had to be rounded.

    Raises:
        ValueError: it is no number.
    """
    text = as_text(cell)
    if not re.fullmatch(r"[+-]?\d+([.,]\d+)?", text):
        raise ValueError(f"{text or 'an empty cell'!r} instead of a number")
    value = float(text.replace(",", "."))
    return math.floor(value + 0.5), not value.is_integer()
