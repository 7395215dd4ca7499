"""`compile`: seconds until the training step of a data set is ready, in a fresh process, without and with the cache.

Run as a module it is that process: it compiles for shapes alone, without data, and prints its seconds as JSON.
"""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from akm_jax.config import ModelConfig, TrainConfig
from akm_jax.data.batching import step_capacity
from akm_jax.data.stream import DeviceClips
from akm_jax.train.parts import STEPS_BY_PART, choose_parts, divided, home_of, mesh_of, split_cpu
from akm_jax.train.state import graph_definition, initial_state
from akm_jax.train.step import DevicePlan, train_steps
from experiments.benchmarks.timing import timed
from experiments.benchmarks.workload import draw_lengths

NUM_CLASSES = 4


@contextlib.contextmanager
def shared_programs() -> Iterator[None]:
    """Begin without compiled programs, and let this process and those it starts share the ones they compile."""
    with tempfile.TemporaryDirectory(prefix="akm_jax_compiled_") as folder:
        settings = {"jax_compilation_cache_dir": folder, "jax_persistent_cache_min_compile_time_secs": 0}
        before = {name: getattr(jax.config, name) for name in settings}
        try:
            _configure(settings)
            with mock.patch.dict(os.environ, {name.upper(): str(value) for name, value in settings.items()}):
                yield
        finally:
            _configure(before)


def _configure(settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        jax.config.update(name, value)


def measure(lengths: str, model: ModelConfig) -> list[dict[str, Any]]:
    """One row without and one with the persistent cache; to be called within `shared_programs`, first."""
    rows = []
    for name in ("compile/without_cache", "compile/from_cache"):
        done = subprocess.run(
            [sys.executable, "-m", __name__, lengths, json.dumps(dataclasses.asdict(model))],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ValueError(f"{name}: the process that compiles failed:\n{done.stderr[-2000:]}")
        rows.append({"name": name, **json.loads(done.stdout)})
    return rows


def compile_step(lengths: str, model: ModelConfig) -> dict[str, float]:
    """Seconds to trace and lower, to compile, and in all, for the step of a set of these lengths."""
    arguments, static = step_shapes(lengths, model)
    lowered, lower_s = timed(lambda: train_steps.lower(*arguments, **static))
    _, compile_s = timed(lowered.compile)
    return {"lower_s": round(lower_s, 2), "compile_s": round(compile_s, 2), "ready_s": round(lower_s + compile_s, 2)}


def step_shapes(lengths: str, model: ModelConfig) -> tuple[tuple, dict[str, Any]]:
    """Arguments of the training step as shapes, and its static ones: those of `Ours` for noise of these lengths."""
    config = TrainConfig()
    frames_of, subjects = draw_lengths(lengths)
    slots = config.clips_per_step
    parts = choose_parts(config.parts, slots)
    home = home_of(None if parts == 1 else jax.local_devices()[:parts])
    lengths_of_folds = [frames_of[subjects != s] for s in np.unique(subjects)]
    frames = parts * step_capacity(lengths_of_folds, slots // parts)

    def array(shape, dtype=jnp.int32, sharding=home, **kind):
        return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding, **kind)

    size, large, total = model.image_size, model.crop_source_size, int(frames_of.sum())
    data = DeviceClips(
        array((total, size, size), jnp.uint8), array((total, large, large), jnp.uint8), array((len(frames_of),))
    )
    by_part = divided(home, STEPS_BY_PART)
    plan = DevicePlan(*(array((1, count), sharding=by_part) for count in (frames, frames, slots)))
    key = jax.device_put(jax.random.key(0), home)
    shapes = initial_state.eval_shape(key, model=model, train=config, num_classes=NUM_CLASSES)
    state = jax.tree.map(lambda s: array(s.shape, s.dtype), shapes)
    first_step, learning_rate = array((), weak_type=True), array((), jnp.float32, weak_type=True)  # Python numbers
    arguments = (state, data, plan, key, first_step, learning_rate)
    graph = graph_definition(model, NUM_CLASSES)
    return arguments, {"graph": graph, "config": config, "max_frames": int(frames_of.max()), "mesh": mesh_of(home)}


if __name__ == "__main__":
    split_cpu()
    settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(sys.argv[2]).items()}
    print(json.dumps(compile_step(sys.argv[1], ModelConfig(**settings))))
