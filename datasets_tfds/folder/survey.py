"""Entries against what is on disk: the clips of a user's own data, and everything that is wrong with these."""

import collections
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from akm_jax.data.pictures import Frame, enumerate_some
from akm_jax.data.subjects import subject_order
from datasets_tfds import reach
from datasets_tfds.disk_check import DiskCheck
from datasets_tfds.folder.forms import read_listing
from datasets_tfds.folder.frames import FrameLister, annotate, cut, find_defects
from datasets_tfds.folder.listing import Entry, SubjectPattern, read_subject
from datasets_tfds.folder.naming import name_entries
from datasets_tfds.layout import BY_NAME, ClipFolder, Places
from datasets_tfds.survey import Survey


def survey(
    manual_dir: Path, subject_pattern: str = "", *, count_video_frames: bool = True, places: Places = BY_NAME
) -> Survey:
    """Find the clips in a user's folder; no picture is read.

    Args:
        manual_dir: the folder.
        subject_pattern: regular expression that finds the subject in a clip's path, where no column gives it.
        count_video_frames: decode videos to count their frames; without it they seem to have none, which is enough
            for a fingerprint.
        places: the table, if it is not called as usual.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: its form is not recognised, its table or lists can't be used, or the pattern is none.
    """
    root = reach.require_folder(manual_dir, "a folder with clips and clips.csv")
    check = DiskCheck("Data folder", root, has_known_numbers=False)
    listing = read_listing(root, SubjectPattern(subject_pattern), check, places.table)
    matching = _Matching(check, FrameLister(count_video_frames=count_video_frames))
    clips = matching.match(listing.entries)
    return Survey(tuple(clips), check, None, {}, fps=0.0, sources=listing.sources)


