"""The irregularities that distributed SMIC folders show, planted into a drawn corpus on purpose."""

import pathlib
from typing import Any

from datasets_tfds.synthetic.chance import Stream, random_stream
from datasets_tfds.synthetic.clips import ClipSpec

MIN_CLIPS = 3  # one empty, one with a missing frame, one whole


def draw_digits(spec: ClipSpec) -> int:
    """How many digits a clip's frame numbers have: 5 to 8."""
    return int(random_stream(spec.seed, Stream.DIGITS, spec.subject, spec.index).integers(5, 9))


def plant(root: pathlib.Path, clips: list[dict[str, Any]], seed: int) -> list[dict[str, str]]:
    """Spoil a written corpus and say how.

    Args:
        root: folder that holds the layout's top folder.
        clips: the corpus's truth entries; paths and frame counts are brought up to date in place.
        seed: the corpus's seed, which chooses the clips.

    Returns:
        One entry for each irregularity: `kind` and `path` (relative to `root`, after planting).
    """
    micro = [clip for clip in clips if clip["class"] != "non_micro"]
    chosen = random_stream(seed, Stream.IRREGULARITIES).permutation(len(micro))[:MIN_CLIPS]
    empty, gappy, littered = (micro[k] for k in chosen)
    for path in (root / empty["path"]).iterdir():
        path.unlink()
    empty["num_frames"] = 0
    frames = sorted((root / gappy["path"]).iterdir())
    missing = frames[len(frames) // 2]
    missing.unlink()
    gappy["num_frames"] -= 1
    junk = root / littered["path"] / "Thumbs.db"
    junk.write_bytes(b"\xd0\xcf\x11\xe0 not a picture")
    top = littered["path"].split("/")[0]
    (root / top / "desktop.ini").write_text("[.ShellClassInfo]\n", encoding="ascii")
    planted = [
        {"kind": "empty_clip", "path": empty["path"]},
        {"kind": "missing_frame", "path": f"{gappy['path']}/{missing.name}"},
        {"kind": "junk", "path": f"{littered['path']}/Thumbs.db"},
        {"kind": "junk", "path": f"{top}/desktop.ini"},
        {"kind": "digits", "path": top},
    ]
    nest(root, top)
    for entry in [*clips, *planted]:
        entry["path"] = f"{top}/{entry['path']}"
    return [*planted, {"kind": "nested_top_folder", "path": f"{top}/{top}"}]


def nest(root: pathlib.Path, top: str) -> None:
    """Move the top folder into a folder of the same name, as unzipping often does."""
    inner = root / f"{top}.inner"
    (root / top).rename(inner)
    (root / top).mkdir()
    inner.rename(root / top / top)
