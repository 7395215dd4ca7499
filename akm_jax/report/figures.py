"""The figures of a report."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from akm_jax.report.chosen_clips import Reading
from akm_jax.report.run_files import natural_order
from akm_jax.report.svg import COLOURS, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

ROW_PT = 15.0
INK, MUTED, WRONG, PAPER = (COLOURS[name] for name in ("ink", "muted", "wrong", "paper"))


def comparison(scores: dict[str, Any], rules: Sequence[str], published: float | None) -> Markup:
    """Accuracy of each rule with its interval, beside majority class and published figure."""
    majority, (low, high) = scores["majority_accuracy"], scores["majority_band95"]
    rows = [*rules, "majority class", *(["published"] if published is not None else [])]

    def paint(axes: "Axes") -> None:
        axes.axvspan(low, high, color=MUTED, alpha=0.13, linewidth=0)
        for y, rule in enumerate(rules):
            found = scores["rules"][rule]
            axes.hlines(y, *found["accuracy_ci95"], color=COLOURS[rule], linewidth=1.6)
            axes.plot(found["accuracy"], y, "o", color=COLOURS[rule], markersize=5.5)
        axes.plot(majority, len(rules), "|", color=MUTED, markersize=10, markeredgewidth=1.8)
        if published is not None:
            axes.axvline(published, color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
            axes.plot(published, len(rows) - 1, "D", color=INK, markersize=4.5)
        axes.set(xlim=(0, 1.02), ylim=(len(rows) - 0.4, -0.6), xlabel="accuracy", yticks=range(len(rows)))
        axes.set_yticklabels(rows, color=INK)
        axes.grid(axis="x")
        _plain_rows(axes)

    said = [f"{rule} {_interval(scores['rules'][rule])}" for rule in rules]
    said.append(f"majority class {majority:.3f}, by chance {low:.3f} to {high:.3f}")
    if published is not None:
        said.append(f"published {published:.4f}")
    return draw("comparison", f"Accuracies: {'; '.join(said)}.", 34 + 21 * len(rows), paint)


def _interval(found: dict[str, Any]) -> str:
    low, high = found["accuracy_ci95"]
    return f"{found['accuracy']:.3f}, interval {low:.3f} to {high:.3f}"


def _limit_ticks(axis: "Axis", most: int, **options: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(most, **options))


def _plain_rows(axes: "Axes") -> None:
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_axisbelow(True)


def subjects(scores: dict[str, Any], rule: str) -> Markup:
    """A bar a subject: as long as it has clips, filled as far as they were classified correctly."""
    found = scores["rules"][rule]["per_subject"]
    names = sorted(found, key=natural_order)
    clips = np.array([found[s]["num_clips"] for s in names])
    correct = np.array([found[s]["accuracy"] for s in names]) * clips

    def paint(axes: "Axes") -> None:
        y = np.arange(len(names))
        axes.barh(y, correct, color=COLOURS[rule], height=0.62, linewidth=0)
        axes.barh(y, clips - correct, left=correct, color=WRONG, alpha=0.35, height=0.62, linewidth=0)
        for i, (hits, size) in enumerate(zip(correct, clips, strict=True)):
            axes.annotate(
                f"{_count(hits)} / {size:g}", (size, i), xytext=(4, 0), textcoords="offset points", va="center"
            )
        axes.set(xlim=(0, 1.22 * clips.max()), ylim=(len(names) - 0.4, -0.6), xlabel="clips", yticks=y)
        axes.set_yticklabels([_short(s) for s in names], color=INK)
        _limit_ticks(axes.xaxis, 6, integer=True)
        _plain_rows(axes)

    said = ", ".join(f"{s} {_count(c)} of {n:g}" for s, c, n in zip(names, correct, clips, strict=True))
    return draw(
        "subjects", f"Clips classified correctly by subject, rule {rule}: {said}.", 36 + ROW_PT * len(names), paint
    )


def _count(clips: float) -> str:
    """A number of clips; the mean over seeds may have a fraction."""
    return f"{clips:.0f}" if np.isclose(clips, np.round(clips)) else f"{clips:.1f}"


def _short(name: str) -> str:
    return name if len(name) <= 12 else f"{name[:11]}…"


def curves(name: str, histories: Sequence[Sequence[dict[str, Any]]], quantity: str, rule: str) -> Markup:
    """One thin line a fold and their mean, over epochs."""
    values = np.array([[epoch[quantity] for epoch in history] for history in histories], float)
    epochs = np.arange(1, values.shape[1] + 1)
    mean = values.mean(0)

    def paint(axes: "Axes") -> None:
        marker = "o" if len(epochs) == 1 else None
        for line in values:
            axes.plot(epochs, line, color=COLOURS[rule], alpha=0.4, linewidth=0.8, marker=marker, markersize=2)
        axes.plot(epochs, mean, color=COLOURS[rule], linewidth=1.9, marker="o", markersize=2.4)
        axes.set(xlabel="epoch", ylabel=quantity, xlim=(min(0.7, 1 - 0.02 * len(epochs)), len(epochs) + 0.3))
        if quantity == "accuracy":
            axes.set_ylim(-0.04, 1.04)
        _limit_ticks(axes.xaxis, 8, integer=True, min_n_ticks=1)
        axes.grid(axis="y")

    said = f"mean over {len(values)} folds {mean[0]:.3f} after epoch 1, {mean[-1]:.3f} after epoch {len(epochs)}"
    return draw(name, f"{quantity.capitalize()} over epochs: {said}.", 138, paint)


def seeds(scores: dict[str, Any], rules: Sequence[str]) -> Markup:
    """Accuracy of every seed, and the mean of each rule."""
    found = {rule: scores["rules"][rule] for rule in rules}

    def paint(axes: "Axes") -> None:
        for y, (rule, of) in enumerate(found.items()):
            axes.plot(of["accuracy_by_seed"], [y] * len(of["accuracy_by_seed"]), "o", color=COLOURS[rule], alpha=0.5)
            axes.plot(of["accuracy"], y, "|", color=COLOURS[rule], markersize=15, markeredgewidth=1.8)
        axes.set(xlim=(0, 1.02), ylim=(len(found) - 0.4, -0.6), xlabel="accuracy", yticks=range(len(found)))
        axes.set_yticklabels(found, color=INK)
        axes.grid(axis="x")
        _plain_rows(axes)

    said = "; ".join(f"{rule} {of['accuracy']:.3f}, spread {of['accuracy_std']:.3f}" for rule, of in found.items())
    return draw("seeds", f"Accuracy of every seed, and mean: {said}.", 34 + 21 * len(found), paint)


def timeline(name: str, reading: Reading, apex: int | None) -> Markup:
    """Beta over the frames of a clip, its threshold, the frames selected, the top one, and the apex; from 0.

    Args:
        name: unique on the page.
        reading: what the model says of the clip.
        apex: index of the apex from 0, None where it is not annotated.
    """
    beta, chosen = np.array(reading.beta), np.flatnonzero(reading.selected)
    frames = np.arange(len(beta))
    top = int(beta.argmax())

    def paint(axes: "Axes") -> None:
        for first, last in _stretches(chosen):
            axes.axvspan(first - 0.5, last + 0.5, color=COLOURS["last"], alpha=0.12, linewidth=0)
        axes.axhline(reading.threshold, color=WRONG, linewidth=0.9, linestyle=(0, (4, 2)))
        axes.plot(frames, beta, color=MUTED, linewidth=1)
        axes.plot(frames[chosen], beta[chosen], "o", color=COLOURS["last"], markersize=2.8)
        axes.plot(top, beta[top], "o", markersize=7, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1)
        if apex is not None:
            axes.axvline(apex, color=INK, linewidth=0.9, linestyle=(0, (1, 1.5)))
        axes.set(xlim=(-0.6, len(beta) - 0.4), xlabel="frame", ylabel="beta")
        axes.margins(y=0.12)
        _limit_ticks(axes.xaxis, 8, integer=True, min_n_ticks=1)
        _limit_ticks(axes.yaxis, 4)

    return draw(name, _timeline_text(reading, chosen, top, apex), 104, paint)


def _stretches(chosen: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of every unbroken stretch."""
    parts = np.split(chosen, np.flatnonzero(np.diff(chosen) > 1) + 1)
    return [(int(part[0]), int(part[-1])) for part in parts if len(part)]


def _timeline_text(reading: Reading, chosen: np.ndarray, top: int, apex: int | None) -> str:
    parts = [
        f"Beta over the {len(reading.beta)} frames of clip {reading.clip_id}: threshold {reading.threshold:.4f}",
        f"{len(chosen)} frames selected",
        f"top beta {reading.beta[top]:.4f} at frame {top}",
        "apex not annotated" if apex is None else f"apex at frame {apex}",
    ]
    return ", ".join(parts) + "."
