"""The key-frame picture of one clip: its frames above, beta, threshold and selected frames below."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from akm_jax.report.fonts import shown, text_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_SHOWN = 9
KEY_COLOUR, LINE_COLOUR, LIMIT_COLOUR = "#1f6fb4", "#777777", "#c0392b"


def key_frame_picture(
    path: Path,
    frames: Sequence[np.ndarray] | np.ndarray,
    beta: np.ndarray,
    selected: np.ndarray,
    threshold: float,
    *,
    names: Sequence[str],
    title: str,
) -> Path:
    """Draw the picture to a file; its ending (png, svg, pdf) says the format. Frames are counted from 0.

    Args:
        path: where to write.
        frames: T of (H, W), grey.
        beta, selected: (T,), scores and key frames.
        threshold: of the selection.
        names: T frame names.
        title: stands above; left out where no font here has its characters.
    """
    import matplotlib as mpl  # here: it takes a second to load, and --help draws nothing

    title, ends = shown(title), shown(_ends(names))
    with mpl.rc_context(text_style([title, ends])):
        figure = _draw(frames, beta, selected, threshold, title=title, ends=ends)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120)
    return path


def _ends(names: Sequence[str]) -> str:
    """The files of first and last frame; nothing where frames are called by their numbers."""
    return "" if names[-1] == str(len(names) - 1) else f" ({names[0]} to {names[-1]})"


def _draw(
    frames: Sequence[np.ndarray] | np.ndarray,
    beta: np.ndarray,
    selected: np.ndarray,
    threshold: float,
    *,
    title: str,
    ends: str,
) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    shown = _shown(beta)
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    grid = figure.add_gridspec(2, len(shown), height_ratios=(1, 1.35))
    top = int(np.argmax(beta))
    for column, i in enumerate(shown):
        axes = figure.add_subplot(grid[0, column])
        axes.imshow(frames[i], cmap="gray", vmin=0, vmax=255)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(f"{i}{' (top)' if i == top else ''}", fontsize=9, color=KEY_COLOUR if selected[i] else "black")
        for spine in axes.spines.values():
            spine.set(color=KEY_COLOUR if selected[i] else "#cccccc", linewidth=2.2 if selected[i] else 0.8)
    axes = figure.add_subplot(grid[1, :])
    position, chosen = np.arange(len(beta)), selected > 0
    axes.plot(position, beta, color=LINE_COLOUR, linewidth=1.2)
    axes.plot(position[chosen], beta[chosen], "o", color=KEY_COLOUR, markersize=4.5, label="key frame")
    axes.axhline(threshold, color=LIMIT_COLOUR, linestyle="--", linewidth=1, label="threshold (mean of beta)")
    axes.plot(top, beta[top], "o", markersize=10, markerfacecolor="none", markeredgecolor="black", label="top beta")
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.set(xlabel=f"frame, counted from 0{ends}", ylabel="beta")
    axes.legend(fontsize=8, frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.14))
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=11)
    return figure


def _shown(beta: np.ndarray) -> list[int]:
    """Evenly spread frames, first and last among them, the nearest one replaced by the top one."""
    shown = np.unique(np.linspace(0, len(beta) - 1, min(MAX_SHOWN, len(beta))).round().astype(int))
    top = int(np.argmax(beta))
    if len(shown) > 2 and top not in shown:
        inner = shown[1:-1]
        inner[np.argmin(np.abs(inner - top))] = top
    return shown.tolist()
