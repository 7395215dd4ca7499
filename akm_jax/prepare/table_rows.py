"""Rows and numbers of a CSV file that a user wrote."""

import csv
import math
from pathlib import Path

Rows = list[tuple[int, dict[str, str | None]]]


def read_rows(path: Path, what: str, columns: str) -> tuple[list[str], Rows]:
    """Column names, and every row with the number of its line.

    Args:
        path: the file, in UTF-8, with or without a byte order mark.
        what: what it is, for messages.
        columns: the columns that it may have, for messages.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is not a CSV file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no {what} at {path}; expected a CSV file with the columns {columns}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            names = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = names
            return names, [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as e:
        raise ValueError(f"{path} is not a CSV file in UTF-8: {e}") from e


def parse_number(column: str, text: str | None) -> float:
    """The finite number in a cell.

    Raises:
        ValueError: there is none.
    """
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{column} must be a number, got '{text or ''}'")
    return value
