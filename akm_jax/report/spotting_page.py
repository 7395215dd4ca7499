"""`report.html` of a spotting run: scores beside baselines; of every video the curve, what was found, what is true."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from akm_jax.files import write_text
from akm_jax.report.page import FILE_NAME
from akm_jax.report.run_files import natural_order
from akm_jax.report.svg import COLOURS, draw
from akm_jax.report.templates import page_templates
from akm_jax.report.thumbnails import as_png
from akm_jax.spotting.counting import match_spans
from akm_jax.spotting.folds import VideoSpots

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 600  # of a curve; more can't be told apart at this width
MOST_THUMBNAILS = 8  # a video
CURVE_PT = 92.0
INK, MUTED, WRONG, RIGHT = (COLOURS[name] for name in ("ink", "muted", "wrong", "inner"))
BASELINES = {
    "motion": ("without a network", "The mean length of the flow in the features takes the place of the score."),
    "random": ("random", "As many intervals as the network found, anywhere in the same videos; mean of 20 draws."),
}


def write_spotting_page(
    run_dir: Path, spots: Sequence[VideoSpots], found: pd.DataFrame, summary: dict[str, Any]
) -> Path:
    """Write the page of a finished run.

    Args:
        run_dir: where to.
        spots: every video under every type.
        found: the table of what was found, with emotions where they are known.
        summary: content of `summary.json`.

    Returns:
        The page's path.

    Raises:
        ValueError: the crops of a peak cannot be read.
    """
    environment = page_templates()
    environment.filters["f3"] = lambda value: "undefined" if value is None else f"{value:.3f}"
    page = environment.get_template("spotting.html.j2").render(
        summary=summary,
        scores=summary["scores"],
        baselines=BASELINES,
        subjects=sorted(summary["per_subject"], key=natural_order),
        videos=[_card(i, one, found) for i, one in enumerate(spots)],
    )
    path = run_dir / FILE_NAME
    write_text(path, page)
    return path


def _card(number: int, one: VideoSpots, found: pd.DataFrame) -> dict[str, Any]:
    """What the page shows of a video."""
    hits = {int(i) for i, _ in match_spans(one.found.spans, one.annotated)}
    rows = found[(found["video"] == one.video.video_id) & (found["type"] == one.wanted)]
    emotions = rows["emotion"].tolist() if "emotion" in rows else [""] * len(rows)
    peaks = [
        {
            "first": int(first),
            "last": int(last),
            "peak": int(first) + one.k,
            "score": float(score),
            "hit": i in hits,
            "emotion": emotion,
            "png": as_png(one.video.crops.read(int(first) + one.k, int(first) + one.k + 1)[0]),
        }
        for i, ((first, last), score, emotion) in enumerate(
            zip(one.found.spans, one.found.scores, emotions, strict=True)
        )
    ]
    shown = sorted(sorted(peaks, key=lambda peak: -peak["score"])[:MOST_THUMBNAILS], key=lambda peak: peak["first"])
    return {
        "video": one.video,
        "wanted": one.wanted,
        "k": one.k,
        "figure": curve(f"video-{number}", one, hits),
        "peaks": shown,
        "more": len(peaks) - len(shown),
        "missed": len(one.annotated) - len(hits),
    }


def curve(name: str, one: VideoSpots, hits: set[int]) -> Markup:
    """Score curve, threshold and peaks over time, above bars of what was found and what is annotated."""
    fps = one.video.fps or 1.0
    frames = np.arange(len(one.found.curve)) + one.k
    step = -(-len(frames) // MOST_POINTS)
    low, high = float(np.min(one.found.curve)), float(np.max(one.found.curve))
    room = (high - low) or 1.0

    def paint(axes: "Axes") -> None:
        axes.plot(frames[::step] / fps, _thinned(one.found.curve, step), color=INK, linewidth=0.9)
        axes.axhline(one.found.threshold, color=WRONG, linewidth=0.8, linestyle=(0, (4, 3)))
        for i, ((first, last), score) in enumerate(zip(one.found.spans, one.found.scores, strict=True)):
            colour = RIGHT if i in hits else WRONG
            axes.plot((first + one.k) / fps, score, "o", color=colour, markersize=3)
            axes.hlines(low - 0.16 * room, first / fps, (last + 1) / fps, color=colour, linewidth=3)
        for first, last in one.annotated:
            axes.hlines(low - 0.32 * room, max(first, 0) / fps, (last + 1) / fps, color=INK, linewidth=3)
        axes.set(
            xlim=(0, one.video.num_frames / fps),
            ylim=(low - 0.45 * room, high + 0.1 * room),
            xlabel="seconds" if one.video.fps else "frames",
            ylabel="score",
        )
        axes.grid(axis="x")

    said = f"{len(one.found.spans)} intervals found, {len(hits)} of them right, {len(one.annotated)} annotated"
    return draw(name, f"Score curve of video {one.video.video_id}, {one.wanted}: {said}.", CURVE_PT, paint)


def _thinned(values: np.ndarray, step: int) -> np.ndarray:
    """The largest of every `step` values: peaks stay."""
    padded = np.pad(values, (0, -len(values) % step), mode="edge")
    return padded.reshape(-1, step).max(1)
