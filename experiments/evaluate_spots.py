"""Score spotted intervals, one's own or others', against the annotated ones.

    python -m experiments.evaluate_spots PREDICTIONS.csv TRUTH.csv --variant=megc

Both are tables with a header and a row for each interval: video (or vid), onset (pred_onset), offset (pred_offset; the
frame belongs to the interval) and type (me, micro, mae, macro); and, where known, subject, emotion, score. So are the
forms of MEGC 2022 (vid, pred_onset, pred_offset, type) and of STRS 2025 (subject, video, onset, offset, emotion; these
are micro-expressions). Both tables must number frames alike.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from experiments.command import command_line, console, parse, require_writable, run_command

COUNTS = {"tp": "TP", "fp": "FP", "fn": "FN", "precision": "precision", "recall": "recall", "f1": "F1"}
PRECISIONS = {"ap50": "AP@.5", "ap": "AP@[.5:.95]"}


@dataclasses.dataclass(frozen=True)
class EvaluateSpotsCommand:
    """What to score."""

    predictions: Annotated[Path, tyro.conf.Positional]
    """Table of found intervals, CSV."""
    truth: Annotated[Path, tyro.conf.Positional]
    """Table of annotated intervals, CSV."""
    variant: Literal["megc", "code", "strs-metric"] = "megc"
    """megc: all videos, one-to-one hits within the type. code: as the released SOFTNet, only videos with an interval of
    the type, and only the best match counts. strs-metric: as megc, with STRS as its released program has it."""
    min_iou: float = 0.5
    """Frames in both by frames in either from which an interval is a hit; above 0, at most 1."""
    json: Path | None = None
    """Also write the scores to this file, JSON."""


@command_line(writes=("--json",))
def main(arguments: Sequence[str]) -> None:
    """Parse, score, print."""
    command = parse(
        EvaluateSpotsCommand, arguments, program="python -m experiments.evaluate_spots", description=__doc__
    )
    if not 0 < command.min_iou <= 1:
        raise ValueError(f"--min_iou={command.min_iou}: expected a number above 0 and at most 1")
    if command.json:
        require_writable("--json", command.json, (".json",))
    from akm_jax.files import write_json  # here: --help need not wait for it
    from akm_jax.spotting.evaluation import evaluate_tables, require_common_videos
    from akm_jax.spotting.submission import read_table

    found, truth = read_table(command.predictions), read_table(command.truth)
    require_common_videos(found.rows, truth.rows)
    scores = evaluate_tables(found.rows, truth.rows, command.variant, min_iou=command.min_iou)
    scores["notes"] += [*found.notes, *truth.notes]
    print_spot_scores(scores)
    if command.json:
        write_json(command.json, scores)
        console.print(f"wrote {command.json}", soft_wrap=True)


def print_spot_scores(scores: dict[str, Any]) -> None:
    """Print the scores as a person wants to read them: what `evaluate_tables` returns."""
    ranked = any("ap50" in row for row in scores["types"].values())
    title = f"Spotting, {scores['variant']}, hits from an IoU of {scores['min_iou']:g}"
    _print_table(title, "type", scores["types"], COUNTS | (PRECISIONS if ranked else {}))
    if scores["strs"]:
        _print_strs(scores["strs"])
    for note in scores["notes"]:
        console.print(note, soft_wrap=True)


def _print_table(title: str, of: str, rows: dict[str, dict[str, Any]], columns: dict[str, str]) -> None:
    from rich.table import Table

    table = Table(of, title=title)
    for shown in columns.values():
        table.add_column(shown, justify="right")
    for name, row in rows.items():
        table.add_row(name, *(_cell(row[column]) if column in row else "" for column in columns))
    console.print(table)


def _print_strs(strs: dict[str, Any]) -> None:
    spotting, analysis = strs["spotting"], strs["analysis"]
    _print_table("Emotions of what was spotted, micro-expressions", "emotion", analysis["classes"], COUNTS)
    console.print(
        f"STRS {_cell(strs['strs'])} = spotting F1 {_cell(spotting['f1'])} x analysis F1 {_cell(analysis['f1'])}\n"
        f"spotting: TP {spotting['tp']}, FP {spotting['fp']}, FN {spotting['fn']}\n"
        f"analysis: {analysis['right']} of {analysis['hits']} hits named right, mean precision "
        f"{_cell(analysis['precision'])}, mean recall {_cell(analysis['recall'])}, UF1 {_cell(analysis['uf1'])}, UAR "
        f"{_cell(analysis['uar'])}",
        soft_wrap=True,
    )


def _cell(value: float | None) -> str:
    if value is None:
        return "undefined"
    return str(value) if isinstance(value, int) else f"{value:.4f}"


if __name__ == "__main__":
    run_command(main)
