import warnings

import numpy as np
import pytest
from matplotlib import font_manager, image

from akm_jax.report import fonts
from akm_jax.report.picture import key_frame_picture

LACKING = "\U0001f9ff"  # a character that DejaVu Sans does not have


@pytest.fixture
def no_other_fonts(monkeypatch):
    """Only the font that comes with Matplotlib."""
    usual = [font for font in font_manager.fontManager.ttflist if font.name == fonts.USUAL]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", usual)


@pytest.mark.parametrize("text", ["clip 01", "a$b$ [c]", "Übung ñ Ω я", "تعبير"])
@pytest.mark.usefixtures("no_other_fonts")
def test_what_the_usual_font_has_is_shown(text):
    assert fonts.shown(text, "clip") == text


@pytest.mark.usefixtures("no_other_fonts")
def test_what_no_font_has_is_left_out_and_long_names_are_shortened():
    assert fonts.shown(f"x{LACKING}", "clip") == "clip"
    assert fonts.shown("微表情", "clip") == "clip"
    assert fonts.shown("a\nb", "clip") == "clip"
    short = fonts.shown("a" * 40 + "b" * 40)
    assert len(short) < 61
    assert (short[0], short[-1]) == ("a", "b")


def test_another_font_that_has_it_is_used(monkeypatch):
    other = font_manager.FontEntry(fname="/other.ttf", name="Other Sans")
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [other])
    usual = fonts._characters(font_manager.findfont(fonts.USUAL))
    monkeypatch.setattr(fonts, "_characters", lambda path: {ord(LACKING)} if path == "/other.ttf" else usual)
    assert fonts.shown(LACKING, "clip") == LACKING
    assert fonts.text_style([LACKING, "a"])["font.family"] == [fonts.USUAL, "Other Sans"]


def draw(path, *, title="clip", names=None):
    beta = np.array([0.1, 0.9, 0.5])
    frames = np.full((3, 8, 8), 128, np.uint8)
    names = names or tuple("012")
    return key_frame_picture(path, frames, beta, beta > 0.4, 0.5, names=names, title=title)


@pytest.mark.usefixtures("no_other_fonts")
@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_any_title_is_drawn_without_a_warning(tmp_path, suffix):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for i, title in enumerate(("$x \\frac", "微表情", "a_b^c %")):
            assert draw(tmp_path / f"{i}.{suffix}", title=title, names=(f"{title}1", "b", "c")).stat().st_size > 1000


def test_a_title_that_cannot_be_drawn_is_left_out(tmp_path, no_other_fonts):
    with_none, with_odd = (
        image.imread(draw(tmp_path / f"{i}.png", title=title)) for i, title in enumerate(("", LACKING))
    )
    np.testing.assert_array_equal(with_none, with_odd)


def test_frames_are_counted_from_0(tmp_path):
    import matplotlib as mpl

    with mpl.rc_context({"svg.fonttype": "none"}):
        text = draw(tmp_path / "o.svg").read_text()
    assert "1 (top)" in text
    assert "frame, counted from 0<" in text
    with mpl.rc_context({"svg.fonttype": "none"}):
        text = draw(tmp_path / "o.svg", names=("a.png", "b.png", "c.png")).read_text()
    assert "frame, counted from 0 (a.png to c.png)" in text
