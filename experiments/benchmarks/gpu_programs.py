"""The programs that are compiled for a GPU which is not there: `Program` by name, each made when it is asked for.

A program is traced with the shapes of real work and compiled for the described device; nothing of it ever runs.
"""

import dataclasses
import functools
import inspect
import unittest.mock
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh, SingleDeviceSharding

from akm_jax.config import AKMNetConfig
from experiments.benchmarks.hlo import Launches, read_launches
from experiments.benchmarks.workload import LENGTHS, draw_lengths, noise_clips

TARGET = Path(__file__).with_name("h100.txtpb")
"""What XLA needs to know of the device: its own text form of a GPU's description."""
PEAK_OPERATIONS_PER_S = 989e12
"""Of an H100, bfloat16 on tensor cores, dense (NVIDIA's data sheet of the SXM form)."""
BYTES_PER_S = 3.35e12
"""Of an H100's memory (the same)."""
SETTING = "JAX_SKIP_CUDA_CONSTRAINTS_CHECK"
STEPS = 31  # of an epoch of CASME II
CLASSES = 3
SOFTNET_FRAMES = 20_000


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A compiled program.

    Attributes:
        launches: what it launches.
        planned_bytes: device memory that it takes, arguments and results included.
        frames: frames of a step, the first axis of its maps; 0 where there are none.
        more: what else is known before it runs.
    """

    launches: Launches
    planned_bytes: int
    frames: int = 0
    more: dict[str, Any] = dataclasses.field(default_factory=dict)


class Target:
    """An H100 that programs are compiled for."""

    def __init__(self):
        """Raise ImportError where JAX's CUDA plugin is not installed or not of JAX's version."""
        try:
            topology = topologies.get_topology_desc(
                topology_name="h100", platform="cuda", target_config=TARGET.read_text(), topology="1x1x1"
            )
        except Exception as e:
            raise ImportError(
                f"no GPU to compile for: {e}; install jax[cuda12]=={jax.__version__} and set {SETTING}=1, "
                "as `make gpu-check` does"
            ) from e
        self._home = SingleDeviceSharding(topology.devices[0])

    def shape(self, array: Any, lead: int | None = None) -> jax.ShapeDtypeStruct:
        """The shape of an array or a number, on the device; `lead` in place of its first side."""
        array = array if hasattr(array, "dtype") else jnp.asarray(array)
        sides = array.shape if lead is None else (lead, *array.shape[1:])
        return jax.ShapeDtypeStruct(sides, array.dtype, sharding=self._home)

    def mesh(self, axis: str) -> Mesh:
        """The device as a mesh of one."""
        return Mesh(np.array([*self._home.device_set]), (axis,))

    @staticmethod
    def finish(traced: Any) -> Any:
        """Lower and compile what was traced."""
        return traced.lower(lowering_platforms=("cuda",)).compile()

    def compile(self, function: Any, *arguments: Any, frames: int = 0, more=None, **static: Any) -> Compiled:
        """Compile a function, jitted or wrapping one that `akm_jax` jits, for trees of shapes and static arguments."""
        with unittest.mock.patch("jax.default_backend", return_value="gpu"):  # what a program asks while it is traced
            compiled = self.finish(function.trace(*jax.tree.map(self.shape, arguments), **static))
        plan = compiled.memory_analysis()
        planned = plan.argument_size_in_bytes + plan.output_size_in_bytes + plan.temp_size_in_bytes
        planned -= plan.alias_size_in_bytes
        return Compiled(read_launches(compiled.as_text()), planned, frames, more or {})


def programs(number_format: str) -> dict[str, Callable[[Target], Compiled]]:
    """Every program by name, AKMNet's in this number format of the trunk."""
    akmnet = functools.cache(lambda preset, lengths: _akmnet(preset, lengths, number_format))
    return {
        "akmnet/train": lambda target: _train(target, akmnet("paper", "casme2")),
        "akmnet/evaluate": lambda target: _evaluate(target, akmnet("paper", "casme2")),
        "demo/train": lambda target: _train(target, akmnet("demo", "smic")),
        "ststnet/epoch of all folds": _ststnet,
        "softnet/epoch of one fold": _softnet,
        "tvl1/64 pairs": _tvl1,
    }


def _akmnet(preset: Any, lengths: str, number_format: Any):
    from experiments.benchmarks.ours import Ours

    config = AKMNetConfig.preset(preset)
    model = dataclasses.replace(config.model, trunk_dtype=number_format)
    train = dataclasses.replace(config.train, parts=1)
    return Ours(dataclasses.replace(config, model=model, train=train), noise_clips(*draw_lengths(lengths), model))


def _jitted(function: Any, **options: Any) -> Any:
    """`jax.jit` of what `akm_jax` compiles, or of a plain function."""
    return jax.jit(getattr(function, "__wrapped__", function), **options)


