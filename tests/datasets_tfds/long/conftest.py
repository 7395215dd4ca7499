"""Irregular drawn sets of long videos, drawn and built once; a copy of one that may be spoilt."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from datasets_tfds.synthetic import LongCorpusConfig, write_long_corpus

TINY = {"subjects": 3, "videos": 2, "seconds": 3.6, "fps": 15.0, "macros": 1, "micros": 1, "talks": 0, "size": 32}
TABLES = {"cas_me2": "CAS(ME)^2code_final.xlsx", "samm_lv": "SAMM_LongVideos_V1_Release.xlsx"}


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A drawn set: its name, its folder, and the truth about it."""

    dataset: str
    folder: Path
    truth: dict[str, Any]

    @property
    def videos(self) -> dict[str, dict[str, Any]]:
        return {video["video"]: video for video in self.truth["videos"]}

    def edit(self, row: int, column: int, value: Any, sheet: int = 0) -> None:
        """Change a cell of the table; both count from 1."""
        path = self.folder / TABLES[self.dataset]
        book = openpyxl.load_workbook(path)
        book.worksheets[sheet].cell(row, column).value = value
        book.save(path)


@pytest.fixture(scope="session")
def drawn_sets(tmp_path_factory) -> dict[str, Drawn]:
    sets = {}
    for layout in TABLES:
        folder = tmp_path_factory.mktemp("long") / layout
        write_long_corpus(LongCorpusConfig(layout=layout, **TINY, irregular=True), folder)
        sets[layout] = Drawn(layout, folder, json.loads((folder / "truth.json").read_text()))
    return sets


@pytest.fixture(params=sorted(TABLES))
def drawn(request, drawn_sets) -> Drawn:
    """Each set in turn."""
    return drawn_sets[request.param]


@pytest.fixture
def copied(drawn_sets, tmp_path):
    """Copies a set, so that it can be spoilt."""

    def copy(layout: str) -> Drawn:
        folder = shutil.copytree(drawn_sets[layout].folder, tmp_path / layout)
        return dataclasses.replace(drawn_sets[layout], folder=folder)

    return copy


@pytest.fixture(scope="session")
def built(drawn_sets, tmp_path_factory) -> Path:
    """Folder with both sets built."""
    from datasets_tfds.long.source import load_long_videos

    data_dir = tmp_path_factory.mktemp("built_long")
    for layout, one in drawn_sets.items():
        load_long_videos(layout, manual_dir=one.folder, data_dir=data_dir)
    return data_dir
