"""Form 3: no table at all, `<subject>/<label>/<clip>`; a clip is a folder of frames or a video file."""

from collections.abc import Iterator
from pathlib import Path

from datasets_tfds import reach
from datasets_tfds.classes import is_class_name
from datasets_tfds.disk_check import DiskCheck
from datasets_tfds.folder.listing import Entry, Listing
from datasets_tfds.layout import is_left_behind, list_files, subfolders

VIDEO_SUFFIXES = (
    *(".avi", ".mp4", ".mkv", ".mov", ".m4v", ".wmv", ".mpg", ".mpeg"),
    *(".webm", ".flv", ".mts", ".m2ts", ".3gp"),
)


def holds_tree(root: Path) -> bool:
    """Whether there is a clip where one should be, three levels down."""
    seen = DiskCheck("", root)  # what can't be entered is told where the tree is read
    clips = (clip for one in seen.subfolders(root) for label in seen.subfolders(one) for clip in _clips(label, seen))
    return any(clip.is_file() or reach.holds_pictures(clip) for clip in clips)


def read_tree(root: Path, check: DiskCheck) -> Listing:
    """List the clips of all subjects by name; what is out of place goes to the check."""
    check.notes.append("recognised folders <subject>/<label>/<clip>, as there is neither a table nor a list file")
    _refuse_labels_as_subjects(root, check)
    return Listing(tuple(entry for subject in check.subfolders(root) for entry in _list_subject(subject, check)))


def _refuse_labels_as_subjects(root: Path, check: DiskCheck) -> None:
    names = [folder.name for folder in subfolders(root)]
    if all(map(is_class_name, names)):
        what = f"subjects are called {', '.join(names)}, as classes are; expected <subject>/<label>/<clip>"
        check.add_problem(root, what, "sort the clips by subject first, or write a table clips.csv")


def _list_subject(folder: Path, check: DiskCheck) -> Iterator[Entry]:
    _refuse_pictures(folder, check)
    labels = check.subfolders(folder)
    if not labels and not reach.find_defect(folder, folder=True):
        check.add_problem(folder, "surplus folder, no subject with <label>/<clip> in it", "move it away")
    for label in labels:
        _refuse_pictures(label, check)
        for clip in _clips(label, check):
            yield Entry(clip.relative_to(check.root).as_posix(), clip, folder.name, label.name)


def _clips(label: Path, check: DiskCheck) -> list[Path]:
    videos = [path for path in list_files(label, VIDEO_SUFFIXES, 0) if not is_left_behind(path.name)]
    return sorted([*check.subfolders(label), *videos])


def _refuse_pictures(folder: Path, check: DiskCheck) -> None:
    if reach.holds_pictures(folder):
        check.add_problem(folder, "pictures outside a clip's folder", "move them into <subject>/<label>/<clip>")
