"""What all folds of a run share: the data for the device, one static batch shape, one graph definition."""

import contextlib
import dataclasses
import math
import zlib
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import jax
import numpy as np
from flax import nnx
from jax.sharding import AbstractMesh
from jaxtyping import PRNGKeyArray

from akm_jax.config import AKMNetConfig
from akm_jax.data.batching import BatchPlan, balance, group_in_order, plan_batches, resample_classes, step_capacity
from akm_jax.data.sized import SizedClips
from akm_jax.data.stream import HeldData, StreamedData, place_data
from akm_jax.observe import Place
from akm_jax.train.parts import BY_PART, STEPS_BY_PART, Home, choose_parts, divided, home_of, mesh_of
from akm_jax.train.state import TrainState, graph_definition, initial_state
from akm_jax.train.step import DevicePlan

Labelled: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Training clips, as indices into the set, and the labels of the set, (N,), of which only theirs count."""

# Steps of a compiled call that does not cover an epoch: on the CPU, where a step takes long enough for progress to be
# worth showing, and where data are streamed, so that the frames of a few calls fit anywhere.
SHORT_CALL = 4


@dataclasses.dataclass(frozen=True)
class RunSetup:
    """One compiled program serves every fold, because these are the same for all of them.

    Attributes:
        config: the network and how it is trained.
        clips: the data on the host.
        labels: int32 (N,), classes of the clips that are trained on; 0 for all others. `labelled` gives them.
        num_classes: number of classes, K.
        data: where the compiled steps get frames from; `data.to(device)` is the same for another device.
        graph: graph definition of the network.
        capacity: frames of a part of a step.
        num_steps: steps of an epoch of the largest fold, filled up to whole calls.
        steps_per_call: steps of one compiled call.
        max_frames: frames of the longest clip.
        devices: where `data` lies and everything of a fold is computed, a part of each step on each; JAX's default
            device when None.
    """

    config: AKMNetConfig
    clips: SizedClips
    labels: np.ndarray
    num_classes: int
    data: HeldData | StreamedData
    graph: nnx.GraphDef
    capacity: int
    num_steps: int
    steps_per_call: int
    max_frames: int
    devices: tuple[jax.Device, ...] | None = None

    @property
    def parts(self) -> int:
        """Parts of a step, each a batch of the plans, on a device of its own."""
        return len(self.devices) if self.devices else 1

    @property
    def frames_per_step(self) -> int:
        """Frames of a step, padding included."""
        return self.parts * self.capacity

    @property
    def batches_per_call(self) -> int:
        """Batches of the plans that one compiled call trains on."""
        return self.parts * self.steps_per_call

    @property
    def mesh(self) -> AbstractMesh | None:
        """What the compiled functions are told of the devices that share a step."""
        return mesh_of(self.home)

    @property
    def home(self) -> Home:
        """Where weights and data lie."""
        return home_of(self.devices)

    def on(self, devices: tuple[jax.Device, ...]) -> "RunSetup":
        """The same with its data on `devices`, as many as a step has parts."""
        return dataclasses.replace(self, data=self.data.to(home_of(devices)), devices=devices)

    def labelled(self, labels: np.ndarray) -> "RunSetup":
        """The same for a training with these labels, int32 (N,)."""
        return dataclasses.replace(self, labels=labels, data=self.data.labelled(labels))

    def using(self, frames: Sequence[np.ndarray]) -> "RunSetup":
        """The same for a training that sees only these frames of each clip, ascending indices into its frames."""
        clips = dataclasses.replace(self.clips, used=frames)
        data = self.data if isinstance(self.data, HeldData) else dataclasses.replace(self.data, clips=clips)
        return dataclasses.replace(self, clips=clips, data=data)

    def on_device(self, plan: BatchPlan, *, one_step: bool = False) -> DevicePlan:
        """Batches, `parts` for each step, where they are needed; if `one_step`, without the axis of steps."""
        arrays = (plan.frame_rows, plan.clip_ids, plan.clip_rows)
        shaped = tuple(a.reshape(-1) if one_step else a.reshape(-1, self.parts * a.shape[1]) for a in arrays)
        return DevicePlan(*jax.device_put(shaped, divided(self.home, BY_PART if one_step else STEPS_BY_PART)))

    def key(self, place: Place, epoch: int | None = None) -> PRNGKeyArray:
        """Randomness of one training, or of one of its epochs, independent of which other folds are run."""
        # Made on the device itself: a busy other one would answer only when its own call is done.
        with contextlib.nullcontext() if self.devices is None else jax.default_device(self.devices[0]):
            key = jax.random.fold_in(jax.random.key(place.seed), _checksum(place))
            key = key if epoch is None else jax.random.fold_in(key, epoch)
        return key if self.home is None else jax.device_put(key, self.home)

    def initial_state(self, key: PRNGKeyArray) -> TrainState:
        """Fresh weights for one training."""
        config = self.config
        state = initial_state(key, model=config.model, train=config.train, num_classes=self.num_classes)
        return state if self.mesh is None else jax.device_put(state, self.home)

    def draw_epoch(self, clips: np.ndarray, place: Place, epoch: int) -> "EpochDraws":
        """All that chance decides of one epoch over `clips`."""
        return EpochDraws(self.plan_epoch(clips, place, epoch), self.key(place, epoch))

    def plan_epoch(self, clips: np.ndarray, place: Place, epoch: int) -> BatchPlan:
        """Random balanced steps over the training clips."""
        rng = np.random.default_rng([place.seed, _checksum(place), epoch])
        train = self.config.train
        if train.resample_classes:
            clips = resample_classes(rng, clips, self.labels)
        groups = balance(rng, self.clips.lengths[clips], self._slots, self.capacity)
        limit = train.steps_per_epoch * self.parts or len(groups)
        return self._plan([clips[g] for g in groups[:limit]], self.num_steps * self.parts)

    def plan_evaluation(self, clips: np.ndarray) -> BatchPlan:
        """Batches of the same static shape, in order, `parts` for each call."""
        lengths = self.clips.lengths
        groups = group_in_order(clips, lengths, capacity=self.capacity, clips_per_step=self._slots)
        return self._plan(groups, math.ceil(len(groups) / self.parts) * self.parts)

    @property
    def _slots(self) -> int:
        """Clip slots of a part of a step."""
        return self.config.train.clips_per_step // self.parts

    def _plan(self, groups: list[np.ndarray], num_batches: int) -> BatchPlan:
        return plan_batches(
            groups,
            self.clips.starts,
            self.clips.lengths,
            capacity=self.capacity,
            clips_per_step=self._slots,
            num_steps=num_batches,
            used=self.clips.used,
        )


class EpochDraws(NamedTuple):
    """What chance decides of an epoch: which clips make a step, and the key of its crops and dropout."""

    plan: BatchPlan
    key: PRNGKeyArray


def _checksum(place: Place) -> int:
    return zlib.crc32(f"{place.subject} {place.training}".encode())


def set_up(
    config: AKMNetConfig,
    clips: SizedClips,
    trainings: Sequence[Labelled],
    *,
    num_classes: int,
    seed: int = 0,
    folds_at_a_time: int = 0,
    decode_threads: int = 0,
) -> RunSetup:
    """Hold the data on the device or stream them, and choose the batch shape.

    Args:
        config: the network and how it is trained.
        clips: the data.
        trainings: training clips (indices) and labels (N,) of every training that the set allows: the batch shape
            depends on the data set alone, never on which folds are run.
        num_classes: number of classes.
        seed: of the draws that try the batch shape out.
        folds_at_a_time: as `parts.choose_parts`.
        decode_threads: threads that decode a streamed set.
    """
    config.validate()
    config = config.applicable
    per_step = config.train.clips_per_step
    parts = choose_parts(config.train.parts, per_step, folds_at_a_time)
    devices = None if parts == 1 else tuple(jax.local_devices()[:parts])
    lengths = [clips.lengths[chosen] for chosen in _as_trained(config, trainings, seed)]
    capacity = max(step_capacity(lengths, per_step // parts), int(clips.lengths.max()))
    most_clips = max(map(len, lengths))
    num_steps = math.ceil(most_clips / per_step)
    limit = config.train.steps_per_epoch
    num_steps = min(num_steps, limit) if limit else num_steps
    short = clips.streamed or jax.default_backend() == "cpu"
    per_call = config.train.steps_per_call or (SHORT_CALL if short else num_steps)
    per_call = min(per_call, num_steps)
    return RunSetup(
        config=config,
        clips=clips,
        labels=np.zeros(len(clips.lengths), np.int32),
        num_classes=num_classes,
        data=place_data(clips, decode_threads=decode_threads, device=home_of(devices)),
        graph=graph_definition(config.model, num_classes),
        capacity=capacity,
        num_steps=math.ceil(num_steps / per_call) * per_call,
        steps_per_call=per_call,
        max_frames=int(clips.lengths.max()),
        devices=devices,
    )


def _as_trained(config: AKMNetConfig, trainings: Sequence[Labelled], seed: int) -> list[np.ndarray]:
    """Clips of every training; with resampling, of a few draws of it."""
    if not config.train.resample_classes:
        return [clips for clips, _ in trainings]
    rng = np.random.default_rng(seed)
    return [resample_classes(rng, clips, labels) for clips, labels in trainings for _ in range(3)]
