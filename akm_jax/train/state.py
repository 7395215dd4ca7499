"""What training carries from step to step."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import PRNGKeyArray

from akm_jax import optim
from akm_jax.config import ModelConfig, TrainConfig
from akm_jax.models.akmnet import AKMNet


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """Parameters, batch statistics and momentum."""

    params: nnx.State
    stats: nnx.State
    momentum: optax.OptState


def new_state(model: AKMNet, config: TrainConfig) -> tuple[nnx.GraphDef, TrainState]:
    """Split a model into its graph definition and the state that training starts from."""
    graph, params, *stats = nnx.split(model, nnx.Param, nnx.BatchStat)
    return graph, TrainState(params, stats[0], optim.optimizer(config).init(params))


def graph_definition(model: ModelConfig, num_classes: int) -> nnx.GraphDef:
    """The network's structure without its weights; the same for every fold, so nothing compiles twice."""
    return nnx.split(nnx.eval_shape(lambda: AKMNet(model, num_classes, rngs=nnx.Rngs(0))))[0]


# Drawn once a training: that it compiles sooner matters more than how fast it runs, and the weights are the same bits.
_COMPILE_SOON = {"xla_backend_optimization_level": 1}


@functools.partial(jax.jit, static_argnames=("model", "train", "num_classes"), compiler_options=_COMPILE_SOON)
def initial_state(key: PRNGKeyArray, *, model: ModelConfig, train: TrainConfig, num_classes: int) -> TrainState:
    """Fresh weights from a key.

    JAX refuses it within another `jit`, for its compiler options; shapes alone come from `initial_state.eval_shape`.
    """
    return new_state(AKMNet(model, num_classes, rngs=nnx.Rngs(params=key)), train)[1]


def empty_state(model: ModelConfig, num_classes: int) -> TrainState:
    """A state to read a checkpoint into; drawing weights would compile a program for seconds."""
    shapes = initial_state.eval_shape(jax.random.key(0), model=model, train=TrainConfig(), num_classes=num_classes)
    return jax.tree.map(lambda leaf: jax.device_put(np.zeros(leaf.shape, leaf.dtype)), shapes)


@jax.jit
def copied(state: TrainState) -> TrainState:
    """The same weights in memory of their own, which donating the original leaves alone."""
    return jax.tree.map(jnp.copy, state)


def merge(graph: nnx.GraphDef, state: TrainState) -> AKMNet:
    """The model of a state."""
    return nnx.merge(graph, state.params, state.stats, copy=True)