def _train(target: Target, ours) -> Compiled:
    from akm_jax.train.memory import training_bytes
    from akm_jax.train.step import train_steps
    from experiments.benchmarks.operations import training_operations

    state, data, plan, *rest = ours.arguments(ours.step(0), ours.data)
    plan = jax.tree.map(lambda array: target.shape(array, STEPS), plan)
    setup = ours.setup
    model, frames = setup.config.model, setup.frames_per_step
    more = {
        "formula_bytes": training_bytes(model, state, setup.clips, frames),
        "operations": training_operations(model) * frames,
    }
    jitted = _jitted(train_steps, static_argnames=("graph", "config", "max_frames", "mesh"), donate_argnames=("state",))
    static = {"config": setup.config.train, **ours.static}
    return target.compile(jitted, state, data, plan, *rest, frames=frames, more=more, **static)


def _evaluate(target: Target, ours) -> Compiled:
    from akm_jax.train.step import evaluate_batch
    from experiments.benchmarks.operations import inference_operations

    setup = ours.setup
    state, data, *_ = ours.arguments(ours.step(0), ours.data)
    batch = setup.on_device(ours.step(0), one_step=True)
    jitted = _jitted(evaluate_batch, static_argnames=("graph", "max_frames", "mesh"))
    more = {"operations": inference_operations(setup.config.model) * setup.frames_per_step}
    return target.compile(jitted, state, data, batch, frames=setup.frames_per_step, more=more, **ours.static)


def _ststnet(target: Target) -> Compiled:
    from flax import nnx

    from akm_jax.methods.ststnet import STSTNet
    from akm_jax.models.ststnet import PADS
    from akm_jax.ops.conv_norm_pool import window_pixels
    from akm_jax.train import folds_together

    method = STSTNet()
    recipe, known = method.recipe(CLASSES), LENGTHS["casme2"]
    graph = nnx.graphdef(nnx.eval_shape(lambda: recipe.network(nnx.Rngs(0))))
    folds, clips, size = known.subjects, known.clips, method.clips_per_step
    side, channels = method.picture
    pictures = jax.ShapeDtypeStruct((clips, side, side, channels), jnp.float32)
    laid_out = jax.eval_shape(lambda pictures: window_pixels(pictures, PADS[method.variant]), pictures)
    state = jax.eval_shape(functools.partial(folds_together.initial_state, recipe=recipe), jax.random.key(0))
    state = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((folds, *leaf.shape), leaf.dtype), state)
    given: Any = dict(  # shapes in place of arrays
        labels=np.zeros((folds, clips), np.int32),
        rows=np.zeros((folds, -(-clips // size), size), np.int32),
        key=jax.eval_shape(lambda: jax.random.split(jax.random.key(0), folds)),
        centre=(jax.ShapeDtypeStruct((folds, *laid_out.shape[1:]), jnp.float32),),
        watched=np.zeros((folds, -(-clips // folds_together.EVALUATED), folds_together.EVALUATED), np.int32),
    )
    given = folds_together.FoldEpoch(**given)
    jitted = _jitted(folds_together.run_epoch, static_argnames=("graph", "recipe", "mesh"), donate_argnames=("states",))
    static: dict[str, Any] = {"graph": graph, "recipe": recipe, "mesh": target.mesh(folds_together.FOLDS)}
    return target.compile(jitted, state, given, (laid_out,), jnp.float32(0), **static)


def _softnet(target: Target) -> Compiled:
    from flax import nnx

    from akm_jax.models.softnet import SOFTNet
    from akm_jax.spotting.training import SpotterConfig, start_weights, train_epoch

    config = SpotterConfig()
    graph = nnx.graphdef(nnx.eval_shape(lambda: SOFTNet(config.model, rngs=nnx.Rngs(0))))
    side, size = config.model.image_size, config.batch_size
    arrays = (
        jax.ShapeDtypeStruct((SOFTNET_FRAMES, 3, side, side), jnp.float32),
        jax.ShapeDtypeStruct((SOFTNET_FRAMES,), jnp.float32),
        jax.ShapeDtypeStruct((-(-SOFTNET_FRAMES // size), size), jnp.int32),
    )
    weights, plain = jax.eval_shape(lambda: start_weights(config)), inspect.unwrap(train_epoch)
    rest = (jnp.int32(0), jnp.float32(0))
    jitted = _jitted(
        lambda weights, *others, graph: plain(graph, weights, *others),
        static_argnames="graph",
        donate_argnames="weights",
    )
    return target.compile(jitted, weights, *arrays, *rest, graph=graph)


def _tvl1(target: Target) -> Compiled:
    from akm_jax.ops import flow, tvl1

    pairs = jax.ShapeDtypeStruct((flow.PAIRS_PER_CALL, 128, 128), jnp.float32)
    return target.compile(jax.jit(tvl1.tvl1), pairs, pairs)
