"""Known errors of distributed tables, mended while reading: one `corrections.csv` a set.

Columns: `key`, a clip id or `EDITION#INDEX` (row of that edition of the table, from 0 below the header); `field`
(onset, apex or offset); `old`; `new`; `reason`. A correction applies only where the old value still stands, because
several public copies are already repaired. Where `old` is empty the wrong value is not known here: then all corrections
of the key apply together, and only where the row as it stands can't be right (its frames are not all on disk) and the
corrected one can.
"""

import csv
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets_tfds.tables import Row, as_text

FIELDS = ("onset", "apex", "offset")
_COLUMNS = ("key", "field", "old", "new", "reason")


@dataclasses.dataclass(frozen=True)
class Correction:
    """One cell that is wrong in distributed copies; `old` is empty where the wrong value is not known."""

    key: str
    field: str
    old: str
    new: str
    reason: str


def read_corrections(path: Path) -> tuple[Correction, ...]:
    """Read `corrections.csv`.

    Raises:
        ValueError: other columns, an unknown field, or no new value or reason.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != _COLUMNS:
            raise ValueError(f"{path}: columns {reader.fieldnames}, expected {', '.join(_COLUMNS)}")
        found = tuple(Correction(**{name: row[name].strip() for name in _COLUMNS}) for row in reader)
    for one in found:
        if one.field not in FIELDS or not one.new or not one.reason:
            raise ValueError(f"{path}: {one}; expected a field of {', '.join(FIELDS)}, a new value and a reason")
    return found


def correct(
    row: Row, keys: Sequence[str], corrections: Sequence[Correction], can_be_right: Callable[[Mapping[str, Any]], bool]
) -> tuple[Row, list[str]]:
    """Mend a row.

    Args:
        row: as read.
        keys: what the row is called in `corrections`.
        corrections: all of the set.
        can_be_right: whether cells agree with the disk.

    Returns:
        The row, and what was changed: a text for each reason.
    """
    mine = [one for one in corrections if one.key in keys]
    apply = [one for one in mine if one.old and as_text(row.cells[one.field]) == one.old]
    blind = [one for one in mine if not one.old]
    if blind and not can_be_right(row.cells) and can_be_right({**row.cells, **_new_cells(blind)}):
        apply += [one for one in blind if as_text(row.cells[one.field]) != one.new]
    return dataclasses.replace(row, cells={**row.cells, **_new_cells(apply)}), _tell(row, apply)


def _tell(row: Row, applied: Sequence[Correction]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for one in applied:
        reasons.setdefault(one.reason, []).append(
            f"{one.field} {as_text(row.cells[one.field]) or 'empty'} -> {one.new}"
        )
    return [f"{', '.join(changes)} ({reason})" for reason, changes in reasons.items()]


def _new_cells(corrections: Sequence[Correction]) -> dict[str, str]:
    return {one.field: one.new for one in corrections}