class _Matching:
    """Makes clips of entries; what does not fit goes to the check."""

    def __init__(self, check: DiskCheck, lister: FrameLister):
        self.check, self.lister = check, lister
        self.spellings: dict[str, set[str]] = collections.defaultdict(set)  # of each subject
        self.gapped: list[str] = []
        self.without_apex_frame: list[str] = []

    def match(self, entries: Sequence[Entry]) -> list[ClipFolder]:
        """A clip for each entry that has something on disk, by subject and clip id."""
        found = []
        for entry, clip_id in self._with_ids(entries):
            if (subject := self._check_entry(entry, clip_id)) is not None:
                found.append((entry, self._find(entry, subject, clip_id)))
        self._report_the_same_frames(found)
        clips = [clip for _, clip in found]
        self._note_peculiarities(clips)
        _check_subjects_and_labels(clips, self.check)
        return sorted(clips, key=lambda clip: (subject_order(clip.subject), clip.clip_id))

    def _with_ids(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, str]]:
        first: dict[str, Entry] = {}
        for entry, clip_id in zip(entries, name_entries(self.check.root, entries), strict=True):
            if clip_id in first:
                what = f"the same clip_id {clip_id} as {first[clip_id].where}"
                self.check.add_problem(entry.where, what, "give each clip a clip_id of its own", clip_id)
                continue
            first[clip_id] = entry
            yield entry, clip_id

    def _check_entry(self, entry: Entry, clip_id: str) -> str | None:
        """The subject; None if nothing can be made of the entry, which the check then knows."""
        before = len(self.check.problems)
        subject = ""
        try:
            subject = read_subject(entry.subject)
        except ValueError as error:
            self._add(entry, clip_id, str(error), "write a number or a name")
        if not entry.label:
            self._add(entry, clip_id, "empty label", "write the clip's class, or take the clip out")
        if defect := reach.find_defect(entry.path, folder=os.path.isdir(entry.path)):
            what, remedy = f"{self.check.relative(entry.path)}: {defect[0]}", defect[1]
            if defect[0] == "does not exist":
                what, remedy = what.replace(":", ""), f"repair the path; it starts at {self.check.root}"
            self._add(entry, clip_id, what, remedy)
        if entry.onset is not None and entry.offset is not None and entry.onset > entry.offset:
            what = f"onset {entry.onset} comes after offset {entry.offset}"
            self._add(entry, clip_id, what, "repair the numbers")
        self.spellings[subject].add(entry.subject.strip())
        return subject if len(self.check.problems) == before else None

    def _add(self, entry: Entry, clip_id: str, what: str, remedy: str) -> None:
        self.check.add_problem(entry.where, f"{clip_id}: {what}", remedy, clip_id)

    def _find(self, entry: Entry, subject: str, clip_id: str) -> ClipFolder:
        is_video = entry.path.is_file()
        clip = ClipFolder(clip_id, subject, entry.label, entry.path, (), None, entry.fps, is_video)
        try:
            listed = self.lister.list(entry.path, entry.frame_names)
        except ValueError as error:
            what, _, remedy = str(error).partition(" -> ")
            self._add(entry, clip_id, what, remedy or "repair or replace it")
            return clip
        if is_video and not listed:
            return clip  # not counted
        defects = list(find_defects(entry, listed))
        for what, remedy in defects:
            self._add(entry, clip_id, what, remedy)
        frames = () if defects else cut(entry, listed)
        if not frames:
            if not defects:
                self._add(entry, clip_id, f"no frame in {entry.onset}..{entry.offset}", "repair the numbers")
            return clip
        self._note_frames(entry, clip_id, frames)
        annotation = annotate(entry, frames)
        return ClipFolder(clip_id, subject, entry.label, entry.path, frames, annotation, entry.fps, is_video)

    def _note_frames(self, entry: Entry, clip_id: str, frames: Sequence[Frame]) -> None:
        if frames[-1].number - frames[0].number + 1 > len(frames):
            self.gapped.append(clip_id)
        if entry.apex is not None and all(frame.number != entry.apex for frame in frames):
            self.without_apex_frame.append(f"{clip_id} ({entry.apex})")

    def _report_the_same_frames(self, found: Sequence[tuple[Entry, ClipFolder]]) -> None:
        """Leave the second clip out, and the first one too if the two disagree."""
        first: dict[tuple, tuple[Entry, ClipFolder]] = {}
        for entry, clip in found:
            if not clip.frames:
                continue
            key = os.path.realpath(clip.folder), tuple(frame.number for frame in clip.frames)
            other_entry, other = first.setdefault(key, (entry, clip))
            if other is clip:
                continue
            agree = (clip.subject, clip.label) == (other.subject, other.label)
            what = f"the same frames as {other_entry.where}" + ("" if agree else ", as another subject or label")
            self._add(entry, clip.clip_id, what, "keep one of them")
            if not agree:
                self.check.left_out.add(other.clip_id)

    def _note_peculiarities(self, clips: Sequence[ClipFolder]) -> None:
        notes = self.check.notes
        notes.extend(self.lister.notes)
        if self.gapped:
            notes.append(f"gaps in the frame numbers, taken as they are: {enumerate_some(self.gapped)}")
        if self.without_apex_frame:
            notes.append(f"apex not among the clip's frames, taken as absent: {', '.join(self.without_apex_frame)}")
        for subject, names in self.spellings.items():
            if len(names) > 1:
                notes.append(f"subject {subject} is written as {', '.join(sorted(names))}: taken as one person")
        labels = collections.defaultdict(set)
        for clip in clips:
            labels[clip.label.casefold()].add(clip.label)
        for names in labels.values():
            if len(names) > 1:
                notes.append(f"labels {', '.join(sorted(names))} are different classes, as their spelling differs")


def _check_subjects_and_labels(clips: Sequence[ClipFolder], check: DiskCheck) -> None:
    """Leave-one-subject-out needs two subjects, and every class in two of them."""
    usable = [clip for clip in clips if clip.clip_id not in check.left_out]
    subjects = {clip.subject for clip in usable}
    if len(subjects) == 1:
        what = f"only one subject, {subjects.pop()}: leave-one-subject-out needs at least two"
        check.add_problem(check.root, what, "add clips of other people, or see that every clip has its own subject")
        return
    shown_by = collections.defaultdict(set)
    for clip in usable:
        shown_by[clip.label].add(clip.subject)
    for label, names in sorted(shown_by.items()):
        if len(names) == 1:
            check.notes.append(f"class {label} is shown by subject {names.pop()} only: it can't be learnt without them")
