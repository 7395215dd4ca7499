"""What may be loaded by what: training needs no TensorFlow, no PyTorch, and not even tensorflow-datasets."""

import subprocess
import sys
from pathlib import Path

import pytest


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


IMPORT_ALL = """
import importlib, pkgutil, sys
import akm_jax
names = [module.name for module in pkgutil.walk_packages(akm_jax.__path__, "akm_jax.")]
for name in [*names, "datasets_tfds.source", "experiments.loso", "experiments.data"]:
    importlib.import_module(name)
print(len(names) > 40, sorted({"tensorflow", "tensorflow_datasets", "torch"} & sys.modules.keys()))
"""


def test_no_module_of_the_library_loads_tensorflow_or_torch():
    done = run_python(IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True []"


@pytest.mark.parametrize(
    ("platform", "processor", "runs"),
    [("win32", "AMD64", False), ("darwin", "x86_64", False), ("darwin", "arm64", True), ("linux", "x86_64", True)],
)
def test_where_it_does_not_run_one_line_says_so(platform, processor, runs):
    elsewhere = f"import sys, platform; sys.platform = {platform!r}; platform.machine = lambda: {processor!r}; "
    library = run_python(elsewhere + "import akm_jax")
    assert (library.returncode == 0) == runs, library.stderr
    assert runs or "ImportError: akm_jax runs on Linux" in library.stderr.splitlines()[-1]
    command = run_python(elsewhere + "import experiments")
    assert runs or command.stderr.startswith("error: akm_jax runs on Linux")
    assert len(command.stderr.splitlines()) == (0 if runs else 1)


ASK_FOR_METADATA = """
import sys, types
for name in ("hatchling", "hatchling.metadata", "hatchling.metadata.plugin", "hatchling.metadata.plugin.interface"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["hatchling.metadata.plugin.interface"].MetadataHookInterface = object
sys.path.insert(0, {root!r})
sys.platform = {platform!r}
from hatch_build import PlatformHook
PlatformHook().update({{}})
"""


@pytest.mark.parametrize("platform", ["win32", "linux"])
def test_pip_is_told_the_same_before_it_looks_for_dependencies(platform):
    done = run_python(ASK_FOR_METADATA.format(root=str(Path(__file__).parents[2]), platform=platform))
    assert (done.returncode == 0) == (platform == "linux"), done.stderr
    assert (platform == "linux") or "akm_jax runs on Linux" in done.stderr.splitlines()[-1]


TRAIN = """
import jax, numpy as np
from akm_jax.clips import pack
from akm_jax.config import AKMNetConfig
from akm_jax.train.state import graph_definition, initial_state
from akm_jax.train.step import train_step
config = AKMNetConfig.preset("tiny")
graph = graph_definition(config.model, 3)
state = initial_state(jax.random.key(0), model=config.model, train=config.train, num_classes=3)
clips = pack([np.zeros((2, 32, 32), np.uint8)], [1])
step = jax.jit(train_step, static_argnames=("graph", "config"))
traced = step.trace(state, clips, jax.random.key(1), 1e-3, graph=graph, config=config.train)
state, gradients = traced.out_info
print(gradients.result.losses.total.shape)
"""


@pytest.mark.parametrize("hidden", [("tensorflow_datasets", "tensorflow", "torch", "tyro", "cv2", "grain")])
def test_models_and_the_training_step_are_traced_without_tensorflow_datasets(hide_modules, hidden):
    done = run_python(hide_modules(*hidden) + TRAIN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(1,)"
