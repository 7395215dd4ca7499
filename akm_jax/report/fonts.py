"""Users' texts in Matplotlib figures: as they are written, without math, in a font that has their characters."""

import functools
import warnings
from collections.abc import Sequence
from typing import Any

USUAL = "DejaVu Sans"  # comes with Matplotlib
LONGEST = 60  # characters of a name on a figure


def text_style(texts: Sequence[str]) -> dict[Any, Any]:
    """Settings of Matplotlib to draw these texts with: the usual font, and for what it lacks others that are here."""
    families = [USUAL, *(found for text in texts for found in _families(text) or ())]
    return {"text.parse_math": False, "font.family": list(dict.fromkeys(families))}


def shown(text: str, otherwise: str = "") -> str:
    """A text as a figure can show it: shortened in the middle, or `otherwise` where no font has its characters."""
    if _families(text) is None:
        return otherwise
    half = (LONGEST - 1) // 2
    return text if len(text) <= LONGEST else f"{text[:half]}…{text[-half:]}"


def _families(text: str) -> tuple[str, ...] | None:
    """Fonts beside the usual one that a text needs, none for most; None where there are no such fonts."""
    from matplotlib.font_manager import findfont, fontManager

    lacking = {ord(c) for c in text if c != " "} - _characters(findfont(USUAL))
    if not lacking:
        return ()
    for font in fontManager.ttflist:
        if font.style == "normal" and lacking <= _characters(font.fname):
            return (font.name,)
    return None


@functools.cache
def _characters(path: str) -> frozenset[int]:
    """The characters of a font file; none of one that can't be read."""
    from matplotlib.ft2font import FT2Font

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
