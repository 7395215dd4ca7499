"""Names of subjects: one spelling wherever they are written, in tables, folders and options."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

_NUMBER = re.compile(r"(?:(?:subject|sub|s)[ _-]?)?0*(\d+)(?:\.0)?", re.IGNORECASE)


def normalise_subject(name: str | float) -> str:
    """Subject number without padding or prefix: `1`, `01`, `sub01`, `s1`, `s01`, `1.0` -> "1"; `006` -> "6".

    Raises:
        ValueError: `name` is not a subject.
    """
    match = _NUMBER.fullmatch(str(name).strip())
    if match is None:
        raise ValueError(f"not a subject: {name!r}; expected a number, with or without s, sub or subject before it")
    return match[1]


def subject_order(subject: str) -> tuple[int, str]:
    """Sort key: numeric subjects by number."""
    return (int(subject), "") if subject.isdigit() else (10**9, subject)


def match_subject(written: str, known: Iterable[str]) -> str | None:
    """Which of the known subjects is meant: as written, else by its number or in another case; None if none is, or two.

    Args:
        written: by a user, such as `sub01`.
        known: names of subjects.
    """
    known = list(dict.fromkeys(known))
    if written in known:
        return written
    meant = [one for one in known if _plain(one) == _plain(written)]
    return meant[0] if len(meant) == 1 else None


def match_subjects(
    written: Sequence[str], known: Sequence[str], option: str, owner: str, what: str = "subject"
) -> tuple[str, ...]:
    """The known subjects that are meant, each once, in the order given.

    Raises:
        ValueError: some are not known; the message begins with `option` and lists what `owner` has.
    """
    found = [match_subject(one, known) for one in written]
    unknown = [one for one, match in zip(written, found, strict=True) if match is None]
    if unknown:
        there = ", ".join(sorted(set(known), key=subject_order))
        raise ValueError(f"{option}: no clips of {what} {', '.join(unknown)}; {owner} has {there}")
    return tuple(dict.fromkeys(one for one in found if one is not None))


def _plain(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).strip()
    try:
        return normalise_subject(text)
    except ValueError:
        return text.casefold()
