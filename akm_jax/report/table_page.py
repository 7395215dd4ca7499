"""`table.html`: a table of runs with its figures, one file that needs nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from akm_jax.files import write_text
from akm_jax.report import figures
from akm_jax.report.chosen_clips import Reading, read_clips
from akm_jax.report.published import SOURCE
from akm_jax.report.run_files import main_rule
from akm_jax.report.svg import COLOURS, draw
from akm_jax.report.tables import (
    COMPARED,
    KeyFrames,
    Row,
    Table,
    as_texts,
    explanations,
    heading,
    key_frames_of,
    rows_of,
)
from akm_jax.report.templates import page_templates

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE_NAME = "table.html"
MOST_TIMELINES = 6
INK, MUTED = COLOURS["ink"], COLOURS["muted"]


def write_table_page(table: Table, folder: Path) -> Path:
    """Write the page of a table; gives its path.

    Raises:
        ValueError: cells with results of other clips than the table's.
    """
    rows = rows_of(table)
    header, lines = as_texts(table, rows)
    found = key_frames_of(table)
    environment = page_templates()
    environment.filters["distance"] = median_distance
    page = environment.get_template("table.html.j2").render(
        table=table,
        heading=heading(table),
        parts=[part for part in _parts(header, lines) if len(part[0]) > 2],
        strong=[row.cell.name == table.reference for row in rows] + [False],
        reference=next((cell.title for cell in table.cells if cell.name == table.reference), table.reference),
        notes=explanations(table, rows),
        source=SOURCE,
        accuracies=accuracies(table, rows) if any(row.scores for row in rows) else "",
        key_frames=found,
        distances=[distances(f"distances-{i}", one) for i, one in enumerate(found)],
        timelines=timelines(found[0], table) if found else [],
    )
    write_text(folder / FILE_NAME, page)
    return folder / FILE_NAME


def _parts(header: Sequence[str], lines: Sequence[Sequence[str]]) -> list[tuple[list[str], list[list[str]]]]:
    """What each scored, and how they compare, both with method and frames: one table would be wider than the page."""
    parts = []
    for compared in (False, True):
        kept = [i for i, name in enumerate(header) if i < 2 or (name in COMPARED) == compared]
        cells = [[line[i] for i in kept] for line in (lines[:-1] if compared else lines)]  # chance stands once
        parts.append(([header[i] for i in kept], cells))
    return parts


def accuracies(table: Table, rows: Sequence[Row]) -> Markup:
    """Accuracy of each cell under each rule, with the interval of the first; published figures; what chance reaches."""
    shown = [row for row in rows if row.scores]
    low, high = table.band

    def paint(axes: "Axes") -> None:
        axes.axvspan(low, high, color=MUTED, alpha=0.13, linewidth=0)
        for y, row in enumerate(shown):
            main = row.scores[row.rule]
            axes.hlines(y, main.low, main.high, color=COLOURS[row.rule], linewidth=1.6)
            for rule, found in row.scores.items():
                axes.plot(found.accuracy, y, "o", color=COLOURS[rule], markersize=5.5 if rule == row.rule else 3.5)
            if row.cell.published is not None:
                axes.plot(row.cell.published, y, "D", color=INK, markersize=4)
        axes.set(xlim=(0, 1.02), ylim=(len(shown) - 0.4, -0.6), xlabel="accuracy", yticks=range(len(shown)))
        axes.set_yticklabels([row.cell.name for row in shown], color=INK)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)

    said = "; ".join(f"{row.cell.name} {row.scores[row.rule].accuracy:.3f}" for row in shown)
    return draw("accuracies", f"Accuracies of the cells: {said}.", 40 + 15 * len(shown), paint)


def distances(name: str, found: KeyFrames) -> list[Markup]:
    """How far the top frame lies from the apex: in frames and, of clips whose rate is known, in milliseconds."""
    frames = np.array([one.distance for one in found.readings], float)
    times = np.array([one.distance_ms for one in found.readings if one.fps])
    shown = [_distances(name, found.cell.title, frames, "frames", 1.0)]
    if len(times):
        frame_ms = 1000 / max(one.fps for one in found.readings)
        shown.append(_distances(f"{name}-ms", found.cell.title, times, "milliseconds", frame_ms))
    return shown


def _distances(name: str, title: str, values: np.ndarray, unit: str, step: float) -> Markup:
    """A histogram whose middle bin holds 0; bins are a frame, `step`, or wider."""
    reach = int(np.ceil(np.abs(values).max() / step)) + 1
    edges = np.linspace(-reach - 0.5, reach + 0.5, min(2 * reach + 2, 32)) * step

    def paint(axes: "Axes") -> None:
        axes.hist(values, bins=edges.tolist(), color=COLOURS["last"], alpha=0.75)
        axes.axvline(0, color=INK, linewidth=0.9, linestyle=(0, (1, 1.5)))
        axes.set(xlabel=f"{unit} from the apex to the frame of the top score", ylabel="clips")

    middle = float(np.median(np.abs(values)))
    return draw(name, f"{title}: {unit} from apex to top frame, median distance {middle:g}.", 120, paint)


def median_distance(found: KeyFrames) -> str:
    """Median distance in frames and, where the rate is known, milliseconds."""
    frames = np.median([abs(one.distance) for one in found.readings])
    times = [abs(one.distance_ms) for one in found.readings if one.fps]
    return f"{frames:g} frames" + (f", {np.median(times):.0f} ms" if times else "")


def timelines(found: KeyFrames, table: Table) -> list[tuple[str, Markup]]:
    """Scores over the frames of some clips, from the nearest top frame to the farthest, of the first seed."""
    results = found.cell.results
    seed = min(result["seed"] for result in results)
    readings = {one.clip_id: one for one in read_clips(results, main_rule(results[0]["rules"]), seed)}
    ranked = sorted(
        (one for one in found.readings if one.seed == seed), key=lambda one: (abs(one.distance), one.clip_id)
    )
    chosen = [ranked[i] for i in sorted({round(k) for k in np.linspace(0, len(ranked) - 1, MOST_TIMELINES)})]
    return [
        (_title(readings[one.clip_id], table), figures.timeline(f"timeline-{i}", readings[one.clip_id], one.apex))
        for i, one in enumerate(chosen)
    ]


def _title(reading: Reading, table: Table) -> str:
    names = table.class_names
    return f"{reading.clip_id}: {names[reading.label]}, read as {names[reading.prediction]}"
