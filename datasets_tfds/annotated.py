"""Sets whose clips are named by a table: `<top>/<subject>/<clip>/<frames>` beside an Excel workbook.

`survey` reads the table, finds each row's folder, mends known errors, and collects every disagreement between the two.
Imports neither TensorFlow nor TFDS.
"""

import collections
import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from akm_jax.data.pictures import Frame, enumerate_some
from datasets_tfds import corrections, layout, reach, tables
from datasets_tfds.disk_check import DiskCheck, read_known_defects
from datasets_tfds.layout import BY_NAME, Annotation, ClipFolder, Places
from datasets_tfds.published import Published
from datasets_tfds.survey import Survey

EMOTION_NAMES = {"other": "others"}  # spellings that mean another name


@dataclasses.dataclass(frozen=True)
class AnnotatedSet:
    """A set of this kind.

    Attributes:
        title: its name in reports.
        folder: where its `corrections.csv` and `known_defects.csv` lie.
        trees: what the top folder of the frames is called, by tree name; the first tree, and the first name of each,
            is the usual one.
        fps: frames per second.
        table_stem: regular expression of what file names of its tables begin with.
        versions: known editions of the table, the usual one first.
        sheet: name of the sheet; None takes the first.
        columns: headers of subject, file_name, onset, apex, offset, action_units and emotion.
        file_name: regular expression of a clip's name in the table.
        clip_id: how a clip is called, from `subject` (a number) and `file_name`.
        emotions: all that the table may give, in lower case.
        published: what the paper counts.
        edition_notes: what a user should know of an edition, by its name.
    """

    title: str
    folder: Path
    trees: Mapping[str, tuple[str, ...]]
    fps: float
    table_stem: str
    versions: tuple[tables.TableVersion, ...]
    sheet: str | None
    columns: Mapping[str, str]
    file_name: str
    clip_id: str
    emotions: tuple[str, ...]
    published: Published
    edition_notes: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def corrections(self) -> tuple[corrections.Correction, ...]:
        """Known errors of the table."""
        return corrections.read_corrections(self.folder / "corrections.csv")


def survey(described: AnnotatedSet, tree: str, manual_dir: Path, places: Places = BY_NAME) -> Survey:
    """Find the clips in a user's folder by table and names; no picture is read.

    Args:
        described: the set.
        tree: a key of `described.trees`.
        manual_dir: the user's folder.
        places: where table and frames lie, if these are not called as usual.

    Raises:
        FileNotFoundError: the folder, the tree in it or the table is absent.
        ValueError: the tree is there twice, the table can't be read or is another one, or no row has a folder.
    """
    root = _find_tree(described, tree, Path(manual_dir), places.frames)
    folders = [Path(manual_dir).expanduser(), root.parent]
    path, version = tables.find_table(folders, described.table_stem, described.versions, places.table)
    check = DiskCheck(f"{described.title} {tree}", root)
    _note_other_trees(root, described.trees[tree], check)
    if places.table is not None:
        check.notes.append(f"{path.name}: taken for edition {version.name}")
    table = _read_table(described, path, version, check)
    clips = _Matching(described, table, check).match()
    known = read_known_defects(described.folder / "known_defects.csv", tree)
    return Survey(tuple(clips), check, described.published, known, described.fps, table)


def _find_tree(described: AnnotatedSet, tree: str, manual_dir: Path, given: Path | None) -> Path:
    try:
        return layout.choose_root(manual_dir, given, described.trees[tree])
    except FileNotFoundError as error:
        for other, tops in described.trees.items():
            if given is None and other != tree and (found := _find_other(manual_dir, tops)):
                raise FileNotFoundError(f"{error}. It does hold {found.name}: --data_config={other}") from None
        raise


def _note_other_trees(root: Path, tops: Sequence[str], check: DiskCheck) -> None:
    """Tell of folders beside the root that might have been taken for it as well."""
    spelled = {layout.spell(top) for top in tops}
    for folder in layout.seen_subfolders(root.parent):
        if folder != root and layout.spell(folder.name) in spelled:
            check.handled.append(f"{folder}: not read, as {root.name} is there (--data.frames reads another)")


def _find_other(manual_dir: Path, tops: Sequence[str]) -> Path | None:
    try:
        return layout.find_root(manual_dir, tops)
    except (FileNotFoundError, ValueError):
        return None


def _read_table(described: AnnotatedSet, path: Path, version: tables.TableVersion, check: DiskCheck) -> tables.Table:
    """The rows that are clips; merged cells filled in, and what stands below the last one left alone."""
    table = tables.read_table(path, version, described.sheet, described.columns)
    rows, filled = tables.fill_down(table.rows, "subject", "file_name")
    if filled:
        where = enumerate_some(filled, 8)
        check.notes.append(f"{path.name}: empty subject in rows {where}, taken from the row above (merged cells)")
    rows, below = tables.drop_footer(rows, lambda row: _is_entry(described, row))
    if below:
        check.notes.append(
            f"{path.name}: rows {enumerate_some([row.number for row in below])} are no clips, left alone"
        )
    if note := described.edition_notes.get(version.name):
        check.notes.append(note)
    return dataclasses.replace(table, rows=tuple(rows))


