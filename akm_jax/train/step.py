"""The compiled path: one step, a scan of steps, one evaluation batch. Nothing here touches the host."""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jax.sharding import AbstractMesh
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from akm_jax import optim
from akm_jax.clips import PackedClips
from akm_jax.config import TrainConfig
from akm_jax.data.augment import draw_frames, to_unit_range
from akm_jax.data.stream import DeviceClips
from akm_jax.losses import ClipLosses, clip_losses
from akm_jax.models.akmnet import AKMNetOutput
from akm_jax.ops.norm import joined_updates
from akm_jax.train.compiling import jit
from akm_jax.train.parts import AXIS, BY_PART, REPLICATED, STEPS_BY_PART
from akm_jax.train.state import TrainState, merge


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DevicePlan:
    """A `BatchPlan` on the device; axis S (steps) in front, or absent for one step.

    Where several devices share a step, F and C hold the frames and slots of its parts, one part after another, and
    `clip_ids` count within a part.
    """

    frame_rows: Int[Array, "*S F"]
    clip_ids: Int[Array, "*S F"]
    clip_rows: Int[Array, "*S C"]


class StepResult(NamedTuple):
    """Losses and outputs of one training step."""

    losses: ClipLosses
    output: AKMNetOutput


class Gradients(NamedTuple):
    """What one batch says, before the optimiser: gradients, advanced batch statistics, losses, outputs."""

    params: nnx.State
    stats: nnx.State
    result: StepResult


def compute_gradients(
    state: TrainState,
    clips: PackedClips,
    key: PRNGKeyArray,
    *,
    graph: nnx.GraphDef,
    config: TrainConfig,
    axis: str | None = None,
) -> Gradients:
    """Gradient of the mean loss over the clips of the batch; with `axis`, over those of all parts of the step."""
    own_clips = jnp.sum(clips.clip_mask)
    num_clips = jnp.maximum(_total(own_clips, axis), 1)

    def mean_loss(params):
        model = nnx.merge(graph, params, state.stats, copy=True)
        output = model(clips, train=True, dropout_key=key)
        losses = clip_losses(output, clips, sparsity_weight=config.sparsity_weight, margin_weight=config.margin_weight)
        return jnp.sum(losses.total) / num_clips, (nnx.state(model, nnx.BatchStat), StepResult(losses, output))

    gradients, (stats, result) = jax.grad(mean_loss, has_aux=True)(state.params)
    if axis is not None:
        gradients = jax.lax.psum(gradients, axis)
        of_parts, counts = jax.lax.all_gather((stats, own_clips), axis)
        stats = jax.tree.map(lambda before, after: joined_updates(before, after, counts), state.stats, of_parts)
    return Gradients(gradients, stats, result)


def _total(count: Int[Array, ""], axis: str | None) -> Int[Array, ""]:
    """A number added up over the parts of a step."""
    return count if axis is None else jax.lax.psum(count, axis)


def apply_gradients(
    state: TrainState, gradients: Gradients, learning_rate: Float[Array, ""], *, config: TrainConfig
) -> TrainState:
    """The optimiser's step, and the batch statistics that came with the gradients."""
    updates, momentum = optim.optimizer(config).update(gradients.params, state.momentum, state.params)
    params = optim.apply_updates(state.params, updates, learning_rate)
    return TrainState(params, gradients.stats, momentum)


def train_step(
    state: TrainState,
    clips: PackedClips,
    key: PRNGKeyArray,
    learning_rate: Float[Array, ""],
    *,
    graph: nnx.GraphDef,
    config: TrainConfig,
    axis: str | None = None,
) -> tuple[TrainState, Gradients]:
    """One step of SGD on one batch: the state after it, and what the batch said."""
    gradients = compute_gradients(state, clips, key, graph=graph, config=config, axis=axis)
    return apply_gradients(state, gradients, learning_rate, config=config), gradients


_traces = 0


def compilations() -> int:
    """How often `train_steps` was traced, and so compiled, in this process."""
    return _traces


def _mask(clip_rows: Int[Array, " C"]) -> Bool[Array, " C"]:
    return clip_rows >= 0


