"""Form 2: list files of the released program, a line `path length label` for each clip."""

import re
from pathlib import Path

from datasets_tfds import text_tables
from datasets_tfds.disk_check import DiskCheck
from datasets_tfds.folder.listing import Entry, Listing, SubjectPattern, locate

_USUAL_NAMES = re.compile(r"(train|test|val|valid|validation|list|clips)\d*", re.IGNORECASE)


def find_lists(root: Path, check: DiskCheck) -> list[Path]:
    """List files in a folder: those that are called as usual, and other txt files of which most lines are a clip's."""
    texts = sorted(p for p in root.iterdir() if p.suffix.lower() == ".txt" and not p.name.startswith("."))
    found = [path for path in texts if _is_list(path)]
    if found:
        others = ", ".join(path.name for path in texts if path not in found)
        check.notes.extend([f"{others}: no list of clips, left alone"] if others else [])
    return found


def _is_list(path: Path) -> bool:
    if _USUAL_NAMES.fullmatch(path.stem):
        return True
    try:
        lines = [fields for line in text_tables.read_text(path)[0].splitlines() if (fields := _split(line))]
    except ValueError:
        return False
    return 2 * sum(len(fields) == 3 and fields[1].isdigit() for fields in lines) > len(lines)


def _split(line: str) -> list[str]:
    """Fields of a line; blanks belong to them where tabs stand between them."""
    return [field.strip() for field in line.strip().split("\t")] if "\t" in line.strip() else line.split()


def read_lists(root: Path, paths: list[Path], pattern: SubjectPattern, check: DiskCheck) -> Listing:
    """Read list files; lines that can't be used go to the check.

    Lists of several splits name a clip again and again: a line that another file holds too counts once.

    Raises:
        ValueError: a file can't be read, or none of them holds a line.
    """
    entries: list[Entry] = []
    repeated = 0
    for path in paths:
        read = _read_list(root, path, pattern, check)
        known = {_content(entry) for entry in entries}
        entries += [entry for entry in read if _content(entry) not in known]
        repeated += sum(_content(entry) in known for entry in read)
    if not entries and not check.problems:
        raise ValueError(f"{', '.join(map(str, paths))}: no text; expected lines `path length label`")
    how = f"those that --data.subject_pattern={pattern.text} finds" if pattern.text else "the folders above the clips"
    names = ", ".join(path.name for path in paths)
    check.notes.append(f"recognised list files (path length label), {names}; subjects are {how}")
    if repeated:
        check.notes.append(f"{repeated} lines that another list file holds too were taken once")
    return Listing(tuple(entries), tuple(paths))


def _content(entry: Entry) -> tuple[Path, int | None, str]:
    return entry.path, entry.length, entry.label


def _read_list(root: Path, path: Path, pattern: SubjectPattern, check: DiskCheck) -> list[Entry]:
    entries = []
    for number, line in enumerate(text_tables.read_text(path)[0].splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path.name} line {number}"
        try:
            entries.append(_read_line(root, where, line, pattern))
        except ValueError as error:
            remedy = "write `path length label`, with tabs between them if the path holds a blank"
            remedy = "give --data.subject_pattern=REGEX with one group" if "subject" in str(error) else remedy
            check.add_problem(where, str(error), remedy)
    return entries


def _read_line(root: Path, where: str, line: str, pattern: SubjectPattern) -> Entry:
    fields = _split(line)
    if len(fields) != 3:
        raise ValueError(f"{len(fields)} fields instead of 3")
    text, length, label = fields
    if not text or not re.fullmatch(r"\d+", length):
        raise ValueError(f"length is {length!r} instead of a number of frames")
    path = locate(root, text)
    return Entry(where, path, pattern.find(root, path), label, length=int(length))
