"""The picture of a benchmark, drawn from its JSON file alone."""

import dataclasses
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from akm_jax.files import read_json

NAMES = {"ours": "akm_jax", "torch_best": "PyTorch, fastest way", "torch_eager": "PyTorch, as released"}
COLOURS = {"ours": "#1b6e8c", "torch_best": "#c9a24b", "torch_eager": "#b5b5b5"}
CURVES = {
    "scaling/clips": "clips a step",
    "scaling/frames_a_clip": "frames a clip",
    "scaling/pixels": "pixels a frame",
    "scaling/folds": "folds",
    "scaling/spread": "spread of clip lengths",
}


@dataclasses.dataclass(frozen=True)
class PictureConfig:
    """Results of `experiments.benchmark`."""

    json: Path = Path("benchmarks/cpu.json")
    """File of results."""
    output: Path = Path("docs/benchmark.png")
    """PNG file."""

    def draw(self) -> None:
        """Draw what the file holds."""
        draw(self.json, self.output)


def draw(source: Path, output: Path) -> None:
    """Draw frames a second of every program, and the scaling curves where they were measured.

    Raises:
        ValueError: the file holds neither.
    """
    found = read_json(source)
    rows = {row["name"]: row for row in found["rows"]}
    works = [work for work in ("train", "infer") if f"{work}/ours" in rows]
    curves = [name for name in CURVES if name in rows]
    if not works and not curves:
        raise ValueError(f"{source}: no row of train, infer or scaling to draw; run the benchmark with one of these")
    count = len(works) + bool(curves) * 2
    figure = Figure(figsize=(4 * count, 3.2))
    panels = list(figure.subplots(1, count, squeeze=False)[0])
    for panel, work in zip(panels, works, strict=False):
        _bars(panel, work, rows)
    if curves:
        _curves(panels[-2], [c for c in curves if c != "scaling/spread"], rows)
        _spread(panels[-1], rows.get("scaling/spread"))
    figure.suptitle(f"{found['device']}; {_versions(found['versions'])}", fontsize=9, color="#555555")
    figure.tight_layout()
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=120)


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {versions[name]}" for name in ("jax", "torch") if name in versions)


def _bars(panel: Any, work: str, rows: dict[str, Any]) -> None:
    programs = [name for name in NAMES if f"{work}/{name}" in rows]
    speeds = [rows[f"{work}/{name}"]["frames_per_s"] for name in programs]
    bars = panel.barh([NAMES[n] for n in programs], speeds, color=[COLOURS[n] for n in programs])
    panel.bar_label(bars, fmt="%.0f", padding=3)
    panel.invert_yaxis()
    panel.set_xlim(0, max(speeds) * 1.18)
    panel.set_title({"train": "training, frames/s", "infer": "inference, frames/s"}[work])
    panel.spines[["top", "right"]].set_visible(False)


def _curves(panel: Any, curves: list[str], rows: dict[str, Any]) -> None:
    for name in curves:
        x, seconds = rows[name]["x"], rows[name]["median_s"]
        relative = [[v / values[0] for v in values] for values in (x, seconds)]
        panel.plot(*relative, marker="o", label=f"{CURVES[name]} (exponent {rows[name]['exponent']:.2f})")
    largest = max(rows[name]["x"][-1] / rows[name]["x"][0] for name in curves)
    panel.plot([1, largest], [1, largest], color="#999999", linestyle="--", linewidth=1, label="linear")
    panel.set(xscale="log", yscale="log", title="seconds a step, of folds a run")
    panel.set(xlabel="times the smallest size", ylabel="times its seconds")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_formatter(NullFormatter())
    panel.legend(fontsize=7)
    panel.spines[["top", "right"]].set_visible(False)


def _spread(panel: Any, row: dict[str, Any] | None) -> None:
    if row is None:
        panel.set_axis_off()
        return
    panel.plot(row["x"], row["median_s"], marker="o", color=COLOURS["ours"])
    panel.set_ylim(0, max(row["median_s"]) * 1.3)
    panel.set(title="s a step, same frames in all", xlabel="clip lengths from (1 - x) to (1 + x) of the mean")
    panel.spines[["top", "right"]].set_visible(False)
