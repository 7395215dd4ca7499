"""The order of frames by their file names: one rule for every folder of pictures.

All names must be alike but for one number, which is the frame's: `img46.png`, `img47.png`, or `frame_1_of_3.png`,
`frame_2_of_3.png`. Numbers count as such, whatever their length. What else may be meant, a clock time, seconds with a
decimal point, two faces in one folder, copies, masks, is not guessed: a pattern says it, the name with `#` in place of
the frame's number and `*` for anything, as in `*_face0_#.png`. `#` may stand for a decimal number; of several `#` the
first counts most. Frames are then numbered from 0, and so are those whose numbers are as long as time stamps.
"""

import collections
import itertools
import re
from collections.abc import Sequence
from pathlib import PurePath

_NUMBER = re.compile(r"\d+")
_LARGEST = 2**31 - 1  # what is larger is no frame number but a time
# What file managers make of the name of a copy: `img1 (1)`, `img1 - Copy (2)`, `img1 copy 2`, `Copy of img1`.
_COPY = re.compile(
    r"copy of (.+)|(.+?)(?:\s*\(\d+\)| - (?:copy|kopie|copie|copia|副本)(?:\s*\(\d+\))?| copy(?: \d+)?)",
    re.IGNORECASE,
)

Numbered = list[tuple[int, str]]


class FrameOrderError(ValueError):
    """Names do not say which frame comes when; `pattern` is one that would settle it, "" where none would."""

    def __init__(self, what: str, pattern: str = ""):
        """Args: what is wrong; a pattern that would settle it."""
        super().__init__(what)
        self.pattern = pattern


def number_names(names: Sequence[str], pattern: str = "") -> Numbered:
    """Put names of frames in order.

    Args:
        names: of picture files, without their folder.
        pattern: what names of frames look like; others are then left alone. By default the rule of this module.

    Returns:
        Frame number and name, by number.

    Raises:
        FrameOrderError: the order is not clear, or a number comes twice.
        ValueError: a pattern without `#`.
    """
    found = sorted(_by_pattern(names, pattern) if pattern else _by_rule(sorted(names)))
    for (one, name), (other, other_name) in itertools.pairwise(found):
        if one == other:
            raise FrameOrderError(f"{name} and {other_name} have the same frame number", _with_hash(name, -1))
    is_number = all(len(key) == 1 and key[0].is_integer() and key[0] <= _LARGEST for key, _ in found)
    return [(int(key[0]) if is_number else k, name) for k, (key, name) in enumerate(found)]


def _by_pattern(names: Sequence[str], pattern: str) -> list[tuple[tuple[float, ...], str]]:
    if "#" not in pattern:
        raise ValueError(f"pattern {pattern!r}: expected a file name with # in place of the frame's number")
    parts = {"#": r"(\d+(?:\.\d+)?)", "*": ".*?"}
    compiled = re.compile("".join(parts.get(c, re.escape(c)) for c in pattern), re.IGNORECASE)
    matches = [(compiled.fullmatch(name), name) for name in names]
    found = [(tuple(map(float, match.groups())), name) for match, name in matches if match is not None]
    if not found:
        raise FrameOrderError(
            f"no name fits the pattern {pattern!r}; there are {_some(sorted(names)) or 'no pictures'}"
        )
    return found


def _by_rule(names: Sequence[str]) -> list[tuple[tuple[float, ...], str]]:
    if not names:
        return []
    kinds: dict[tuple[str, ...], list[str]] = collections.defaultdict(list)
    for name in names:
        kinds[tuple(_NUMBER.split(PurePath(name).stem.casefold()))].append(name)
    if without := [name for texts, of_kind in kinds.items() if len(texts) == 1 for name in of_kind]:
        numbered = next((name for name in names if name not in without), None)
        pattern = _with_hash(numbered, -1) if numbered else ""
        raise FrameOrderError(
            f"{_some(without)}: no frame number in the name; expected one such as img046.png", pattern
        )
    if len(kinds) > 1:
        raise _of_several_kinds(list(kinds.values()))
    texts = next(iter(kinds))
    numbers = [_NUMBER.findall(PurePath(name).stem) for name in names]
    varying = [k for k in range(len(texts) - 1) if len({int(row[k]) for row in numbers}) > 1]
    if len(varying) > 1:
        which = " and ".join(", ".join(str(k + 1) for k in varying).rsplit(", ", 1))
        examples = _some([names[0], names[-1]])
        what = f"{len(names)} names such as {examples} differ in their numbers {which}; only the frame's may differ"
        raise FrameOrderError(what, _with_hash(names[0], varying[-1]))
    place = varying[0] if varying else len(texts) - 2
    if texts[place] == "." and place > 0 and len({len(row[place]) for row in numbers}) > 1:
        what = f"{len(names)} names such as {_some([names[0], names[-1]])} may count with decimals, or with a point"
        raise FrameOrderError(what, _with_hash(names[0], place))
    return [((float(row[place]),), name) for row, name in zip(numbers, names, strict=True)]


def _of_several_kinds(kinds: list[list[str]]) -> FrameOrderError:
    """Copies are named as such."""
    usual = max(kinds, key=len)
    others = [name for kind in kinds if kind is not usual for name in kind]
    stems = {(PurePath(name).stem.casefold(), PurePath(name).suffix.casefold()) for kind in kinds for name in kind}
    copies = [name for name in others if _original(name) in stems]
    pattern = _with_hash(usual[0], -1)
    if copies and len(copies) == len(others):
        return FrameOrderError(f"{_some(copies)}: by the name a copy of another frame; delete it", pattern)
    told = "; ".join(f"{len(kind)} such as {kind[0]}" for kind in sorted(kinds, key=len, reverse=True)[:3])
    return FrameOrderError(f"names of {len(kinds)} kinds: {told}", pattern)


def _original(name: str) -> tuple[str, str] | None:
    match = _COPY.fullmatch(PurePath(name).stem)
    return match and ((match[1] or match[2]).casefold(), PurePath(name).suffix.casefold())


def _with_hash(name: str, place: int) -> str:
    """The name with `#` instead of one of its numbers."""
    stem, suffix = PurePath(name).stem, PurePath(name).suffix
    found = list(_NUMBER.finditer(stem))[place]
    return f"{stem[: found.start()]}#{stem[found.end() :]}{suffix}"


def _some(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    return ", ".join(unique[:3]) + (f" and {len(unique) - 3} more" if len(unique) > 3 else "")
