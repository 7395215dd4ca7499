"""What a folder says about its clips, whichever form says it: an `Entry` for each clip, before anything is looked up.

Imports neither TensorFlow nor TFDS.
"""

import dataclasses
import os
import re
import unicodedata
from pathlib import Path

from datasets_tfds import layout


@dataclasses.dataclass(frozen=True)
class Entry:
    """One clip as it is written down. Text that is not given is "", a number that is not given None.

    Attributes:
        where: what reports call the place, e.g. "clips.csv row 3".
        path: a folder of frames or a video file; absolute.
        subject: as written.
        label: as written.
        clip_id: the user's own name of the clip.
        onset, apex, offset: frame numbers as in the file names; from 0 in a video.
        fps: frames per second; 0 where it is not given.
        length: how many frames the clip must have.
        frame_names: pattern of the names of its frames (`akm_jax.data.frame_names`).
    """

    where: str
    path: Path
    subject: str
    label: str
    clip_id: str = ""
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    fps: float = 0.0
    length: int | None = None
    frame_names: str = ""


@dataclasses.dataclass(frozen=True)
class Listing:
    """All entries, and the files that hold them: none where folder names say everything."""

    entries: tuple[Entry, ...]
    sources: tuple[Path, ...] = ()


def locate(root: Path, text: str) -> Path:
    """Where a path of the user leads, from `root` on unless it is absolute; backslashes may stand for slashes."""
    given = Path(os.path.abspath(root / os.path.expanduser(text)))
    turned = Path(os.path.abspath(root / text.replace("\\", "/")))
    return turned if "\\" in text and not given.exists() else given


class SubjectPattern:
    """Finds the subject in a clip's path: by `--data.subject_pattern`, or else the folder above the clip."""

    def __init__(self, pattern: str = ""):
        """Compile the pattern; "" is none.

        Raises:
            ValueError: it is no regular expression, or it is not clear which of its groups is the subject.
        """
        self.text = pattern
        try:
            self._compiled = re.compile(pattern)
        except re.error as error:
            raise ValueError(f"--data.subject_pattern={pattern}: not a regular expression ({error})") from None
        if pattern and "subject" not in self._compiled.groupindex and self._compiled.groups != 1:
            raise ValueError(
                f"--data.subject_pattern={pattern}: it has {self._compiled.groups} groups; expected one, or one "
                r"called subject, such as (?P<subject>sub\d+)"
            )

    def find(self, root: Path, path: Path) -> str:
        """The subject of the clip at `path`.

        Raises:
            ValueError: the pattern finds none, or there is no folder between `root` and the clip.
        """
        if not self.text:
            return self._folder_above(root, path)
        match = self._compiled.search(layout.relative(root, path))
        found = match and match["subject" if "subject" in self._compiled.groupindex else 1]
        if not found:
            raise ValueError(
                f"{layout.relative(root, path)}: --data.subject_pattern={self.text} finds no subject in it"
            )
        return found

    def _folder_above(self, root: Path, path: Path) -> str:
        if path.parent == root or not path.parent.name:
            raise ValueError(f"{layout.relative(root, path)}: no folder above the clip, which would be its subject")
        return path.parent.name


def read_subject(text: str) -> str:
    """A subject as folds call it: a number without padding and prefix where it is one, and else as written.

    Raises:
        ValueError: nothing is written, or something that can't name a folder of results.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    if not text:
        raise ValueError("empty subject")
    if re.search(r"[/\\\x00-\x1f]", text):
        raise ValueError(f"subject {text!r} holds a slash, a backslash or a control character")
    try:
        return layout.normalise_subject(text)
    except ValueError:
        return text
