"""Matplotlib figures as inline SVG that takes its colours and typeface from the page: one figure, both colour schemes.

Figures are drawn in `COLOURS`, stand-ins that become the page's CSS variables. Matplotlib takes a second to load, so it
is imported when the first is drawn.
"""

import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# CSS variable of the page -> the colour that stands for it while drawing.
COLOURS = {
    "ink": "#010101",
    "muted": "#010102",
    "line": "#010103",
    "last": "#010104",
    "inner": "#010105",
    "test": "#010106",
    "wrong": "#010107",
    "paper": "#010108",
    "given": "#010109",
}
WIDTH_PT = 264.0  # at 4/3 pixels a point the figure is as wide as a phone
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "axes.edgecolor": COLOURS["muted"],
    "axes.labelcolor": COLOURS["muted"],
    "text.color": COLOURS["ink"],
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
    "grid.color": COLOURS["line"],
    "grid.linewidth": 0.6,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "svg.fonttype": "none",
    "text.parse_math": False,
}


def draw(name: str, alternative: str, height_pt: float, paint: Callable[["Axes"], None]) -> Markup:
    """Draw a figure of one axes.

    Args:
        name: unique on the page.
        alternative: what the figure shows, for those who can't see it.
        height_pt: height in points; the width is `WIDTH_PT`.
        paint: draws on the axes, in `COLOURS`.

    Returns:
        An `<svg>` element.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    out = io.StringIO()
    with mpl.rc_context(STYLE | {"svg.hashsalt": name}), warnings.catch_warnings():
        # The page's typeface draws the text; what the one used for measuring lacks does not matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(WIDTH_PT / 72, height_pt / 72), layout="constrained")
        paint(figure.add_subplot())
        figure.savefig(
            out, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    return _inline(out.getvalue(), name, alternative)


def _inline(svg: str, name: str, alternative: str) -> Markup:
    """From a file to an element: no prolog, no fixed size, page colours, ids that are unique on the page."""
    svg = re.sub(r"<(style|metadata)\b.*?</\1>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    for variable, colour in COLOURS.items():
        svg = svg.replace(colour, f"var(--{variable})")
    svg = re.sub(r"'DejaVu Sans'(, [^;\"]*)?", "var(--sans)", svg)
    svg = _own_ids(svg, name)
    view = re.search(r'viewBox="[^"]*"', svg)
    opening = f'<svg role="img" aria-label="{escape(alternative)}" {view.group() if view else ""}>'
    return Markup(re.sub(r"<svg\b[^>]*>", lambda _: opening, svg, count=1))


def _own_ids(svg: str, name: str) -> str:
    """Drop ids that nothing refers to; put the figure's name before the others."""
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", svg)
    return re.sub(r'(href="|url\()#', rf"\g<1>#{name}-", svg)
