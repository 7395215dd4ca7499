"""The irregularities that distributed copies of CASME, CASME II and SAMM show, planted on purpose.

`plan` changes clips before they are written, `spoil` what was written. Both list what they planted: `kind`, and `clip`
or `path`, by which reports name it.
"""

import pathlib
from collections.abc import Sequence

from datasets_tfds.synthetic.annotated_corpus import SheetClip, clip_folder
from datasets_tfds.synthetic.annotated_layouts import AnnotatedLayout, file_name
from datasets_tfds.synthetic.chance import Stream, random_stream
from datasets_tfds.synthetic.irregularities import nest

MIN_CLIPS = 10
KNOWN_CLIPS = ("EP12_01f", "EP09_05f", "EP01_08")  # names that mean something in CASME II
Planted = list[dict[str, str]]
_SHEET_ERRORS = {40: (100, 149), 42: (101, 119), 43: (57, 74), 54: (31, 40), 140: (131, 142)}  # CASME: row -> frames
_CASME2_UNITS = ("?", "R4+R10", "1+L2", "L12")
_SAMM_UNITS = ("12 or 14", "AU4B+AU7A", "(L12)", "17C")


def plan(layout: AnnotatedLayout, variant: str, clips: Sequence[SheetClip], seed: int) -> Planted:
    """Change clips in place; those that `spoil` takes are left as they are."""
    spoilt = [id(clip) for clip in _choose_spoilt(clips, seed)]
    free = [clip for clip in clips if id(clip) not in spoilt]
    return {"casme": _plan_casme, "casme2": _plan_casme2, "samm": _plan_samm}[layout.name](layout, variant, clips, free)


def _choose_spoilt(clips: Sequence[SheetClip], seed: int) -> list[SheetClip]:
    """The four clips that lose or gain files; what is chosen depends on the number of clips only."""
    order = random_stream(seed, Stream.IRREGULARITIES).permutation(len(clips))
    return [clips[k] for k in order if clips[k].file_name not in KNOWN_CLIPS][:4]


def _plan_casme(layout: AnnotatedLayout, variant: str, clips: Sequence[SheetClip], free: list[SheetClip]) -> Planted:
    for k, clip in enumerate(clips):
        clip.digits = 0 if k < len(clips) // 2 else 3
        clip.first = clip.first if clip.digits else 1 + clip.first % 50  # so that padding shows
        if clip.subject % 2 == 0:
            clip.subject_folder = f"sub{clip.subject}"
    planted = [{"kind": "digits", "path": layout.tops[variant]}]
    for index, (first, last) in _SHEET_ERRORS.items():
        if index < len(clips) and any(clips[index] is one for one in free):
            planted.append(_plant_sheet_error(layout, clips[index], index, first, last))
            free = [one for one in free if one is not clips[index]]
    if pair := _neighbours(free):
        one, other = pair
        other.file_name = one.file_name
        other.digits = one.digits
        other.first = one.last + 7
        one.has_repeated_name = other.has_repeated_name = True
        planted.append({"kind": "repeated_name", "clip": layout.clip_id.format(one.subject, one.file_name)})
    planted.append(_hide_apex(layout, next(clip for clip in free if not clip.has_repeated_name), "\\"))
    return planted


def _plant_sheet_error(layout: AnnotatedLayout, clip: SheetClip, index: int, first: int, last: int) -> dict[str, str]:
    """A wrong interval where `corrections.csv` knows one, and the right one on disk."""
    clip.resize(first, last - first + 1)
    clip.cells = {"offset": last + 9}
    if index in (40, 42, 43):
        clip.apex_index = {40: 20, 42: 9, 43: 8}[index]
        clip.cells = {"onset": last + 3, "apex": first, "offset": first + 2}
    return {"kind": "sheet_error", "clip": clip.clip_id(layout)}


def _neighbours(clips: Sequence[SheetClip]) -> tuple[SheetClip, SheetClip] | None:
    """Two clips of one person."""
    return next(((a, b) for a in clips for b in clips if a is not b and a.subject == b.subject), None)


def _hide_apex(layout: AnnotatedLayout, clip: SheetClip, sign: str) -> dict[str, str]:
    clip.apex_index, clip.cells = None, {"apex": sign}
    return {"kind": "missing_apex", "clip": clip.clip_id(layout)}


