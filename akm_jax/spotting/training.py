"""Training of SOFTNet, leave one subject out, and the scores of a trained network.

One compiled program serves the epochs of all folds. The network is small: its weights stay in the caches of a core, and
a step is a few milliseconds of one core's work. So a fold runs on one device by itself and as many folds at a time as
there are devices, of which the CPU has two after `akm_jax.train.parts.split_cpu`; they wait for nothing.

A fold's weights depend on nothing but the frames of the other subjects, the settings and its seed: alone, among others,
in one go or resumed they are the same.

Source: released SOFTNet program: plain SGD on the squared error, batches of 12 in an order that stays, the last
smaller, the same random start for every fold, no choice among epochs.
"""

import dataclasses
import functools
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array, lax
from jaxtyping import Float, Int

from akm_jax.models.softnet import PUBLISHED, SOFTNet, SOFTNetConfig
from akm_jax.optim import apply_updates
from akm_jax.spotting.features import scale_features
from akm_jax.spotting.fold_files import read_fold, write_fold
from akm_jax.spotting.frames import VARIANTS, SpottingFrames, Variant, training_rows

SCORED_AT_ONCE = 256


@dataclasses.dataclass(frozen=True)
class SpotterConfig:
    """Network and training; the defaults are the published ones.

    Attributes:
        model: shape of the network.
        epochs: passes over a fold's frames.
        batch_size: frames a step.
        learning_rate: of plain SGD.
        seed: of the random start; sampling and order take that of the frames.
        variant: whose order of random draws, see `training_rows`.
    """

    model: SOFTNetConfig = PUBLISHED
    epochs: int = 10
    batch_size: int = 12
    learning_rate: float = 5e-4
    seed: int = 1
    variant: Variant = "megc"

    def __post_init__(self):
        if self.epochs < 1 or self.batch_size < 1 or not self.learning_rate > 0 or self.variant not in VARIANTS:
            raise ValueError(
                f"spotter: epochs {self.epochs}, batch_size {self.batch_size}, learning_rate {self.learning_rate}, "
                f"variant {self.variant!r}; expected at least 1, at least 1, above 0, one of {list(VARIANTS)}"
            )


@dataclasses.dataclass(frozen=True)
class TrainedFold:
    """A fold's network.

    Attributes:
        subject: who was left out.
        weights: parameters of its `SOFTNet`.
        losses: mean squared error over the frames of each epoch.
    """

    subject: str
    weights: nnx.State
    losses: tuple[float, ...]


Progress = Callable[[str, int, float], None]
"""Told after every epoch: subject left out, epochs done, loss; from several threads where folds run at a time."""


def start_weights(config: SpotterConfig) -> nnx.State:
    """The random start of every fold."""
    return nnx.state(SOFTNet(config.model, rngs=nnx.Rngs(config.seed)), nnx.Param)


def train_folds(
    frames: SpottingFrames,
    config: SpotterConfig = SpotterConfig(),
    *,
    subjects: Sequence[str] = (),
    start: nnx.State | None = None,
    folder: Path | None = None,
    devices: Sequence[jax.Device] = (),
    progress: Progress | None = None,
) -> Iterator[TrainedFold]:
    """Train the folds, in the order of subjects.

    Args:
        frames: features and labels of all videos.
        config: network and training.
        subjects: only the folds that leave these out.
        start: weights that every fold starts from in place of a random start.
        folder: where each fold's weights are written after every epoch, and taken up from when called again.
        devices: where folds are trained, one at a time on each; all local ones by default.
        progress: told after every epoch.

    Raises:
        ValueError: an unknown subject, a fold that lacks a class, frames of another size than the network's, a file of
            another training in `folder`, or a loss that is not finite.
    """
    _check(frames, config, subjects)
    devices = devices or jax.local_devices()
    start = start_weights(config) if start is None else start
    identity = f"{config} {frames.checksum():08x} {_checksum(start):08x}" if folder is not None else ""
    tables = [jax.device_put((frames.planes, frames.labels), device) for device in devices]
    free = list(range(len(devices)))
    longest = math.ceil(len(frames.labels) / config.batch_size)

    def train(subject: str, rows: Int[np.ndarray, " M"]) -> TrainedFold:
        place = free.pop()
        try:
            file = folder / f"{subject}.npz" if folder is not None else None
            fold = _Fold(subject, _in_batches(rows, longest, config.batch_size), len(rows), file, identity)
            return fold.train(config, start, tables[place], devices[place], progress)
        finally:
            free.append(place)

    wanted = [(s, rows) for s, rows in training_rows(frames, config.variant) if not subjects or s in subjects]
    with ThreadPoolExecutor(len(devices)) as pool:
        futures = [pool.submit(train, *fold) for fold in wanted]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def _check(frames, config, subjects):
    unknown = [s for s in subjects if s not in frames.fold_subjects]
    if unknown:
        raise ValueError(f"no frames of subject {', '.join(unknown)}; there are {', '.join(frames.fold_subjects)}")
    size = (config.model.image_size,) * 2
    if frames.planes.shape[2:] != size:
        raise ValueError(f"features of {frames.planes.shape[2:]} pixels, but the network takes {size}")


