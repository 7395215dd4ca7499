"""`python -m experiments.pictures`: what it draws, and what it says where it cannot."""

import pytest

from experiments.pictures.__main__ import main


def test_a_page_is_shown_as_chromium_shows_it(tmp_path):
    (tmp_path / "report.html").write_text("<!doctype html><title>page</title><h1>A page</h1>")
    drawn = tmp_path / "docs" / "page.png"
    main(["report", f"--run_dir={tmp_path}", f"--output={drawn}", "--width=300", "--height=200"])
    assert drawn.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["report", "--run_dir=absent"], FileNotFoundError, "absent/report.html does not exist; give --run_dir"),
        (["benchmark", "--json={empty}"], ValueError, "no row of train, infer or scaling to draw"),
    ],
)
def test_what_is_missing_is_named(arguments, error, message, tmp_path):
    empty = tmp_path / "empty.json"
    empty.write_text('{"rows": []}')
    with pytest.raises(error, match=message):
        main([argument.format(empty=empty) for argument in arguments])