def _plan_casme2(layout: AnnotatedLayout, variant: str, clips: Sequence[SheetClip], free: list[SheetClip]) -> Planted:
    seen: dict[int, int] = {}
    for k, clip in enumerate(clips):
        index = seen.setdefault(clip.subject, 0)
        seen[clip.subject] += 1
        if clip.file_name not in KNOWN_CLIPS and any(clip is one for one in free):
            clip.file_name = file_name(layout, clip.subject, index, form=4 if k == len(clips) - 1 else k % 4)
    for clip, units in zip(free, _CASME2_UNITS, strict=False):
        clip.action_units = units
    free[-1].action_units = 4  # a number, not text
    planted: Planted = []
    known = next((clip for clip in clips if (clip.subject, clip.file_name) == (16, "EP01_08")), None)
    if known is not None and variant == "cropped":
        known.missing = [known.first + 3, known.first + 4]
        known.is_whole = False
        planted.append({"kind": "known_defect", "clip": known.clip_id(layout)})
    chosen = [clip for clip in free if clip is not known]
    hidden = next((clip for clip in chosen if (clip.subject, clip.file_name) == (4, "EP12_01f")), chosen[0])
    planted.append(_hide_apex(layout, hidden, "/"))
    same = (clip for clip in chosen if (clip.subject, clip.file_name) == (5, "EP09_05f"))
    at_onset = next(same, next(clip for clip in chosen if clip is not hidden))
    at_onset.apex_index = 0
    return [*planted, {"kind": "apex_at_onset", "clip": at_onset.clip_id(layout)}]


def _plan_samm(layout: AnnotatedLayout, variant: str, clips: Sequence[SheetClip], free: list[SheetClip]) -> Planted:
    for k, clip in enumerate(clips):
        clip.first = clip.first % 9_000 + (10_000 if k % 2 else 1)
        clip.digits = 4 + k % 2
        clip.cells = {"onset": float(clip.first), "offset": float(clip.last)}
    for clip, units in zip(free, _SAMM_UNITS, strict=False):
        clip.action_units = units
    planted: Planted = [{"kind": "digits", "path": layout.tops[variant]}]
    for clip in free[:2]:
        clip.apex_index = None
        clip.cells["apex"] = clip.last + 9
        planted.append({"kind": "impossible_apex", "clip": clip.clip_id(layout)})
    return planted


def spell_header(name: str) -> str:
    """A header with blanks where editions differ."""
    return name.replace(" ", "  ") + " "


def spoil(root: pathlib.Path, layout: AnnotatedLayout, variant: str, clips: Sequence[SheetClip], seed: int) -> Planted:
    """Remove and add files and folders; clips are brought up to date in place."""
    absent, empty, gappy, littered = _choose_spoilt(clips, seed)
    top = root / layout.tops[variant]
    for clip in (absent, empty):
        for path in (root / clip_folder(layout, variant, clip)).iterdir():
            path.unlink()
        clip.missing, clip.is_whole = list(range(clip.first, clip.last + 1)), False
    (root / clip_folder(layout, variant, absent)).rmdir()
    planted: Planted = [
        {"kind": "absent_clip", "clip": absent.clip_id(layout)},
        {"kind": "empty_clip", "path": str(clip_folder(layout, variant, empty))},
        _remove_frame(root, layout, variant, gappy),
    ]
    junk = [root / clip_folder(layout, variant, littered) / "Thumbs.db", top / littered.subject_folder / "img1.lnk"]
    for path in junk:
        path.write_bytes(b"not a picture")
        planted.append({"kind": "junk", "path": str(path.relative_to(root))})
    for kind, path in (
        ("surplus_clip", top / littered.subject_folder / "EP98_01"),
        ("stray_folder", top / "New folder"),
    ):
        path.mkdir()
        planted.append({"kind": kind, "path": str(path.relative_to(root))})
    nest(root, top.name)
    for entry in planted:
        if "path" in entry:
            entry["path"] = f"{top.name}/{entry['path']}"
    return [*planted, {"kind": "nested_top_folder", "path": f"{top.name}/{top.name}"}]


def _remove_frame(root: pathlib.Path, layout: AnnotatedLayout, variant: str, clip: SheetClip) -> dict[str, str]:
    number = clip.first + clip.num_frames // 2
    name = layout.frame_name(variant, layout.subject_folder.format(clip.subject), clip.file_name, number, clip.digits)
    (root / clip_folder(layout, variant, clip) / name).unlink()
    clip.missing, clip.is_whole = [number], False
    return {"kind": "missing_frame", "path": f"{clip_folder(layout, variant, clip)}/{name}"}
