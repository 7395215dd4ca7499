"""The programs on the pages, as they stand there."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="session")
def write_programs() -> Callable[[str, Path], list[Path]]:
    """Writes the programs of a page into a folder, each under the name in its first line; gives their paths."""

    def write(page: str, folder: Path) -> list[Path]:
        blocks = re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)
        paths = []
        for name, program in blocks:
            paths.append(folder / name)
            paths[-1].write_text(program)
        return paths

    return write


@pytest.fixture(scope="session")
def page_text() -> Callable[[str], str]:
    """Text of a page."""
    return lambda page: (DOCS / page).read_text()
