"""Writing of annotation tables as Excel workbooks, xls or xlsx; the same cells give the same bytes."""

import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Grid = Sequence[Sequence[Any]]
_EPOCH = b"2000-01-01T00:00:00Z"


def write_workbook(path: Path, sheets: dict[str, Grid]) -> None:
    """Write sheets of cells (None leaves one empty); the suffix of `path` chooses the format.

    Raises:
        ImportError: xls is wanted and the package xlwt is not installed.
    """
    path.write_bytes(_xls(sheets) if path.suffix == ".xls" else _xlsx(sheets))


def _xls(sheets: dict[str, Grid]) -> bytes:
    try:
        import xlwt
    except ImportError:
        raise ImportError("writing a table as xls needs the package xlwt: pip install xlwt") from None
    book = xlwt.Workbook()
    for name, grid in sheets.items():
        page = book.add_sheet(name)
        for i, row in enumerate(grid):
            for k, cell in enumerate(row):
                if cell is not None:
                    page.write(i, k, cell)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _xlsx(sheets: dict[str, Grid]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, grid in sheets.items():
        page = book.create_sheet(name)
        for row in grid:
            page.append(list(row))
    file = io.BytesIO()
    book.save(file)
    return _without_times(file.getvalue())


def _without_times(book: bytes) -> bytes:
    """The same workbook without the time it was written."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", _EPOCH, data)
            new.writestr(zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return file.getvalue()
