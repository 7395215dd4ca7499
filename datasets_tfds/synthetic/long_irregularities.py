"""The irregularities that distributed copies of CAS(ME)^2 and SAMM Long Videos show, planted on purpose.

`plan` changes the table before it is written, `spoil` what was written. Both list what they planted: `kind`, and the
row's `name` or the `path`. A set with all of them can still be built: none hides a video or a frame.
"""

import pathlib
from collections.abc import Iterator, Sequence

from datasets_tfds.synthetic.chance import Stream, random_stream
from datasets_tfds.synthetic.irregularities import nest
from datasets_tfds.synthetic.long_layouts import SAMM_LV, LongLayout, SheetRow, SheetVideo

MIN_ROWS = 10
STRAY = "s19/23_0502funnyerrors"  # a folder under another subject, without an interval
STRAY_ID = "s19_0502"
_ABSENT = -1
Planted = list[dict[str, str]]


def plan(layout: LongLayout, videos: Sequence[SheetVideo], lengths: Sequence[int], seed: int) -> Planted:
    """Change rows in place; each row gets at most one irregularity."""
    rows = [row for video in videos for row in video.rows]
    order = random_stream(seed, Stream.LONG_IRREGULARITIES).permutation(len(rows))
    free = iter([rows[k] for k in order])
    if layout is SAMM_LV:
        return _plan_samm(videos, lengths, free)
    return _plan_cas(free)


def _plan_cas(free: Iterator[SheetRow]) -> Planted:
    unknown, middle, late, spelled, number = (next(free) for _ in range(5))
    unknown.offset, unknown.truth["offset"] = 0, unknown.truth["apex"]
    middle.apex, middle.truth["apex"] = 0, (middle.truth["onset"] + middle.truth["offset"]) // 2
    late.apex, late.truth["apex"] = late.offset + 5, _ABSENT
    spelled.emotion, spelled.truth["emotion"] = "happyiness", "happiness"
    number.action_units = 4
    kinds = ("offset_0", "apex_0", "apex_after_offset", "happyiness", "number_as_action_units")
    return _name(kinds, (unknown, middle, late, spelled, number))


def _plan_samm(videos: Sequence[SheetVideo], lengths: Sequence[int], free: Iterator[SheetRow]) -> Planted:
    place = next((k for k, video in enumerate(videos) if video.rows[-1].type == "macro"), 0)
    past = videos[place].rows[-1]
    past.offset, past.truth["offset"] = lengths[place] + 7, lengths[place] - 1
    chosen = (row for row in free if row is not past)
    start = next(row for row in chosen if row.type == "macro")
    hidden, late, *fractions = (next(chosen) for _ in range(6))
    start.onset, start.truth["onset"] = 0, _ABSENT
    hidden.apex, hidden.truth["apex"] = _ABSENT, _ABSENT
    late.apex, late.truth["apex"] = late.offset + 5, _ABSENT
    for row in fractions:
        row.onset, row.offset = row.onset + 1.1e-13 * row.onset, row.offset - 0.4
    for video in videos[1::2]:
        video.digits = 5
    kinds = ("offset_past_end", "onset_0", "apex_-1", "apex_after_offset", *["fraction"] * len(fractions))
    return [*_name(kinds, (past, start, hidden, late, *fractions)), {"kind": "digits", "path": SAMM_LV.top}]


def _name(kinds: Sequence[str], rows: Sequence[SheetRow]) -> Planted:
    return [{"kind": kind, "name": row.name} for kind, row in zip(kinds, rows, strict=True)]


def spoil(root: pathlib.Path, layout: LongLayout, videos: Sequence[SheetVideo]) -> Planted:
    """Add files that are no frames, and put the top folder into one of the same name."""
    top = root / layout.top
    junk = top / videos[0].folder / "Thumbs.db"
    junk.write_bytes(b"not a picture")
    nest(root, layout.top)
    return [
        {"kind": "junk", "path": f"{layout.top}/{junk.relative_to(root).as_posix()}"},
        {"kind": "nested_top_folder", "path": f"{layout.top}/{layout.top}"},
    ]
