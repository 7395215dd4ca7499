"""The frames of clips at the two sizes that training sees: held in memory, or made from the pictures on demand.

Frames of all clips lie one after another on one axis, and clip i owns rows `starts[i] : starts[i] + lengths[i]`.
"""

import concurrent.futures
import contextlib
import dataclasses
from collections import deque
from collections.abc import Generator, Iterable, Sequence

import numpy as np

from akm_jax.data.clip_set import Clips, resize_frame
from akm_jax.machine import num_cores
from akm_jax.observe import Track

MOST_DECODE_THREADS = 16

Frames = tuple[np.ndarray, np.ndarray]
"""Frames of one clip or one call at both sizes: uint8 (T, S, S) and (T, L, L)."""


@dataclasses.dataclass(frozen=True)
class SizedClips:
    """Clips at two sizes.

    Attributes:
        clips: whose frames these are.
        frames: uint8 (F, S, S), the evaluation size; (0, S, S) where frames are made on demand.
        large_frames: uint8 (F, L, L), the size random crops are taken from; (0, L, L) where they are made on demand.
        streamed: whether frames are made on demand.
        used: for each clip the frames that are used, indices into its frames, ascending; all of them when None.
    """

    clips: Clips
    frames: np.ndarray
    large_frames: np.ndarray
    streamed: bool
    used: Sequence[np.ndarray] | None = None

    @property
    def lengths(self) -> np.ndarray:
        """Frames of each clip that are used, (N,)."""
        return self.clips.lengths if self.used is None else np.array([len(frames) for frames in self.used], np.int32)

    @property
    def starts(self) -> np.ndarray:
        """First row of each clip, (N,)."""
        return self.clips.starts

    @property
    def gib(self) -> float:
        """What all frames take at both sizes, GiB, wherever they are."""
        return _gib(self.clips, self.frames.shape[1], self.large_frames.shape[1])

    def read(self, clip: int, *, large: bool = True) -> Frames:
        """Frames of one clip that are used, at both sizes; several threads may call this at once.

        Args:
            clip: index of the clip, 0..N-1.
            large: False spares the enlarged frames, which come back as (0, L, L).

        Raises:
            ValueError: the clip cannot be read.
        """
        if self.streamed:
            both = _resized(self.clips, clip, self.frames.shape[1], self.large_frames.shape[1], large=large)
        else:
            start = int(self.clips.starts[clip])
            stop = start + int(self.clips.lengths[clip])
            both = self.frames[start:stop], self.large_frames[start : stop if large else start]
        if self.used is None:
            return both
        frames, large_frames = both
        return frames[self.used[clip]], large_frames[self.used[clip]] if large else large_frames


def size_clips(
    clips: Clips,
    image_size: int,
    crop_source_size: int,
    *,
    memory_gib: float = float("inf"),
    decode_threads: int = 0,
    track: Track = lambda items, what, total: items,
) -> SizedClips:
    """Read all clips once, and hold them in memory if they fit; a clip that cannot be read is found now either way.

    Args:
        clips: the clips.
        image_size, crop_source_size: S and L, sides in pixels.
        memory_gib: GiB up to which frames are held; larger sets are streamed.
        decode_threads: threads that decode; 0: one a core, at most 16.
        track: progress display.

    Raises:
        ValueError: a size below one pixel, or a clip cannot be read.
    """
    if min(image_size, crop_source_size) < 1:
        raise ValueError(f"image sizes must be at least 1 pixel, got {image_size} and {crop_source_size}")
    num_frames = int(clips.lengths.sum())
    held = _gib(clips, image_size, crop_source_size) <= memory_gib
    count = num_frames if held else 0
    frames = np.empty((count, image_size, image_size), np.uint8)
    large_frames = np.empty((count, crop_source_size, crop_source_size), np.uint8)
    sized = SizedClips(clips, frames, large_frames, streamed=True)
    with contextlib.closing(read_ahead(sized, range(len(clips)), choose_threads(decode_threads))) as read:
        what = "Decoding clips" if held else "Checking clips"
        for start, of_clip in zip(clips.starts, track(read, what, len(clips)), strict=True):
            if held:
                for array, part in zip((frames, large_frames), of_clip, strict=True):
                    array[start : start + len(part)] = part
    return dataclasses.replace(sized, streamed=not held)


def read_ahead(sized: SizedClips, clips: Iterable[int], threads: int) -> Generator[Frames, None, None]:
    """Frames of clips in order, decoded in threads, two clips a thread ahead."""
    with concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="akm_jax_decode") as pool:
        ahead: deque[concurrent.futures.Future] = deque()
        try:
            for clip in clips:
                ahead.append(pool.submit(sized.read, clip))
                if len(ahead) > 2 * threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for waiting in ahead:
                waiting.cancel()


def choose_threads(decode_threads: int) -> int:
    """Number of threads; 0 stands for one a core, at most 16."""
    return decode_threads or min(MOST_DECODE_THREADS, num_cores())


def _gib(clips: Clips, *sides: int) -> float:
    return int(clips.lengths.sum()) * sum(side**2 for side in sides) / 2**30


def _resized(clips: Clips, clip: int, size: int, large_size: int, *, large: bool) -> Frames:
    pictures = clips.read(clip)
    frames = np.empty((len(pictures), size, size), np.uint8)
    large_frames = np.empty((len(pictures) if large else 0, large_size, large_size), np.uint8)
    for k, picture in enumerate(pictures):
        frames[k] = resize_frame(picture, size)
        if large:
            large_frames[k] = resize_frame(picture, large_size)
    return frames, large_frames
