"""Irregular corpora of all sets, drawn once."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from datasets_tfds.synthetic import CorpusConfig, write_corpus

SIZES = {"casme": (8, 7), "casme2": (17, 2), "samm": (4, 5), "smic": (3, 4)}  # subjects, clips of each


@dataclasses.dataclass(frozen=True)
class Corpus:
    """A drawn set: its name, its folder, and the truth about it."""

    dataset: str
    folder: Path
    truth: dict[str, Any]

    @property
    def whole(self) -> dict[str, dict[str, Any]]:
        """Clips that can be used, by clip id."""
        spoilt = {Path(entry.get("path", "")) for entry in self.truth["planted"] if entry["kind"] == "empty_clip"}
        spoilt |= {Path(entry["path"]).parent for entry in self.truth["planted"] if entry["kind"] == "missing_frame"}
        clips = self.truth["clips"]
        return {c["clip"]: c for c in clips if c.get("is_whole", True) and Path(c["path"]) not in spoilt}


def draw(folder: Path, dataset: str, **options) -> Corpus:
    subjects, clips = SIZES[dataset]
    config = {"subjects": subjects, "clips": clips, "size": 32, "min_frames": 5, "max_frames": 9, "pictures": "noise"}
    write_corpus(CorpusConfig(layout=dataset, **(config | options)), folder)
    return Corpus(dataset, folder, json.loads((folder / "truth.json").read_text()))


@pytest.fixture(scope="session", params=sorted(SIZES))
def corpus(request, tmp_path_factory) -> Corpus:
    """An irregular corpus of each set."""
    return draw(tmp_path_factory.mktemp(request.param) / "corpus", request.param, irregular=True)


@pytest.fixture(scope="session")
def corpora(tmp_path_factory) -> dict[str, Corpus]:
    """Irregular corpora of all sets."""
    folder = tmp_path_factory.mktemp("corpora")
    return {dataset: draw(folder / dataset, dataset, irregular=True) for dataset in SIZES}


@pytest.fixture
def regular(tmp_path):
    """Draws a small regular corpus of a set."""
    return lambda dataset, **options: draw(
        tmp_path / dataset, dataset, **({"subjects": 3, "clips": 3, "min_frames": 3, "max_frames": 4} | options)
    )


@pytest.fixture(scope="session")
def hide_tensorflow(hide_modules) -> str:
    """The beginning of a program that runs as where TensorFlow and PyTorch are not installed."""
    return hide_modules("tensorflow", "torch")
