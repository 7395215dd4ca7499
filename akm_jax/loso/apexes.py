"""How often key frames hold the annotated apex, beside as many frames taken at random; how far the top one is from it.

Chance is worked out, not run: of a clip of T frames of which n are key frames, n random ones hold the apex with
probability n/T, and one random frame is the apex with 1/T.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

DRAWS = 10_000


@dataclasses.dataclass(frozen=True)
class ApexReading:
    """What a method's scores say of the apex of one clip.

    Attributes:
        clip_id: the clip.
        seed: of the run.
        num_frames, num_selected: frames of the clip, and key frames among them.
        apex: index of the annotated apex, from 0.
        top: index of the frame of the largest beta.
        is_key: whether the apex is a key frame.
        fps: frames per second; 0 where unknown.
    """

    clip_id: str
    seed: int
    num_frames: int
    num_selected: int
    apex: int
    top: int
    is_key: bool
    fps: float

    @property
    def distance(self) -> int:
        """Frames from the apex to the top frame; negative before the apex."""
        return self.top - self.apex

    @property
    def distance_ms(self) -> float:
        """The same in milliseconds; NaN where the rate is not known."""
        return 1000 * self.distance / self.fps if self.fps else float("nan")


def read_apexes(
    results: Sequence[dict[str, Any]], rule: str, apexes: Mapping[str, tuple[int, float]]
) -> list[ApexReading]:
    """Readings of every clip with an annotated apex, for every seed; none where the method scores no frames.

    Args:
        results: contents of `result.json`.
        rule: whose models are asked.
        apexes: for each clip id the apex as an index, -1 for none, and frames per second.

    Raises:
        ValueError: an apex lies outside its clip.
    """
    found = []
    for result in results:
        for clip_id, clip in result["rules"][rule]["clips"].items():
            apex, fps = apexes[clip_id]
            if apex < 0 or not clip.get("beta"):
                continue
            beta, selected = clip["beta"], clip["selected"]
            if apex >= len(beta):
                raise ValueError(f"clip {clip_id}: apex {apex} of {len(beta)} frames; repair the annotation")
            key, top = bool(selected[apex]), int(np.argmax(beta))
            found.append(ApexReading(clip_id, result["seed"], len(beta), int(sum(selected)), apex, top, key, fps))
    return found


@dataclasses.dataclass(frozen=True)
class Share:
    """A share of clips beside what chance gives.

    Attributes:
        value: the share, mean over seeds.
        chance: what is expected of random frames.
        low, high: interval of what random frames give.
        p: probability that random frames reach `value` or more.
    """

    value: float
    chance: float
    low: float
    high: float
    p: float

    @property
    def beats_chance(self) -> bool:
        """Whether the share lies above the interval of chance."""
        return self.value > self.high


def apex_shares(readings: Sequence[ApexReading], *, level: float = 0.95, seed: int = 0) -> tuple[Share, Share]:
    """Share of clips whose apex is a key frame, and of those where it has the top beta.

    Random frames are drawn alike for all seeds, as if seeds agreed: the wider interval.

    Raises:
        ValueError: no readings.
    """
    if not readings:
        raise ValueError("no clip has both an annotated apex and scores of its frames")
    clips = {clip_id: i for i, clip_id in enumerate(dict.fromkeys(r.clip_id for r in readings))}
    uniform = np.random.default_rng(seed).random((DRAWS, len(clips)))
    columns = uniform[:, [clips[r.clip_id] for r in readings]]
    key = np.array([r.num_selected / r.num_frames for r in readings])
    top = np.array([1 / r.num_frames for r in readings])
    return (
        _share(np.array([r.is_key for r in readings]), key, columns, level),
        _share(np.array([r.distance == 0 for r in readings]), top, columns, level),
    )


def _share(hit: np.ndarray, chance: np.ndarray, uniform: np.ndarray, level: float) -> Share:
    value, drawn = float(hit.mean()), (uniform < chance).mean(1)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Share(value, float(chance.mean()), float(low), float(high), float(np.mean(drawn >= value - 1e-12)))
