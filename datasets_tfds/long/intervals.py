"""From the numbers that a table gives of an expression to an `Interval` of its video.

Published tables count frames from 1 and use 0 for what is not known: an offset of 0 gives way to the apex, an apex of 0
to the middle, an onset of 0 stays unknown. What is mended so is noted, a line for each kind; what can't be right is a
problem.
"""

import collections
import dataclasses
import math
from typing import Any

from akm_jax.data.long_videos import TYPES, UNKNOWN, ExpressionType, Interval
from akm_jax.data.pictures import enumerate_some
from datasets_tfds.disk_check import DiskCheck
from datasets_tfds.tables import as_text, is_given

EMOTION_NAMES = {"happyiness": "happiness", "happyness": "happiness"}  # spellings that mean another name


@dataclasses.dataclass(frozen=True)
class WrittenInterval:
    """An expression as it stands in a table.

    Attributes:
        where: what reports call the place, e.g. "intervals.csv row 3".
        name: what reports call the interval.
        video_id: of the video that it is in.
        onset, apex, offset: cells.
        type: cell; it begins with macro or micro.
        emotion: cell.
    """

    where: str
    name: str
    video_id: str
    onset: Any
    apex: Any
    offset: Any
    type: Any
    emotion: Any = ""


@dataclasses.dataclass(frozen=True)
class Rules:
    """How a table counts.

    Attributes:
        zero_is_unknown: 0 stands for a number that is not known; frames are then counted from 1.
        clamps_offsets: an offset past the last frame is a known fault of the table, and means the last frame.
    """

    zero_is_unknown: bool = True
    clamps_offsets: bool = False


class IntervalReader:
    """Reads the rows of one table."""

    def __init__(self, check: DiskCheck, rules: Rules):
        self._check, self._rules = check, rules
        self._mended: dict[str, list[str]] = collections.defaultdict(list)
        self._handled: dict[str, list[str]] = collections.defaultdict(list)

    def read(self, row: WrittenInterval, first_number: int, num_frames: int) -> Interval | None:
        """The interval of a row; None if it can't be one, which the check then knows.

        Args:
            row: as written.
            first_number: what the table calls the first frame of the video.
            num_frames: of the video.
        """
        try:
            return self._read(row, first_number, num_frames)
        except ValueError as error:
            self._check.add_problem(row.where, f"{row.name}: {error}", "repair the row", row.video_id)
            return None

    def finish(self) -> None:
        """Tell the check what was mended."""
        for lines, told in ((self._mended, self._check.notes), (self._handled, self._check.handled)):
            told.extend(f"{what}: {enumerate_some(names, 8)}" for what, names in lines.items())

    def _read(self, row: WrittenInterval, first_number: int, num_frames: int) -> Interval:
        kind = _read_type(row.type)
        onset, apex, offset = (self._read_number(row, field) for field in ("onset", "apex", "offset"))
        if self._rules.zero_is_unknown:
            onset, apex, offset = self._fill_in(row, onset, apex, offset)
        if offset == UNKNOWN or (onset == UNKNOWN and not self._rules.zero_is_unknown):
            raise ValueError("onset or offset is not given; expected the number of a frame")
        offset = self._check_place(row, onset, offset, first_number, num_frames)
        apex = self._check_apex(row, onset, apex, offset)
        onset, apex, offset = (UNKNOWN if n == UNKNOWN else n - first_number for n in (onset, apex, offset))
        return Interval(onset, apex, offset, kind, self._read_emotion(row))

    def _read_number(self, row: WrittenInterval, field: str) -> int:
        """A cell as a whole number; -1 where it is empty or says so."""
        text = as_text(getattr(row, field))
        if not is_given(text):
            return UNKNOWN
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            value = math.nan
        if not -1 <= value < math.inf:
            raise ValueError(f"{field} is {text!r}; expected the number of a frame")
        number = math.floor(value + 0.5)
        if number != value:
            self._note("numbers that are not whole, rounded", row)
        return number

    def _fill_in(self, row: WrittenInterval, onset: int, apex: int, offset: int) -> tuple[int, int, int]:
        """Numbers in place of 0."""
        if offset == 0:
            if apex <= 0:
                raise ValueError("neither offset nor apex is given")
            self._note("offset 0, the apex takes its place", row)
            offset = apex
        if onset == 0:
            self._note("onset 0, taken as unknown", row)
            onset = UNKNOWN
        if apex == 0:
            self._note("apex 0, the middle takes its place", row)
            apex = UNKNOWN if onset == UNKNOWN else (onset + offset) // 2
        return onset, apex, offset

    def _check_place(self, row: WrittenInterval, onset: int, offset: int, first_number: int, num_frames: int) -> int:
        """The offset, inside the video."""
        last = first_number + num_frames - 1
        start = first_number if onset == UNKNOWN else onset
        if start > offset:
            raise ValueError(f"onset {onset} comes after offset {offset}")
        if start < first_number or start > last or (offset > last and not self._rules.clamps_offsets):
            raise ValueError(f"{onset}..{offset} lies outside the video, which has frames {first_number}..{last}")
        if offset > last:
            self._note("offset past the last frame, which takes its place", row)
        return min(offset, last)

    def _check_apex(self, row: WrittenInterval, onset: int, apex: int, offset: int) -> int:
        if apex == UNKNOWN:
            _add(self._handled["no apex"], row.name)
        elif not onset <= apex <= offset:
            self._note("apex outside onset..offset, taken as unknown", row)
            return UNKNOWN
        return apex

    def _read_emotion(self, row: WrittenInterval) -> str:
        text = as_text(row.emotion)
        name = EMOTION_NAMES.get(text.casefold(), text)
        if name != text:
            self._note(f"{text!r} read as {name!r}", row)
        return name

    def _note(self, what: str, row: WrittenInterval) -> None:
        _add(self._mended[what], f"{row.where} ({row.name})")


def _add(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)


def _read_type(cell: Any) -> ExpressionType:
    """Macro or micro, however the cell goes on.

    Raises:
        ValueError: it is neither.
    """
    text = as_text(cell).casefold()
    for known in TYPES:
        if text.startswith(known):
            return known
    raise ValueError(f"type is {as_text(cell)!r}; expected {' or '.join(TYPES)}")
