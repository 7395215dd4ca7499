"""`report.html` of a watched video: score curves, thresholds, intervals with pictures, and the annotated video."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from akm_jax.files import write_text
from akm_jax.report.svg import COLOURS, draw
from akm_jax.report.templates import page_templates
from akm_jax.report.thumbnails import as_png
from akm_jax.spotting.own_video import CropFile, FoundInterval, Watched

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE_NAME = "report.html"
MOST_CARDS = 60
HEIGHT_PT = 130.0


@dataclasses.dataclass(frozen=True)
class Card:
    """An interval and its pictures: name, frame number, time, PNG in Base64."""

    interval: FoundInterval
    frames: list[dict[str, Any]]


def write_own_video_page(
    folder: Path, watched: Watched, crops: CropFile, about: dict[str, Any], annotated: Path | None
) -> Path:
    """Write `report.html`.

    Args:
        folder: of the run.
        watched: what was found.
        crops: the face, for the pictures.
        about: what else `result.json` says.
        annotated: the annotated video, in the same folder.
    """
    environment = page_templates()
    path = folder / FILE_NAME
    page = environment.get_template("own_video.html.j2").render(
        watched=watched,
        recording=watched.recording,
        about=about,
        annotated=None if annotated is None else annotated.name,
        figures=[(kind, k, curve_figure(watched, kind)) for kind, k in watched.half_lengths.items()],
        cards=[_card(watched, one, crops) for one in _highest(watched)],
        lost_s=sum(watched.recording.times[b - 1] - watched.recording.times[a] for a, b in watched.track.lost),
    )
    write_text(path, page)
    return path


def _highest(watched: Watched) -> list[FoundInterval]:
    """The intervals with pictures: those of the highest peaks, in the order of time."""
    chosen = sorted(watched.intervals, key=lambda one: -one.score)[:MOST_CARDS]
    return sorted(chosen, key=lambda one: (one.onset, one.offset))


def curve_figure(watched: Watched, kind: str) -> Markup:
    """Curves of a type over time, with thresholds, intervals, and shades where no face was."""
    times = watched.recording.times
    curves = [curve for curve in watched.curves if curve.type == kind]
    found = [one for one in watched.intervals if one.type == kind]

    def paint(axes: "Axes") -> None:
        for a, b in watched.track.lost:
            axes.axvspan(times[a], times[b - 1], color=COLOURS["muted"], alpha=0.25, linewidth=0)
        for one in found:
            axes.axvspan(one.onset_s, one.offset_s, color=COLOURS["inner"], alpha=0.3, linewidth=0)
        for curve in curves:
            at = times[curve.first : curve.first + len(curve.values)]
            axes.plot(at, curve.values, color=COLOURS["last"], linewidth=1)
            axes.hlines(curve.threshold, at[0], at[-1], color=COLOURS["test"], linewidth=0.9, linestyle=(0, (4, 3)))
        peaks = np.array([one.peak for one in found], int)
        axes.plot(times[peaks], [one.score for one in found], "v", color=COLOURS["inner"], markersize=4)
        axes.set(xlabel="seconds", ylabel="score", xlim=(0, watched.recording.duration_s))
        axes.grid(axis="y")

    said = f"Averaged scores of {kind}-expressions over {watched.recording.duration_s:.1f} seconds; "
    return draw(f"curve-{kind}", f"{said}{len(found)} intervals found.", HEIGHT_PT, paint)


def _card(watched: Watched, one: FoundInterval, crops: CropFile) -> Card:
    frames = [
        {
            "name": name,
            "number": number,
            "time": float(watched.recording.times[number]),
            "png": as_png(crops.read(number, number + 1)[0]),
        }
        for name, number in (("onset", one.onset), ("middle", one.peak), ("offset", one.offset))
    ]
    return Card(one, frames)
