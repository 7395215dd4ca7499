"""Tables and lists that are plain text, as Excel, editors and programs of several countries save them."""

import codecs
import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

from datasets_tfds import reach

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATORS = ",;\t"


def read_text(path: Path) -> tuple[str, str]:
    """Read a text file.

    Returns:
        The text, and the name of its encoding: UTF-8, UTF-16 (with or without a byte order mark) or GB18030.

    Raises:
        ValueError: none of these fits, or the file can't be read.
    """
    data = reach.read_bytes(path)
    for encoding in _encodings(data):
        try:
            return data.decode(encoding).removeprefix("\ufeff"), encoding.removesuffix("-sig")
        except UnicodeDecodeError:
            continue
    raise ValueError(f"{path}: its text is neither UTF-8 nor UTF-16 nor GB18030; save it again as UTF-8")


def _encodings(data: bytes) -> list[str]:
    """What may fit, the likeliest first."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return [encoding]
    if b"\0" in data:  # separators and line ends have a zero byte in UTF-16, and in no other text
        return ["utf-16-le", "utf-16-be"] if data.find(b"\0") % 2 else ["utf-16-be", "utf-16-le"]
    return ["utf-8", "gb18030"]


def read_text_table(path: Path, known_columns: Callable[[list[str]], int]) -> tuple[str, list[list[str]]]:
    """Read a table whose fields are separated by commas, semicolons or tabs.

    Args:
        path: the file.
        known_columns: how many of a row's cells are headers that the caller looks for; the separator that shows it
            the most of them in the first row that is not blank is the file's.

    Returns:
        How the file is written, for reports, and its rows; row k is line k + 1 of a spreadsheet program.

    Raises:
        ValueError: unknown encoding, no text, or a quotation mark without its fellow.
    """
    text, encoding = read_text(path)
    stated = re.match(r"sep=([,;|\t])\r?\n", text)  # a line that Excel reads and does not show
    rest = text[stated.end() :] if stated else text
    if not rest.strip():
        raise ValueError(f"{path}: holds no text; expected a header and a row for each clip")
    separator = stated[1] if stated else _find_separator(rest, known_columns)
    name = {",": "commas", ";": "semicolons", "\t": "tabs"}.get(separator, repr(separator))
    return f"{encoding.upper()}, fields separated by {name}", _split(path, rest, separator)


def _find_separator(text: str, known_columns: Callable[[list[str]], int]) -> str:
    cells = {separator: _first_row(text, separator) for separator in _SEPARATORS}
    return max(cells, key=lambda separator: (known_columns(cells[separator]), len(cells[separator])))


def _first_row(text: str, separator: str) -> list[str]:
    return next(row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(row))


def _split(path: Path, text: str, separator: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        return list(reader)
    except csv.Error as error:
        raise ValueError(
            f"{path} line {reader.line_num}: {error}; a field that holds a quotation mark or a separator must stand in "
            'quotation marks, and one inside it is written twice ("")'
        ) from None
