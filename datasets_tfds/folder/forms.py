"""Which of the three forms a user's folder has."""

from pathlib import Path

from datasets_tfds.disk_check import DiskCheck
from datasets_tfds.folder import clip_table, list_files, subject_tree
from datasets_tfds.folder.listing import Listing, SubjectPattern

_EXPECTED = (
    "clips.csv (or .tsv, .xlsx, .xls) with columns path, subject and label; or list files (.txt) with lines "
    "`path length label`; or folders <subject>/<label>/<clip> with frames (jpg, bmp, png, tif, webp) or videos"
)


def read_listing(root: Path, pattern: SubjectPattern, check: DiskCheck) -> Listing:
    """Recognise the form, note it, and read what it says; a table comes before list files, these before folders.

    Raises:
        ValueError: the folder has none of them, or its table or lists can't be used.
    """
    table, lists = clip_table.find_table(root), list_files.find_lists(root, check)
    if table is not None:
        if lists:
            check.notes.append(f"{', '.join(path.name for path in lists)}: not read, as {table.name} is there")
        return clip_table.read_table(root, table, pattern, check)
    if lists:
        return list_files.read_lists(root, lists, pattern, check)
    if subject_tree.holds_tree(root):
        return subject_tree.read_tree(root, check)
    listing = ", ".join(sorted(path.name for path in root.iterdir())[:8]) or "nothing"
    raise ValueError(f"{root} holds no clips that are understood; expected {_EXPECTED}. It holds {listing}")
