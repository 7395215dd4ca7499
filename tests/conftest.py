"""Fixtures that several folders of tests use."""

import atexit
import dataclasses
import functools
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from akm_jax.data.clip_set import ClipSet

# Options by which XLA takes less care, for programs that are compiled longer than they run.
QUICK = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,  # the older way of compiling fusions: a step in 17 seconds instead of 32
}
QUICK_FLAGS = " ".join(f"--{name}={str(value).lower()}" for name, value in QUICK.items())
os.environ.setdefault("XLA_FLAGS", QUICK_FLAGS)

# Programs compiled once serve every test and every command line that a test starts; nothing outlasts the tests. With
# `-n` the process that hands out the tests comes here first, and its workers inherit the folder.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="akm_jax_test_cache_")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

# `make test` hands out whole files, in this order and then by name: those that take longest first, so that no worker
# is left alone with one at the end.
LONGEST_FIRST = (
    "akmnet_golden_test.py",
    "loso_stopped_test.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


# Linux lets a process have 65,530 memory mappings, and one that reaches them dies while compiling.
MANY_MAPPINGS = 20_000
MAPPINGS = Path("/proc/self/maps")  # Linux


@pytest.fixture(scope="module", autouse=True)
def _forget_compiled_programs():
    """Compiled programs, each of up to thousands of memory mappings, go with the file after which there are many."""
    yield
    if "jax" in sys.modules and MAPPINGS.is_file() and MAPPINGS.read_bytes().count(b"\n") > MANY_MAPPINGS:
        sys.modules["jax"].clear_caches()


@pytest.fixture(scope="session")
def quick_compilation() -> dict[str, bool | int]:
    """Options by which XLA takes less care."""
    return dict(QUICK)


@pytest.fixture(scope="session")
def quick_flags() -> str:
    """The same for the variable XLA_FLAGS of another process, where it holds more; else it is inherited."""
    return QUICK_FLAGS


HIDE = """
import sys

class Without:  # a finder that finds all but some modules, as where these are not installed
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, *args):
        return None if name.partition(".")[0] in {hidden!r} else self.finder.find_spec(name, *args)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""


@pytest.fixture(scope="session")
def hide_modules() -> Callable[..., str]:
    """Maker of the beginning of a program that runs as where some modules are not installed."""
    return lambda *hidden: HIDE.format(hidden=hidden)


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


@pytest.fixture(scope="session")
def golden_rebuild(golden_dir, golden_weights) -> types.ModuleType:
    """`rebuild.py` of the recordings of other networks: inputs, labels and weights by name; it imports `weights`."""
    sys.modules.setdefault("weights", golden_weights)
    spec = importlib.util.spec_from_file_location("golden_rebuild", golden_dir / "rebuild.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ststnet_weights() -> dict[str, np.ndarray]:
    """Weights by the names of STSTNet's PyTorch program, as its authors hand them on, for three classes."""
    rng, entries = np.random.default_rng(0), {}
    for i, filters in {1: 3, 2: 5, 3: 8}.items():
        entries |= {f"conv{i}.weight": (filters, 3, 3, 3), f"conv{i}.bias": (filters,)}
        entries |= {f"bn{i}.{name}": (filters,) for name in ("weight", "bias", "running_mean", "running_var")}
    entries |= {"fc.weight": (3, 400), "fc.bias": (3,)}
    return {name: rng.uniform(0.1, 1, shape).astype(np.float32) for name, shape in entries.items()}


class Recording:
    """A recorded AKMNet case: results by key, and the clips and weights they were made from."""

    clips_per_step = 8

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

    @property
    def steps(self) -> list[list]:
        """The training clips of every step, each (name, frames, label)."""
        clips = self.meta["train_clips"]
        return [clips[i : i + self.clips_per_step] for i in range(0, len(clips), self.clips_per_step)]


@pytest.fixture(scope="session")
def recording(golden_dir, golden_weights) -> Recording:
    """The AKMNet recording."""
    return Recording(golden_dir, golden_weights)


@pytest.fixture(scope="session")
def recorded_weights(recording) -> dict[str, np.ndarray]:
    """The weights that the recording starts from, by the names and in the layout of PyTorch."""
    pytest.importorskip("torch")
    from experiments.baselines.akmnet_torch import AKMNet

    entries = AKMNet(recording.meta["num_classes"]).state_dict()
    return recording.state_dict({k: tuple(v.shape) for k, v in entries.items() if "num_batches_tracked" not in k})


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """Largest allowed difference; relative to a tensor's largest value except for beta, logits and losses."""

    eval_beta: float
    eval_logits: float
    beta: float
    logits: float
    loss: float
    gradient_norm: float
    gradient: float
    parameter_norm: float
    parameter: float
    running: float


# In float64 the mathematics must agree to rounding; float32 may be three times as far away as PyTorch's own was.
TOLERANCES = {
    "float64": Tolerance(1e-9, 1e-9, 1e-9, 1e-9, 1e-9, 1e-7, 1e-7, 1e-9, 1e-9, 1e-9),
    "float32": Tolerance(*(3 * t for t in (3e-7, 7e-7, 1.6e-6, 4.4e-5, 1.6e-5, 5e-3, 5e-2, 3.5e-5, 1.7e-5, 9e-6))),
}


def close(actual, expected, tolerance, what, *, relative=False):
    expected = np.asarray(expected)
    scale = max(np.abs(expected).max(), 1e-30) if relative else 1.0
    error = np.abs(np.asarray(actual) - expected).max() / scale
    assert error <= tolerance, f"{what}: off by {error:.2e}, allowed {tolerance:.0e}"


class Checks:
    """Holds an implementation's results to a recording; parameters come by the names and in the layout of PyTorch."""

    def __init__(self, recording: Recording, dtype: str):
        self._recording = recording
        self._tolerance = TOLERANCES[dtype]

    def evaluated(self, name, *, beta, selected, logits):
        """One clip after evaluation."""
        at, tolerance = f"eval/{name}/", self._tolerance
        assert (np.asarray(selected) == self._recording[at + "selected"]).all(), at
        close(beta, self._recording[at + "beta"], tolerance.eval_beta, at + "beta")
        close(logits, self._recording[at + "logits"], tolerance.eval_logits, at + "logits")

    def trained(self, step, name, *, beta, selected, logits, cross_entropy, margin, sparsity):
        """One clip of a training step."""
        at, tolerance = f"train/step{step}/{name}/", self._tolerance
        assert (np.asarray(selected) == self._recording[at + "selected"]).all(), at
        close(beta, self._recording[at + "beta"], tolerance.beta, at + "beta")
        close(logits, self._recording[at + "logits"], tolerance.logits, at + "logits")
        close(cross_entropy, self._recording[at + "ce"], tolerance.loss, at + "ce")
        close(margin, self._recording[at + "margin_loss"], tolerance.loss, at + "margin")
        close(sparsity, self._recording[at + "sparsity_loss"], 0, at + "sparsity")

    def gradients(self, step, state_dict):
        """Gradients of a step, before weight decay."""
        self._tensors(f"train/step{step}/grad", state_dict, self._tolerance.gradient_norm, self._tolerance.gradient)

    def parameters(self, step, state_dict):
        """Parameters after a step."""
        self._tensors(f"train/step{step}/param", state_dict, self._tolerance.parameter_norm, self._tolerance.parameter)

    def running(self, prefix, state_dict):
        """Running averages."""
        expected = self._recording.under(prefix)
        assert expected
        assert expected.keys() == state_dict.keys()
        for name, value in expected.items():
            close(state_dict[name], value, self._tolerance.running, prefix + name, relative=True)

    def _tensors(self, prefix, state_dict, norm_tolerance, tolerance):
        norms, heads = (self._recording.under(f"{prefix}_{part}/") for part in ("norm", "head"))
        assert norms
        assert norms.keys() == heads.keys() == state_dict.keys()
        for name, norm in norms.items():
            flat = state_dict[name].ravel()
            close(np.linalg.norm(flat.astype(np.float64)), norm, norm_tolerance, f"{prefix} {name}", relative=True)
            error = np.abs(flat[: heads[name].size] - heads[name]).max() / np.abs(flat).max()
            assert error <= tolerance, f"{prefix} {name}: head off by {error:.2e}, allowed {tolerance:.0e}"


@pytest.fixture(scope="session")
def golden_checks(recording) -> Callable[[str], Checks]:
    """Checks against the recording, by number format."""
    return functools.partial(Checks, recording)


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
    subjects = [str(1 + i // clips_per_subject) for i in range(n)]
    return ClipSet.from_frames(
        np.split(frames, starts[1:]),
        [CLASS_NAMES[label] for label in labels],
        subjects,
        name="test",
        class_names=CLASS_NAMES[:num_classes],
        clip_ids=[f"s{s}_{i}" for i, s in enumerate(subjects)],
        fps=100.0,
    )


@pytest.fixture(scope="session")
def make_clip_set():
    """Maker of small data sets in memory, for tests of training."""
    return draw_clip_set


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium; a machine without it fails these tests."""
    from selenium import webdriver

    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.fail("chromium and chromedriver are needed: apt-get install -y chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield found
    found.quit()
