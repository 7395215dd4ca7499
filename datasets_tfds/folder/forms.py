"""Which of the four forms a user's folder has."""

from pathlib import Path

from datasets_tfds import reach
from datasets_tfds.disk_check import DiskCheck
from datasets_tfds.folder import ck_plus, clip_table, list_files, subject_tree
from datasets_tfds.folder.listing import Listing, SubjectPattern

_EXPECTED = (
    "clips.csv (or .tsv, .xlsx, .xls) with columns path, subject and label; or list files (.txt) with lines "
    "`path length label`; or folders <subject>/<label>/<clip> with frames (jpg, bmp, png, tif, webp) or videos; or "
    "CK+ as distributed, cohn-kanade-images and Emotion"
)


def read_listing(root: Path, pattern: SubjectPattern, check: DiskCheck, given: Path | None = None) -> Listing:
    """Recognise the form, note it, and read what it says; a table comes before CK+, this before lists, these before
    folders.

    Raises:
        ValueError: the folder has none of them, or its table or lists can't be used.
    """
    table, lists = clip_table.find_table(root, given=given), list_files.find_lists(root, check)
    if table is not None:
        if lists:
            check.notes.append(f"{', '.join(path.name for path in lists)}: not read, as {table.name} is there")
        return clip_table.read_table(root, table, pattern, check)
    if (folders := ck_plus.find_ck_plus(root)) is not None:
        return ck_plus.read_ck_plus(*folders, check)
    if lists:
        return list_files.read_lists(root, lists, pattern, check)
    if subject_tree.holds_tree(root):
        return subject_tree.read_tree(root, check)
    listing = reach.describe_contents(root)
    raise ValueError(
        f"{root} holds no clips that are understood; expected {_EXPECTED}; or a table of another name, "
        f"--data.table=FILE. It holds {listing}"
    )
