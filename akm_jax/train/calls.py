"""An epoch and an evaluation, given to the device first and looked at later, so that the host works beside it.

And `classify`, for clips that are of no set.
"""

import contextlib
import dataclasses
import functools
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from flax import nnx
from jaxtyping import UInt8

from akm_jax import optim
from akm_jax.clips import PackedClips, pack, padded_length
from akm_jax.data.batching import BatchPlan
from akm_jax.models.akmnet import AKMNet, AKMNetOutput
from akm_jax.observe import Observer, Place, Progress
from akm_jax.train.setup import EpochDraws, RunSetup
from akm_jax.train.state import TrainState
from akm_jax.train.step import evaluate_batch, train_steps


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Outputs on some clips, in the order of `clips` (indices into the data set)."""

    clips: np.ndarray
    logits: np.ndarray
    beta: list[np.ndarray]
    selected: list[np.ndarray]
    threshold: np.ndarray


class PendingEvaluation:
    """A model given to the device to run over clips of the data set; `result` waits for it."""

    def __init__(self, setup: RunSetup, state: TrainState, clips: np.ndarray):
        """Args: as `evaluate`."""
        self._clips = clips
        self._plan = setup.plan_evaluation(clips)
        self._outputs = []
        static = {"graph": setup.graph, "max_frames": setup.max_frames, "mesh": setup.mesh}
        with contextlib.closing(setup.data.batches(self._plan, setup.parts, large=False)) as batches:
            for data, part in batches:
                self._outputs.append(evaluate_batch(state, data, setup.on_device(part, one_step=True), **static))

    def result(self) -> Evaluation:
        """The outputs, in the order of the clips, brought to the host all at once."""
        plan = self._plan
        logits, beta, selected, threshold = [], [], [], []
        for number, output in enumerate(_batches(jax.device_get(self._outputs), len(plan.clip_rows))):
            used = plan.clip_rows[number] >= 0
            logits.append(output.logits[used])
            threshold.append(output.key_frames.threshold[used])
            for slot in np.flatnonzero(used):
                mine = plan.clip_ids[number] == slot
                beta.append(output.key_frames.beta[mine])
                selected.append(output.key_frames.selected[mine].astype(int))
        return Evaluation(self._clips, np.concatenate(logits), beta, selected, np.concatenate(threshold))


def evaluate(setup: RunSetup, state: TrainState, clips: np.ndarray) -> Evaluation:
    """Run a model over clips of the data set; results come back in the order of `clips`."""
    return PendingEvaluation(setup, state, clips).result()


def classify(network: AKMNet, clips: Iterable[UInt8[np.ndarray, "T S S"]]) -> Evaluation:
    """Run a network over clips, one after another, each padded as `padded_length` says."""
    graph, state = nnx.split(network)
    lengths, outputs = [], []
    for frames in clips:
        longest = padded_length(len(frames))
        packed = pack([frames], num_frames=longest, max_frames=longest)
        lengths.append(len(frames))
        outputs.append(jax.device_get(_apply(state, packed, graph=graph)))
    return Evaluation(
        np.arange(len(outputs)),
        np.concatenate([one.logits for one in outputs]),
        [one.key_frames.beta[:length] for one, length in zip(outputs, lengths, strict=True)],
        [one.key_frames.selected[:length].astype(int) for one, length in zip(outputs, lengths, strict=True)],
        np.concatenate([one.key_frames.threshold for one in outputs]),
    )


@functools.partial(jax.jit, static_argnames="graph")
def _apply(state: nnx.State, clips: PackedClips, *, graph: nnx.GraphDef) -> AKMNetOutput:
    return nnx.merge(graph, state)(clips)


def _batches(outputs: Sequence[AKMNetOutput], count: int) -> Iterator[Any]:
    """The outputs of each of `count` batches, of which every call had as many."""
    parts = count // len(outputs)
    for output in outputs:
        for part in range(parts):
            yield jax.tree.map(lambda a, part=part: np.split(a, parts)[part], output)


class PendingEpoch:
    """One epoch, given to the device; `finish` waits for it.

    Its result depends on configuration, data with the training's labels, place, epoch and `RunSetup.draw_epoch` of
    these alone.

    Attributes:
        state: the weights after the epoch, which the device may still be working on.
    """

    def __init__(
        self, setup: RunSetup, state: TrainState, epoch: int, draws: EpochDraws, place: Place, observer: Observer
    ):
        """Args: the weights so far, which are donated; the epoch, from 1, and what was drawn for it; who is told.

        Raises:
            FloatingPointError: a loss is not finite; the message names fold, epoch and step.
        """
        config = setup.config.train
        self.state = state
        self._rate = optim.learning_rate(config, epoch)
        self._observer = observer
        self._progress = Progress(place, epoch, config.epochs, 0.0, 0, 0.0)
        self._start = time.perf_counter()
        self._losses: list[np.ndarray] = []
        self._clips = self._steps = 0
        self._under_way: deque[tuple[BatchPlan, jax.Array]] = deque()
        first = 0
        with contextlib.closing(setup.data.batches(draws.plan, setup.batches_per_call)) as batches:
            for data, part in batches:
                self.state, losses = train_steps(
                    self.state,
                    data,
                    setup.on_device(part),
                    draws.key,
                    *jax.device_put((first, self._rate), setup.home),
                    graph=setup.graph,
                    config=config,
                    max_frames=setup.max_frames,
                    mesh=setup.mesh,
                )
                first += len(losses)
                self._under_way.append((part, losses))
                if len(self._under_way) > _calls_ahead():
                    self._look_at_call()

    def finish(self) -> dict[str, float]:
        """Wait; numbers of the epoch: learning rate, loss, frames, seconds.

        Raises:
            FloatingPointError: as above.
        """
        while self._under_way:
            self._look_at_call()
        done = self._progress
        return {"learning_rate": self._rate, "loss": done.loss, "frames": done.frames, "seconds": done.seconds}

    def _look_at_call(self) -> None:
        """Wait for the oldest call under way, check its losses, tell the observer."""
        part, losses = self._under_way.popleft()
        used = part.clip_rows.reshape(losses.shape) >= 0
        self._losses.append(np.asarray(losses)[used.any(1)])
        _require_finite(self._losses[-1], self._progress.place, self._progress.epoch, self._steps)
        self._clips += int(used.sum())
        self._steps += len(used)
        self._progress = dataclasses.replace(
            self._progress,
            loss=float(np.concatenate(self._losses).sum() / self._clips),
            frames=self._progress.frames + part.num_frames,
            seconds=time.perf_counter() - self._start,
        )
        self._observer.step_done(self._progress)


def _calls_ahead() -> int:
    """Calls under way while one is looked at: an accelerator shall never wait; on the CPU a stop would wait for it."""
    return 0 if jax.default_backend() == "cpu" else 1


def _require_finite(losses: np.ndarray, place: Place, epoch: int, first_step: int) -> None:
    bad = np.flatnonzero(~np.isfinite(losses).all(1))
    if len(bad):
        raise FloatingPointError(
            f"loss is not finite ({losses[bad[0]].sum()}) in the fold of subject {place.subject}, epoch {epoch}, step "
            f"{first_step + int(bad[0]) + 1}; lower --learning_rate, or check the frames of that fold's training clips"
        )
