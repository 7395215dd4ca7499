"""What may be loaded by what: training needs no TensorFlow, no PyTorch, and not even tensorflow-datasets."""

import subprocess
import sys

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
