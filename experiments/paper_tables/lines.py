"""From runs to a table: its lines, the published figures beside them, and what a reader should know."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from akm_jax.data.clip_set import ClipSet
from akm_jax.report.published import AKMNET, HOLD_OUT, KEY_FRAME_SHARES, SOURCE, published_results
from akm_jax.report.run_files import main_rule
from akm_jax.report.tables import Cell, Table
from datasets_tfds.folder.ck_plus import NAMES
from experiments.options import DataOptions
from experiments.paper_tables.cells import MAIN, CellSpec, TableSpec
from experiments.paper_tables.options import TablesCommand
from experiments.paper_tables.runs import NO_APEXES, RANDOM_LABELS, PlannedRun

Results = tuple[dict[str, Any], ...]
"""Contents of a run's `result.json`."""


def make_table(
    spec: TableSpec,
    planned: Sequence[PlannedRun],
    found: Mapping[Path, Results],
    clip_set: ClipSet,
    command: TablesCommand,
) -> Table:
    """The table of what is finished."""
    tested = _tested(planned[0])
    numbers = [i for i, clip_id in enumerate(clip_set.clip_ids) if clip_id in tested]
    lines = [one for one in planned if one.shown]
    order = {cell.name: i for i, cell in enumerate(spec.cells)}
    lines.sort(key=lambda one: (one.control, order[one.cell.name]))
    return Table(
        number=command.table,
        title=spec.title,
        dataset=command.data.dataset,
        class_names=clip_set.class_names,
        labels={clip_set.clip_ids[i]: int(clip_set.labels[i]) for i in numbers},
        subjects={clip_set.clip_ids[i]: clip_set.subjects[i] for i in numbers},
        cells=tuple(_line(spec, one, found.get(one.experiment.run_dir, ()), command.data) for one in lines),
        reference=MAIN,
        apexes={clip_set.clip_ids[i]: (int(clip_set.apexes[i]), float(clip_set.fps[i])) for i in numbers}
        if spec.apexes
        else {},
        notes=_notes(spec, lines, clip_set),
        selectors=(by_motion(clip_set, found[planned[0].experiment.run_dir]),) if spec.apexes and found else (),
    )


def by_motion(clip_set: ClipSet, results: Results) -> Cell:
    """Ours, beside AKMNet's choice: as many frames of each clip, those that differ most from its first one.

    The score of a frame is the mean absolute difference of its pixels from the first frame's, as in Xia's rule for the
    apex. Nothing is learned.
    """
    chosen = []
    for result in results:
        clips = {}
        for clip_id, clip in result["rules"][main_rule(result["rules"])]["clips"].items():
            score = _motion(clip_set, clip_id)
            most = np.argsort(-score, kind="stable")[: sum(clip["selected"])]
            selected = np.isin(np.arange(len(score)), most).astype(int).tolist()
            clips[clip_id] = {"beta": score.tolist(), "selected": selected}
        chosen.append({"seed": result["seed"], "rules": {"last": {"clips": clips}}})
    return Cell("by_motion", "Ours: as many frames, those that differ most from the first", "", tuple(chosen))


def _motion(clip_set: ClipSet, clip_id: str) -> np.ndarray:
    """Mean difference of each frame from the first, in grey values."""
    frames = clip_set.read(clip_set.clip_ids.index(clip_id)).astype(np.int16)
    return np.abs(frames - frames[0]).mean((1, 2))


def _tested(one: PlannedRun) -> set[str]:
    """Clips that are tested in any fold."""
    return {one.clip_set.clip_ids[clip] for fold in one.folds for clip in fold.test}


def _line(spec: TableSpec, one: PlannedRun, results: Results, data: DataOptions) -> Cell:
    cell, why_not = one.cell, one.why_not or ("" if results else "not run yet")
    if one.control:
        title = f"{cell.title}, labels drawn at random"
        return Cell(f"{cell.name}-{RANDOM_LABELS}", title, cell.sees, results, why_not, control=True)
    published = published_accuracy(spec, cell, data, one.clip_set.class_names)
    return Cell(cell.name, cell.title, cell.sees, results, why_not, published)


def published_accuracy(spec: TableSpec, cell: CellSpec, data: DataOptions, class_names: Sequence[str]) -> float | None:
    """What was published of a cell on this data set with these classes; None where nothing was."""
    if spec.hold_out:
        return HOLD_OUT.get((cell.title, cell.sees)) if set(class_names) == set(NAMES.values()) else None
    if data.classes not in ("usual", "paper4"):
        return None
    rows = {(row.method, row.frames): row.accuracy for row in published_results(data.dataset, data.data_config)}
    return rows.get((cell.title, cell.sees))


def _notes(spec: TableSpec, lines: Sequence[PlannedRun], clip_set: ClipSet) -> tuple[str, ...]:
    """What a reader should know of the table."""
    said = []
    if spec.apexes:
        if shares := KEY_FRAME_SHARES.get(clip_set.name):
            said.append(
                f"Published of {AKMNET} on {clip_set.name}: the apex is a key frame in {shares[0]:.4f} of the clips, "
                f"and has the top beta in {shares[1]:.3f}."
            )
        annotated = int((clip_set.apexes >= 0).sum())
        said.append(f"{annotated} of {len(clip_set)} clips have an annotated apex.")
        if not annotated:
            said.append(f"Shares of apexes: a dash, for {NO_APEXES}.")
    if any(one.cell.needs and "inner" in one.experiment.options.chosen_rules for one in lines):
        said.append(
            "Rule inner of lines that take key frames of a finished run chooses its epoch on subjects whose labels "
            "that run's networks have learned: the choice is flattered, the figure of the left-out subject is not."
        )
    if spec.hold_out:
        said.append(
            "A fifth of the subjects is held out once; published: CK+, 327 clips of 7 classes, other subjects held out."
        )
    if any(one.cell.sees == "onset and apex" for one in lines) and not (clip_set.apexes >= 0).any():
        said.append("Methods that see onset and apex take the middle frame for the apex, for none is annotated.")
    said.append(
        f"Published figures: {SOURCE}, leaving one subject out; how the epoch was chosen is not said there, and the "
        "released program chooses as rule test does. Clips ahead are counted in as many clips as there are here."
    )
    return tuple(said)