@functools.partial(jit, static_argnames=("graph", "config", "max_frames", "mesh"), donate_argnames=("state",))
def train_steps(
    state: TrainState,
    data: DeviceClips,
    plan: DevicePlan,
    key: PRNGKeyArray,
    first_step: Int[Array, ""],
    learning_rate: Float[Array, ""],
    *,
    graph: nnx.GraphDef,
    config: TrainConfig,
    max_frames: int,
    mesh: AbstractMesh | None = None,
) -> tuple[TrainState, Float[Array, "S C"]]:
    """Loop over the steps of a plan: gather, augment, trunk, mining, fusion, loss, update.

    Steps without clips, all at the end of a plan, are not taken: the loop ends before them. A condition inside it would
    copy the whole state in every turn, for what it gives is not where its operands are. Randomness depends on `key` (of
    the epoch) and the number of the step and of its part alone, so a resumed run repeats exactly. The devices of a
    `mesh` share every step, one part each.

    Returns:
        The state after the last step, and the total loss of every clip (0 in empty slots).
    """
    global _traces  # counts tracings: this line runs once a compilation, never in a compiled step
    _traces += 1
    axis = None if mesh is None else AXIS
    static = {"graph": graph, "config": config, "max_frames": max_frames, "axis": axis}

    def loop(state, data, plan, key, first_step, learning_rate):
        def step(i, carry):
            state, losses = carry
            batch = jax.tree.map(lambda array: array[i], plan)
            state, loss = _step_of_plan(
                state, batch, first_step + i, data=data, key=key, learning_rate=learning_rate, **static
            )
            return state, losses.at[i].set(loss)

        losses = jnp.zeros(plan.clip_rows.shape, learning_rate.dtype)
        return jax.lax.fori_loop(0, _used_steps(plan, axis), step, (state, losses))

    if mesh is not None:
        in_specs = (REPLICATED, REPLICATED, STEPS_BY_PART, REPLICATED, REPLICATED, REPLICATED)
        out_specs = (REPLICATED, STEPS_BY_PART)
        loop = jax.shard_map(loop, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False)
    return loop(state, data, plan, key, first_step, learning_rate)


def _used_steps(plan: DevicePlan, axis: str | None) -> Int[Array, ""]:
    """Steps of a plan up to the last one with clips, in any part of the step."""
    filled = _total(jnp.sum(_mask(plan.clip_rows), axis=1), axis) > 0
    return jnp.max(jnp.where(filled, 1 + jnp.arange(len(filled)), 0))


def _step_of_plan(
    state: TrainState,
    batch: DevicePlan,
    step: Int[Array, ""],
    *,
    data: DeviceClips,
    key: PRNGKeyArray,
    learning_rate: Float[Array, ""],
    graph: nnx.GraphDef,
    config: TrainConfig,
    max_frames: int,
    axis: str | None,
) -> tuple[TrainState, Float[Array, " C"]]:
    """One step on the batch of a plan and its number; with `axis`, one part of it."""
    number = step if axis is None else step * jax.lax.axis_size(axis) + jax.lax.axis_index(axis)
    crop_key, dropout_key = jax.random.split(jax.random.fold_in(key, number))
    frames = draw_frames(
        crop_key,
        data.frames,
        data.large_frames,
        batch.frame_rows,
        batch.clip_ids,
        num_clips=batch.clip_rows.shape[-1],
        crop_probability=config.crop_probability,
    )
    clips = _packed(frames, data, batch, max_frames)
    state, gradients = train_step(state, clips, dropout_key, learning_rate, graph=graph, config=config, axis=axis)
    return state, gradients.result.losses.total


def _packed(frames: Float[Array, "F H W 1"], data: DeviceClips, batch: DevicePlan, max_frames: int) -> PackedClips:
    labels = data.labels[jnp.maximum(batch.clip_rows, 0)]
    return PackedClips(frames, batch.clip_ids, labels, _mask(batch.clip_rows), max_frames)


@functools.partial(jit, static_argnames=("graph", "max_frames", "mesh"))
def evaluate_batch(
    state: TrainState,
    data: DeviceClips,
    batch: DevicePlan,
    *,
    graph: nnx.GraphDef,
    max_frames: int,
    mesh: AbstractMesh | None = None,
) -> AKMNetOutput:
    """Outputs of one evaluation batch: running averages, no augmentation, no dropout; shared as in `train_steps`."""

    def run(state: TrainState, data: DeviceClips, batch: DevicePlan) -> AKMNetOutput:
        frames = to_unit_range(data.frames[batch.frame_rows])
        return merge(graph, state)(_packed(frames, data, batch, max_frames))

    if mesh is not None:
        in_specs = (REPLICATED, REPLICATED, BY_PART)
        run = jax.shard_map(run, mesh=mesh, in_specs=in_specs, out_specs=BY_PART, check_vma=False)
    return run(state, data, batch)
