"""`loader`: training on a streamed set beside training on the same frames held on the device.

The streamed set decodes JPEG pictures of noise from memory, which is more work than faces are, by the path of a set on
disk (`akm_jax.data.stream.StreamedData`). Each round trains a few steps in a row either way, so that a stream has no
other time to read ahead than that of its own steps.
"""

import contextlib
import dataclasses
import io
from typing import Any

import numpy as np
from PIL import Image

from akm_jax.config import AKMNetConfig
from akm_jax.data.batching import BatchPlan
from akm_jax.data.clip_set import ClipSet
from akm_jax.data.sized import SizedClips, choose_threads
from akm_jax.data.stream import DeviceClips, StreamedData
from experiments.benchmarks import timing
from experiments.benchmarks.ours import Ours

PICTURE = (170, 140)


@dataclasses.dataclass(frozen=True)
class EncodedClips:
    """Clips (`ClipSet.pictures`) from encoded pictures in memory; the same pictures serve every clip."""

    pictures: tuple[bytes, ...]
    lengths: np.ndarray
    checksum: int = 0

    def read(self, clip: int) -> np.ndarray:
        """Decode a clip."""
        count = len(self.pictures)
        return np.stack(
            [np.asarray(Image.open(io.BytesIO(self.pictures[k % count]))) for k in range(int(self.lengths[clip]))]
        )


def streamed(clips: SizedClips) -> SizedClips:
    """A set of the same clips that is decoded on demand."""
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(16):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, PICTURE, np.uint8)).save(file, "JPEG", quality=90)
        pictures.append(file.getvalue())
    encoded = dataclasses.replace(clips.clips, pictures=EncodedClips(tuple(pictures), clips.lengths))
    return SizedClips(encoded, clips.frames[:0], clips.large_frames[:0], streamed=True)


def measure(config: AKMNetConfig, clip_set: ClipSet, *, rounds: int, steps: int) -> list[dict[str, Any]]:
    """Rows of training held, training streamed with its loss, and of reading alone; seconds of some steps in a row."""
    ours = Ours(config, clip_set)
    data = StreamedData(streamed(ours.setup.clips), ours.setup.labels, choose_threads(0), ours.setup.home)

    def steps_of(i: int) -> list[BatchPlan]:
        return [ours.step(i * steps + k) for k in range(steps)]

    def batches(i: int):
        plan = steps_of(i)
        joined = {f.name: np.concatenate([getattr(p, f.name) for p in plan]) for f in dataclasses.fields(plan[0])}
        return contextlib.closing(data.batches(dataclasses.replace(plan[0], **joined), ours.setup.parts))

    def read(i: int) -> list[tuple[DeviceClips, BatchPlan]]:
        with batches(i) as chunks:
            return list(chunks)

    held = [read(i) for i in range(rounds)]  # one program serves both: the same frames, on the device beforehand
    ours.compile_for(held[0][0][1], held[0][0][0])

    def train_held(i: int) -> None:
        for frames, step in held[i]:
            ours.train_step(step, frames)

    def train_streamed(i: int) -> None:
        with batches(i) as chunks:
            for frames, step in chunks:
                ours.train_step(step, frames)

    programs = {"held": train_held, "streamed": train_streamed, "read_alone": read}
    train_held(0)  # the first call of the program takes longer, whichever way it comes
    seconds = timing.interleave(programs, rounds=range(rounds), warm=False)
    count = [sum(step.num_frames for step in steps_of(i)) for i in range(rounds)]
    rows: list[dict[str, Any]] = [
        {
            "name": f"loader/{name}",
            **timing.describe(taken),
            "frames_per_s": round(float(np.median(np.array(count) / np.array(taken))), 1),
        }
        for name, taken in seconds.items()
    ]
    rows[1]["loss_of_throughput"] = round(1 - timing.ratio(seconds["held"], seconds["streamed"]), 4)
    return rows
