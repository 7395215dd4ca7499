"""From a plan of batches to frames on the device: of a data set held there, or streamed from disk through Grain.

`HeldData` and `StreamedData` give the same batches; a compiled step cannot tell which of them feeds it. For a call of S
steps with F frames each a streamed set puts just these S * F rows on the device, and the plan counts rows from there:
every call of a data set has one static shape.
"""

import dataclasses
import functools
from collections.abc import Generator, Sequence

import jax
import numpy as np
from jax import Array
from jax.sharding import Sharding
from jaxtyping import Int, UInt8

from akm_jax.data.batching import BatchPlan
from akm_jax.data.sized import Frames, SizedClips, choose_threads


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DeviceClips:
    """What steps gather frames from, on the device: grey frames at both sizes, and the labels of the clips trained on.

    `large_frames` has no rows where only evaluation is fed; `labels` are 0 for clips that a fold does not train on.
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

    def labelled(self, labels: np.ndarray) -> "HeldData":
        """The same frames with the labels of a training, (N,)."""
        placed = jax.device_put(labels, self.clips.labels.sharding if self.clips.labels.committed else None)
        return HeldData(dataclasses.replace(self.clips, labels=placed))


@dataclasses.dataclass(frozen=True)
class StreamedData:
    """A data set whose frames are read and decoded as they are needed; several threads may iterate over it at once.

    Attributes:
        clips: the data.
        labels: (N,), as in `DeviceClips`.
        threads: threads that decode, for each iteration.
        device: where frames are put, one device or several; JAX's default device if None.
    """

    clips: SizedClips
    labels: np.ndarray
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
        labels = jax.device_put(self.labels, self.device)
        pack = functools.partial(_pack, num_slots=plan.clip_rows.shape[1], capacity=plan.frame_rows.shape[1])

        def place(clips: Sequence[Frames]) -> DeviceClips:
            small, enlarged = zip(*clips, strict=True)
            arrays = (pack(small), pack(enlarged) if large else enlarged[0])
            frames, large_frames = jax.device_put(arrays, self.device)
            return DeviceClips(frames, large_frames, labels)

        decoded = _decoded(self.clips, slots, threads=self.threads, ahead=slots_per_call, large=large)
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

    def labelled(self, labels: np.ndarray) -> "StreamedData":
        """The same frames with the labels of a training, (N,)."""
        return dataclasses.replace(self, labels=labels)


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
    clips: SizedClips, *, decode_threads: int = 0, device: jax.Device | Sharding | None = None
) -> HeldData | StreamedData:
    """Put clips that are held in memory on the device; feed streamed ones from disk. `labelled` gives them labels.

    Args:
        clips: the data.
        decode_threads: threads that decode; 0: one a core, at most 16.
        device: where frames go, one device or several; JAX's default device if None.
    """
    labels = np.zeros(len(clips.lengths), np.int32)
    if clips.streamed:
        return StreamedData(clips, labels, choose_threads(decode_threads), device)
    return HeldData(DeviceClips(*jax.device_put((clips.frames, clips.large_frames, labels), device)))


def _decoded(sized: SizedClips, clips: Sequence[int], *, threads: int, ahead: int, large: bool):
    """Grain data set of the frames of clips, -1 standing for none; at least `ahead` clips are decoded in advance.

    A clip is one piece of work: it is one record on disk, and Pillow decodes and resizes outside Python's lock.
    """
    import grain

    nothing = (sized.frames[:0], sized.large_frames[:0])

    def read(clip: int) -> Frames:
        return nothing if clip < 0 else sized.read(clip, large=large)

    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=max(ahead, 2 * threads))
    return grain.MapDataset.source(clips).map(read).to_iter_dataset(options)
