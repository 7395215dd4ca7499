"""Fixtures that several folders of tests use."""

import importlib.util
import json
import os
import types
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """Folder of the recorded results; another recording of the same form can be checked with AKM_GOLDEN_DIR."""
    return Path(os.environ.get("AKM_GOLDEN_DIR") or Path(__file__).parent / "golden")


@pytest.fixture(scope="session")
def golden_weights(golden_dir) -> types.ModuleType:
    """`weights.py` of the recording: every array as a pure function of its name and shape."""
    spec = importlib.util.spec_from_file_location("golden_weights", golden_dir / "weights.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Recording:
    """A recorded AKMNet case: results by key, and the clips and weights they were made from."""

    def __init__(self, folder: Path, weights: types.ModuleType):
        self.results = np.load(folder / "akmnet.npz")
        self.meta = json.loads(str(self.results["meta"]))
        self._weights = weights

    def __getitem__(self, key: str) -> np.ndarray:
        return self.results[key]

    def clip(self, name: str, num_frames: int) -> np.ndarray:
        return self._weights.clip(self.meta["prefix"] + name, num_frames)

    def state_dict(self, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
        return {k: self._weights.tensor(self.meta["prefix"] + k, shape) for k, shape in shapes.items()}

    def under(self, prefix: str) -> dict[str, np.ndarray]:
        return {k.removeprefix(prefix): self.results[k] for k in self.results.files if k.startswith(prefix)}


@pytest.fixture(scope="session")
def recording(golden_dir, golden_weights) -> Recording:
    """The AKMNet recording."""
    return Recording(golden_dir, golden_weights)