def _is_entry(described: AnnotatedSet, row: tables.Row) -> bool:
    """Whether a row is a clip's, spoilt or not: it is called as one, or says as much as one would."""
    text = {field: tables.as_text(cell) for field, cell in row.cells.items()}
    is_named = re.fullmatch(described.file_name, text["file_name"], re.IGNORECASE) is not None
    return is_named or all(text[field] for field in ("file_name", "onset", "offset", "emotion"))


@dataclasses.dataclass(frozen=True)
class _Entry:
    """A row that could be read: its clip, before the clip has an id."""

    row: int
    subject: str
    file_name: str
    emotion: str
    annotation: Annotation


class _Matching:
    """Rows of a table against folders of a tree; what does not fit goes to the check."""

    def __init__(self, described: AnnotatedSet, table: tables.Table, check: DiskCheck):
        self.described, self.table, self.check = described, table, check
        self.folders = self._list_folders()
        self.frames: dict[Path, tuple[Frame, ...]] = {}
        self.mended: set[Annotation] = set()  # whose apex was impossible, which is noted already
        self.rounded: list[str] = []  # cells

    def match(self) -> list[ClipFolder]:
        """One clip a row that has a folder, by subject and clip id."""
        self._refuse_another_set()
        entries = [entry for row in self.table.rows if (entry := self._read_row(row)) is not None]
        clips = [clip for entry, clip_id in self._name(entries) if (clip := self._find(entry, clip_id)) is not None]
        self._report_surplus_folders()
        self._note_apexes(clips)
        if self.rounded:
            self.check.notes.append(f"numbers that are not whole, rounded: {enumerate_some(self.rounded, 8)}")
        if not clips and not self.check.problems:
            raise ValueError(f"no clips in {self.check.root}; expected a folder for each row of {self.table.path}")
        return sorted(clips, key=lambda clip: (int(clip.subject), clip.clip_id))

    def _list_folders(self) -> dict[tuple[str, str], Path]:
        """Clip folders by subject and name in lower case."""
        found: dict[tuple[str, str], Path] = {}
        for folder in self.check.subfolders(self.check.root):
            try:
                subject = layout.normalise_subject(folder.name)
            except ValueError:
                self.check.add_problem(folder, "surplus folder, not a subject", "move it away")
                continue
            for clip in self.check.subfolders(layout.unwrap(folder)):
                key = subject, clip.name.strip().casefold()
                if key in found:
                    where = self.check.relative(found[key])
                    self.check.add_problem(clip, f"the same clip as {where}", "keep one of them", self._id(*key))
                found.setdefault(key, layout.unwrap(clip))
        return found

    def _id(self, subject: str, file_name: str) -> str:
        return self.described.clip_id.format(subject=int(subject), file_name=file_name)

    def _refuse_another_set(self) -> None:
        names = [tables.as_text(row.cells["file_name"]) for row in self.table.rows]
        if not any(re.fullmatch(self.described.file_name, name, re.IGNORECASE) for name in names):
            sheet = f", sheet {self.table.sheet}" if self.table.sheet else ""
            raise ValueError(
                f"{self.table.path}{sheet}: clips are called {enumerate_some(names)}, which is not "
                f"how {self.described.title} calls them; is it another set's table?"
            )

    def _where(self, row: int) -> str:
        return f"{self.table.path.name} row {row}"

    def _read_row(self, row: tables.Row) -> _Entry | None:
        file_name = tables.as_text(row.cells["file_name"])
        try:
            subject = layout.normalise_subject(tables.as_text(row.cells["subject"]))
        except ValueError as error:
            self.check.add_problem(self._where(row.number), str(error), "repair the cell")
            return None
        clip_id = self._id(subject, file_name)
        keys = (clip_id, f"{self.table.version.name}#{row.index}")
        row, said = corrections.correct(
            row, keys, self.described.corrections, lambda cells: self._is_on_disk(cells, subject, file_name)
        )
        if said:
            self.check.notes.append(f"{clip_id}: corrected {'; '.join(said)}")
        return self._read_cells(row, subject, file_name, clip_id)

    def _read_cells(self, row: tables.Row, subject: str, file_name: str, clip_id: str) -> _Entry | None:
        try:
            numbers, rounded = _read_numbers(row.cells)
            emotion = self._read_emotion(row.cells["emotion"])
        except ValueError as error:
            remedy = "repair the cell, or copy the table from the archive again"
            self.check.add_problem(self._where(row.number), f"{clip_id}: {error}", remedy, clip_id)
            return None
        self.rounded += [f"row {row.number} {field} {tables.as_text(row.cells[field])}" for field in rounded]
        return _Entry(row.number, subject, file_name, emotion, self._mend_apex(numbers, clip_id))

    def _read_emotion(self, cell: Any) -> str:
        name = tables.as_text(cell).casefold()
        name = EMOTION_NAMES.get(name, name)
        if name not in self.described.emotions:
            raise ValueError(f"unknown emotion {tables.as_text(cell)!r}; expected {', '.join(self.described.emotions)}")
        return name

    def _mend_apex(self, annotation: Annotation, clip_id: str) -> Annotation:
        if annotation.apex == -1 or annotation.onset <= annotation.apex <= annotation.offset:
            return annotation
        span = f"{annotation.onset}..{annotation.offset}"
        self.check.notes.append(f"{clip_id}: apex {annotation.apex} lies outside {span}, taken as absent")
        mended = dataclasses.replace(annotation, apex=-1)
        self.mended.add(mended)
        return mended

    def _is_on_disk(self, cells: Mapping[str, Any], subject: str, file_name: str) -> bool:
        """Whether the cells give an interval whose frames are all there."""
        try:
            annotation, _ = _read_numbers(cells)
            numbers = {frame.number for frame in self._frames(self.folders[subject, file_name.casefold()])}
        except (ValueError, KeyError):
            return False
        return numbers.issuperset(range(annotation.onset, annotation.offset + 1))

    def _name(self, entries: Sequence[_Entry]) -> list[tuple[_Entry, str]]:
        """Give each entry its id, with the onset where the file name comes again; drop what is there twice."""
        count = collections.Counter((entry.subject, entry.file_name.casefold()) for entry in entries)
        named: dict[str, _Entry] = {}
        repeated: dict[str, int] = {}
        for entry in entries:
            clip_id = self._id(entry.subject, entry.file_name)
            if count[entry.subject, entry.file_name.casefold()] > 1:
                repeated[clip_id] = count[entry.subject, entry.file_name.casefold()]
                clip_id += f"_onset{entry.annotation.onset}"
            if clip_id in named:
                what = f"{clip_id}: the same subject, file name and onset as row {named[clip_id].row}"
                self.check.add_problem(self._where(entry.row), what, "delete one of the rows", clip_id)
            named.setdefault(clip_id, entry)
        for clip_id, times in repeated.items():
            self.check.handled.append(f"{clip_id}: {times} rows of this name, told apart by onset")
        return [(entry, clip_id) for clip_id, entry in named.items()]

    def _find(self, entry: _Entry, clip_id: str) -> ClipFolder | None:
        folder = self.folders.get((entry.subject, entry.file_name.casefold()))
        if folder is None:
            what = f"{clip_id} is annotated, but has no folder"
            self.check.add_problem(self._where(entry.row), what, "unzip this clip again", clip_id)
            return None
        span = range(entry.annotation.onset, entry.annotation.offset + 1)
        frames: tuple[Frame, ...] = ()
        try:
            frames = tuple(frame for frame in self._frames(folder) if frame.number in span)
        except ValueError as error:
            self.check.add_error(folder, error, "delete or rename the surplus pictures", clip_id)
        return ClipFolder(clip_id, entry.subject, entry.emotion, folder, frames, entry.annotation)

    def _frames(self, folder: Path) -> tuple[Frame, ...]:
        if folder not in self.frames:
            self.frames[folder] = reach.list_frames(folder)
        return self.frames[folder]

    def _report_surplus_folders(self) -> None:
        rows = {
            (_subject_or_none(row.cells["subject"]), tables.as_text(row.cells["file_name"]).casefold())
            for row in self.table.rows
        }
        for key, folder in self.folders.items():
            if key not in rows:
                remedy = "move it away, or complete the table"
                self.check.add_problem(folder, "folder without a row in the table", remedy)

    def _note_apexes(self, clips: Sequence[ClipFolder]) -> None:
        given = [(clip.clip_id, clip.annotation) for clip in clips if clip.annotation is not None]
        if absent := [clip_id for clip_id, a in given if a.apex == -1 and a not in self.mended]:
            self.check.handled.append(f"no apex: {', '.join(absent)}")
        if at_onset := [clip_id for clip_id, a in given if a.apex == a.onset]:
            self.check.handled.append(f"apex equal to onset: {', '.join(at_onset)}")


def _read_numbers(cells: Mapping[str, Any]) -> tuple[Annotation, list[str]]:
    """The frame numbers and action units of a row, and the fields whose numbers had to be rounded.

    Raises:
        ValueError: text in a number cell, or onset after offset.
    """
    numbers, rounded = {}, []
    for field in corrections.FIELDS:
        absent = field == "apex" and not tables.is_given(cells[field])
        try:
            numbers[field], is_rounded = (-1, False) if absent else tables.read_number(cells[field])
            rounded += [field] * is_rounded
        except ValueError as error:
            raise ValueError(f"{field} is {error}") from None
    if numbers["onset"] > numbers["offset"]:
        raise ValueError(f"onset {numbers['onset']} comes after offset {numbers['offset']}")
    return Annotation(**numbers, action_units=tables.as_text(cells["action_units"])), rounded


def _subject_or_none(cell: Any) -> str | None:
    try:
        return layout.normalise_subject(tables.as_text(cell))
    except ValueError:
        return None