def _checksum(weights: nnx.State) -> int:
    return functools.reduce(lambda crc, leaf: zlib.crc32(np.asarray(leaf).tobytes(), crc), jax.tree.leaves(weights), 0)


def _in_batches(rows: np.ndarray, steps: int, size: int) -> Int[np.ndarray, "S B"]:
    """Rows step by step; what is too much is row 0, which does not count."""
    batches = np.zeros(steps * size, np.int32)
    batches[: len(rows)] = rows
    return batches.reshape(steps, size)


@dataclasses.dataclass(frozen=True)
class _Fold:
    """One training: the left-out subject, rows (S, B) and how many count, and where its state is kept."""

    subject: str
    batches: np.ndarray
    count: int
    file: Path | None
    identity: str

    def train(self, config, start, table, device, progress) -> TrainedFold:
        weights, losses = start, list[float]()
        if self.file is not None and self.file.exists():
            weights, losses = read_fold(self.file, start, self.identity)
        graph = nnx.graphdef(nnx.eval_shape(lambda: SOFTNet(config.model, rngs=nnx.Rngs(0))))
        # A copy: the program overwrites what it is given.
        weights = jax.device_put(jax.tree.map(np.array, weights), device)
        batches = jax.device_put(self.batches, device)
        for epoch in range(len(losses), config.epochs):
            weights, loss = train_epoch(graph, weights, *table, batches, self.count, config.learning_rate)
            losses.append(float(loss))
            self._require_finite(losses)
            if self.file is not None:
                write_fold(self.file, weights, losses, self.identity)
            if progress is not None:
                progress(self.subject, epoch + 1, losses[-1])
        return TrainedFold(self.subject, weights, tuple(losses))

    def _require_finite(self, losses):
        if not math.isfinite(losses[-1]):
            raise ValueError(
                f"fold of subject {self.subject!r}, epoch {len(losses)}: the loss is {losses[-1]}; "
                "a smaller learning_rate may help"
            )


@functools.partial(jax.jit, static_argnames="graph", donate_argnames="weights")
def train_epoch(
    graph: nnx.GraphDef,
    weights: nnx.State,
    planes: Float[Array, "R 3 H W"],
    labels: Float[Array, " R"],
    batches: Int[Array, "S B"],
    count: Int[Array, ""],
    learning_rate: Float[Array, ""],
) -> tuple[nnx.State, Float[Array, ""]]:
    """Steps over the first `count` rows of `batches`; new weights, and the mean loss of a frame."""
    size = batches.shape[1]

    def step(i, carry):
        weights, total = carry
        rows = batches[i]
        x = planes.at[rows].get(mode="promise_in_bounds").swapaxes(0, 1)
        present = jnp.minimum(count - i * size, size)
        loss, gradients = jax.value_and_grad(batch_loss, argnums=1)(graph, weights, x, labels[rows], present)
        return apply_updates(weights, gradients, learning_rate), total + loss * present

    weights, total = lax.fori_loop(0, -(-count // size), step, (weights, jnp.zeros((), planes.dtype)))
    return weights, total / count


def batch_loss(
    graph: nnx.GraphDef,
    weights: nnx.State,
    planes: Float[Array, "3 B H W"],
    labels: Float[Array, " B"],
    present: int | Int[Array, ""],
) -> Float[Array, ""]:
    """Mean squared error of the first `present` frames."""
    errors = (nnx.merge(graph, weights)(planes) - labels) ** 2
    return jnp.sum(errors, where=jnp.arange(len(labels)) < present) / present


def score_videos(
    weights: nnx.State, features: Sequence[Float[np.ndarray, "T H W 3"]], config: SOFTNetConfig = PUBLISHED
) -> list[Float[np.ndarray, " T"]]:
    """Score of every frame of videos; features need not be scaled.

    Raises:
        ValueError: features of another size than the network's.
    """
    graph = nnx.graphdef(nnx.eval_shape(lambda: SOFTNet(config, rngs=nnx.Rngs(0))))
    return [_score_video(graph, weights, video, config.image_size) for video in features]


def _score_video(graph, weights, video, size):
    if video.ndim != 4 or video.shape[1:] != (size, size, 3):
        raise ValueError(f"features of shape {video.shape}, but the network takes (T, {size}, {size}, 3)")
    scores = np.empty(len(video), np.float32)
    chunk = np.zeros((SCORED_AT_ONCE, *video.shape[1:]), np.float32)
    for start in range(0, len(video), SCORED_AT_ONCE):
        part = video[start : start + SCORED_AT_ONCE]
        chunk[: len(part)] = scale_features(np.asarray(part, np.float32))
        scores[start : start + len(part)] = np.asarray(_score(graph, weights, chunk))[: len(part)]
    return scores


@functools.partial(jax.jit, static_argnames="graph")
def _score(graph, weights, frames):
    return nnx.merge(graph, weights)(jnp.moveaxis(frames, -1, 0))
