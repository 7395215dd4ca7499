"""Recordings of the released programs, and videos in memory."""

import dataclasses
import json
from collections.abc import Callable

import numpy as np
import pytest

from akm_jax.data.long_videos import LongVideo


class Results:
    """A recording: arrays by key, and what it says of itself."""

    def __init__(self, path):
        self._arrays = np.load(path)
        self.meta = json.loads(str(self._arrays["meta"]))

    def __getitem__(self, key: str) -> np.ndarray:
        return self._arrays[key]

    def __contains__(self, key: str) -> bool:
        return key in self._arrays


@pytest.fixture(scope="session")
def recorded(golden_dir) -> Callable[[str], Results]:
    """Recordings by the names of their files."""
    return lambda name: Results(golden_dir / f"{name}.npz")


@pytest.fixture(scope="session")
def spans() -> Callable[..., np.ndarray]:
    """Intervals as an array, also where there are none."""
    return lambda *rows: np.array(rows, np.int64).reshape(-1, 2)


def draw_landmarks() -> np.ndarray:
    """A face that fills its crop: those of the 68 points that spotting looks at."""
    points = np.full((68, 2), 64.0)
    points[17], points[19], points[24], points[26] = (20, 40), (40, 32), (88, 32), (108, 40)
    points[28] = (64, 60)
    points[36:42] = [(30, 50), (37, 46), (43, 46), (50, 50), (43, 54), (37, 54)]
    points[42:48] = [(78, 50), (85, 46), (91, 46), (98, 50), (91, 54), (85, 54)]
    points[50], points[57], points[60], points[64] = (58, 92), (64, 108), (46, 98), (82, 98)
    return points.astype(np.float32)


@pytest.fixture
def landmarks() -> np.ndarray:
    """Landmarks of a drawn face."""
    return draw_landmarks()


@dataclasses.dataclass(frozen=True)
class NoiseCrops:
    """Crops of noise, drawn when they are read."""

    seed: int

    def read(self, start: int, stop: int) -> np.ndarray:
        drawn = [
            np.random.default_rng((self.seed, i)).integers(0, 256, (128, 128), np.uint8) for i in range(start, stop)
        ]
        return np.stack(drawn)


@pytest.fixture(scope="session")
def make_video() -> Callable[..., LongVideo]:
    """Maker of videos of noise."""

    def make(video_id="a", subject="1", num_frames=40, *intervals, seed=0, checksum=7) -> LongVideo:
        return LongVideo(video_id, subject, 30.0, num_frames, draw_landmarks(), NoiseCrops(seed), checksum, intervals)

    return make
