"""Fixtures that several folders of tests use."""

import atexit
import importlib.util
import json
import os
import shutil
import tempfile
import types
from pathlib import Path

import numpy as np
import pytest

from akm_jax.data.clip_set import ClipSet, resize_frame

# Programs compiled once serve every test and every command line that a test starts; nothing outlasts the tests.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="akm_jax_test_cache_")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")


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


CLASS_NAMES = ("negative", "positive", "surprise")


def draw_clip_set(num_subjects=4, clips_per_subject=3, *, lengths=None, image_size=32, seed=0, num_classes=3):
    """Noise with a brighter square that moves by class; `lengths` are repeated as needed."""
    rng = np.random.default_rng(seed)
    n = num_subjects * clips_per_subject
    lengths = np.resize(np.array(lengths or [3, 5, 4, 1]), n).astype(np.int32)
    labels = np.array([(i + i // clips_per_subject) % num_classes for i in range(n)], np.int32)
    frames = rng.integers(0, 120, (int(lengths.sum()), image_size, image_size)).astype(np.uint8)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    for start, length, label in zip(starts, lengths, labels, strict=True):
        frames[start : start + length, 8 * label : 8 * label + 8, 8:16] += 120
    subjects = tuple(str(1 + i // clips_per_subject) for i in range(n))
    return ClipSet(
        name="test",
        class_names=CLASS_NAMES[:num_classes],
        clip_ids=tuple(f"s{s}_{i}" for i, s in enumerate(subjects)),
        subjects=subjects,
        labels=labels,
        lengths=lengths,
        frames=frames,
        large_frames=np.stack([resize_frame(f, image_size * 9 // 8) for f in frames]),
        frame_numbers=np.concatenate([np.arange(n) for n in lengths]).astype(np.int32),
        fps=100.0,
        apexes=np.full(n, -1, np.int32),
    )


@pytest.fixture(scope="session")
def make_clip_set():
    """Maker of small data sets in memory, for tests of training."""
    return draw_clip_set
