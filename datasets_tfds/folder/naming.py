"""What clips are called: as their table says, or else by their folder or file, as far as that tells them apart."""

import collections
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from datasets_tfds import layout
from datasets_tfds.folder.listing import Entry


def name_entries(root: Path, entries: Sequence[Entry]) -> list[str]:
    """A clip id for each entry; those made here are unique, those given may not be."""
    names = [entry.clip_id for entry in entries]
    taken = {name for name in names if name}
    for make in (_by_name, _by_path, _by_interval):
        _name_those_told_apart(root, entries, names, taken, make)
    for k, entry in enumerate(entries):
        if not names[k]:
            base = _by_interval(root, entry)
            numbered = (f"{base}_{n}" for n in itertools.count(2))
            names[k] = next(name for name in itertools.chain([base], numbered) if name not in taken)
            taken.add(names[k])
    return names


def _name_those_told_apart(
    root: Path, entries: Sequence[Entry], names: list[str], taken: set[str], make: Callable[[Path, Entry], str]
) -> None:
    """Fill in the names that no other clip without a name would get as well, and that are not taken."""
    made = {k: make(root, entry) for k, entry in enumerate(entries) if not names[k]}
    count = collections.Counter(made.values())
    for k, name in made.items():
        if count[name] == 1 and name not in taken:
            names[k] = name
    taken.update(name for name in names if name)


def _by_name(root: Path, entry: Entry) -> str:
    return entry.path.stem if entry.path.is_file() else entry.path.name


def _by_path(root: Path, entry: Entry) -> str:
    return layout.relative(root, entry.path).strip("/").replace("/", "_")


def _by_interval(root: Path, entry: Entry) -> str:
    """Path and onset, for several clips of one recording."""
    return _by_path(root, entry) + ("" if entry.onset is None else f"_onset{entry.onset}")
