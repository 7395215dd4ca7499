"""From a plan of batches to frames on the device: of a data set held there, or streamed from disk through Grain.

`HeldData` and `StreamedData` give the same batches; a compiled step cannot tell which of them feeds it. For a call of S
steps with F frames each a streamed set puts just these S * F rows on the device, and the plan counts rows from there:
every call of a data set has one static shape.
"""

import dataclasses
import functools
import os
from collections.abc import Generator, Sequence

import jax
import numpy as np
from jax import Array
from jax.sharding import Sharding
from jaxtyping import Int, UInt8

from akm_jax.data.batching import BatchPlan
from akm_jax.data.clip_set import ClipSet

MOST_DECODE_THREADS = 16

Frames = tuple[np.ndarray, np.ndarray]
"""Frames of one clip or one call at both sizes: uint8 (T, S, S) and (T, L, L)."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DeviceClips:
    """What steps gather frames from, on the device: grey frames at both sizes, and the labels of all clips of the set.

    `large_frames` has no rows where only evaluation is fed.
    """

    frames: UInt8[Array, "N S S"]
    large_frames: UInt8[Array, "M L L"]
    labels: Int[Array, " n"]


Batches = Generator[tuple[DeviceClips, BatchPlan], None, None]
"""For every call its frames on the device and its part of the plan, whose `frame_rows` are rows of these frames.

Close it (`contextlib.closing`) where iteration may end early: that stops the threads that decode ahead.
"""


@dataclasses.dataclass(frozen=True)
class HeldData:
    """A data set that lies on the device as a whole."""

    clips: DeviceClips

    def batches(self, plan: BatchPlan, steps_per_call: int, *, large: bool = True) -> Batches:
        """As `StreamedData.batches`; there is nothing to wait for."""
        for part in plan.calls(steps_per_call):
            yield self.clips, part

    def to(self, device: jax.Device | Sharding) -> "HeldData":
        """The same data on another device, or on several."""
        return HeldData(jax.device_put(self.clips, device))


@dataclasses.dataclass(frozen=True)
class StreamedData:
    """A data set whose frames are read and decoded as they are needed; several threads may iterate over it at once.

    Attributes:
        clip_set: the data.
        threads: threads that decode, for each iteration.
        device: where frames are put, one device or several; JAX's default device if None.
    """

    clip_set: ClipSet
    threads: int
    device: jax.Device | Sharding | None = None

    def batches(self, plan: BatchPlan, steps_per_call: int, *, large: bool = True) -> Batches:
        """Read, decode and place the frames of a plan, ahead of the caller while the device works.

        At any time at most four calls' frames are on the device or on their way (two in use, one ready, one being
        placed), and the clips of about one more call lie decoded on the host.

        Args:
            plan: which clips, in which order.
            steps_per_call: batches of one call.
            large: False leaves the enlarged frames out, which only training needs.

        Raises:
            ValueError: a clip cannot be read.
        """
        import grain  # here: clips that are in memory already need no Grain

        parts = list(plan.calls(steps_per_call))
        slots = [int(clip) for part in parts for clip in part.clip_rows.ravel()]
        slots_per_call = steps_per_call * plan.clip_rows.shape[1]
        labels = jax.device_put(self.clip_set.labels, self.device)
        pack = functools.partial(_pack, num_slots=plan.clip_rows.shape[1], capacity=plan.frame_rows.shape[1])

        def place(clips: Sequence[Frames]) -> DeviceClips:
            small, enlarged = zip(*clips, strict=True)
            arrays = (pack(small), pack(enlarged) if large else enlarged[0])
            frames, large_frames = jax.device_put(arrays, self.device)
            return DeviceClips(frames, large_frames, labels)

        decoded = _decoded(self.clip_set, slots, threads=self.threads, ahead=slots_per_call, large=large)
        calls = decoded.batch(slots_per_call, batch_fn=place)
        placed = iter(grain.experimental.ThreadPrefetchIterDataset(calls, prefetch_buffer_size=1))
        try:
            for data, part in zip(placed, parts, strict=True):
                yield data, _count_rows_from_call(part)
        finally:
            placed.close()

    def to(self, device: jax.Device | Sharding) -> "StreamedData":
        """The same data for another device."""
        return dataclasses.replace(self, device=device)


def _pack(clips: Sequence[np.ndarray], *, num_slots: int, capacity: int) -> np.ndarray:
    """Clips one after another, those of every `num_slots` from another multiple of `capacity` on; 0 between them."""
    steps = [clips[i : i + num_slots] for i in range(0, len(clips), num_slots)]
    packed = np.zeros((len(steps) * capacity, *clips[0].shape[1:]), np.uint8)
    for step, group in enumerate(steps):
        frames = np.concatenate(group)
        packed[step * capacity : step * capacity + len(frames)] = frames
    return packed


def _count_rows_from_call(part: BatchPlan) -> BatchPlan:
    """The plan of one call with rows as `_pack` lays them out; 0 on padding."""
    real = part.clip_ids < part.clip_rows.shape[1]
    rows = np.arange(part.frame_rows.size, dtype=np.int32).reshape(part.frame_rows.shape)
    return dataclasses.replace(part, frame_rows=np.where(real, rows, 0))


def place_data(
    clip_set: ClipSet, *, decode_threads: int = 0, device: jax.Device | Sharding | None = None
) -> HeldData | StreamedData:
    """Put a data set that is held in memory on the device; feed a streamed one from disk.

    Args:
        clip_set: the data.
        decode_threads: threads that decode; 0: one a core, at most 16.
        device: where frames go, one device or several; JAX's default device if None.
    """
    if clip_set.streamed:
        return StreamedData(clip_set, choose_threads(decode_threads), device)
    arrays = (clip_set.frames, clip_set.large_frames, clip_set.labels)
    return HeldData(DeviceClips(*jax.device_put(arrays, device)))


def choose_threads(decode_threads: int) -> int:
    """Number of threads; 0 stands for one a core, at most 16."""
    return decode_threads or min(MOST_DECODE_THREADS, os.cpu_count() or 1)


def read_clips(clip_set: ClipSet, *, decode_threads: int = 0) -> Generator[Frames, None, None]:
    """Frames of all clips in the set's order, decoded ahead in threads, two clips a thread.

    Raises:
        ValueError: a clip cannot be read.
    """
    threads = choose_threads(decode_threads)
    clips = iter(_decoded(clip_set, range(len(clip_set)), threads=threads, ahead=0, large=True))
    try:
        yield from clips
    finally:
        clips.close()


def _decoded(clip_set: ClipSet, clips: Sequence[int], *, threads: int, ahead: int, large: bool):
    """Grain data set of the frames of clips, -1 standing for none; at least `ahead` clips are decoded in advance.

    A clip is one piece of work: it is one record on disk, and Pillow decodes and resizes outside Python's lock.
    """
    import grain

    nothing = (clip_set.frames[:0], clip_set.large_frames[:0])

    def read(clip: int) -> Frames:
        return nothing if clip < 0 else clip_set.read(clip, large=large)

    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=max(ahead, 2 * threads))
    return grain.MapDataset.source(clips).map(read).to_iter_dataset(options)
