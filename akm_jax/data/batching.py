"""Which clips make a step: balanced packing into one static capacity a data set, and the index plans of an epoch.

Frames stay where they are; a plan names rows of the frame axis, so only small integers move each epoch.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

# Frames above the tightest partition found, as a share: room for random partitions to differ between epochs.
CAPACITY_SLACK = 0.0025
# Random partitions tried before giving up, and those tried to find what is needed.
ATTEMPTS = 100
TRIALS = 3


@dataclasses.dataclass(frozen=True)
class BatchPlan:
    """Index plan of S batches of F frames and C clip slots.

    Attributes:
        frame_rows: int32 (S, F), rows of the data set's frame axis; 0 on padding.
        clip_ids: int32 (S, F), slot of every frame; C on padding.
        clip_rows: int32 (S, C), the data set's clip in every slot; -1 in empty slots.
    """

    frame_rows: np.ndarray
    clip_ids: np.ndarray
    clip_rows: np.ndarray

    @property
    def num_frames(self) -> int:
        """Real frames of the plan."""
        return int(np.sum(self.clip_ids < self.clip_rows.shape[1]))

    def steps(self, start: int, stop: int) -> "BatchPlan":
        """Batches start..stop-1."""
        return BatchPlan(self.frame_rows[start:stop], self.clip_ids[start:stop], self.clip_rows[start:stop])

    def calls(self, steps_per_call: int) -> Iterator["BatchPlan"]:
        """The plan in parts of `steps_per_call` batches, without the empty parts at its end."""
        used = 1 + np.flatnonzero((self.clip_rows >= 0).any(1)).max(initial=-1)
        for first in range(0, int(used), steps_per_call):
            yield self.steps(first, first + steps_per_call)


def balance(
    rng: np.random.Generator, lengths: np.ndarray, clips_per_step: int, capacity: int | None = None
) -> list[np.ndarray]:
    """Random groups of `clips_per_step` clips, the last one with the remainder, with frame sums up to `capacity`.

    A random partition is mended by swaps between its fullest and its other groups, so groups stay as random as the
    capacity allows. Without a capacity the sums are made as equal as swaps can make them.

    Returns:
        For every group the indices of its clips into `lengths`.

    Raises:
        ValueError: no partition within the capacity was found.
    """
    best = None
    for _ in range(1 if capacity is None else ATTEMPTS):
        groups, fullest = _mended_partition(rng, lengths, clips_per_step, capacity)
        if capacity is None or fullest <= capacity:
            return groups
        best = min(fullest, best or fullest)
    raise ValueError(
        f"no groups of {clips_per_step} clips within {capacity} frames found: {len(lengths)} clips, "
        f"{lengths.sum()} frames, best {best}; choose the capacity with step_capacity"
    )


def _mended_partition(
    rng: np.random.Generator, lengths: np.ndarray, clips_per_step: int, capacity: int | None
) -> tuple[list[np.ndarray], int]:
    """A random partition after swaps, and the frames of its fullest group."""
    order = rng.permutation(len(lengths))
    groups = [order[i : i + clips_per_step].copy() for i in range(0, len(order), clips_per_step)]
    sums = np.array([lengths[g].sum() for g in groups])
    for _ in range(20 * len(lengths)):
        fullest = int(np.argmax(sums))
        if (capacity is not None and sums[fullest] <= capacity) or not _swap_down(groups, sums, fullest, lengths):
            break
    return groups, int(sums.max())


def _swap_down(groups: list[np.ndarray], sums: np.ndarray, fullest: int, lengths: np.ndarray) -> bool:
    """Swap one clip of the fullest group for a shorter one where that lowers the larger of the two sums most."""
    own = lengths[groups[fullest]]
    best, choice = sums[fullest], None
    for other in np.argsort(sums, kind="stable")[: max(8, len(sums) // 4)]:
        gain = own[:, None] - lengths[groups[other]]
        larger = np.maximum(sums[fullest] - gain, sums[other] + gain)
        a, b = np.unravel_index(np.argmin(larger), larger.shape)
        if other != fullest and larger[a, b] < best:
            best, choice = larger[a, b], (other, a, b, gain[a, b])
    if choice is None:
        return False
    other, a, b, gain = choice
    groups[fullest][a], groups[other][b] = groups[other][b], groups[fullest][a]
    sums[fullest] -= gain
    sums[other] += gain
    return True


def step_capacity(folds: Sequence[np.ndarray], clips_per_step: int, *, seed: int = 0) -> int:
    """Frames of a step that fit every fold: one static shape for the whole data set.

    Args:
        folds: for each fold the lengths (frames) of its training clips.
        clips_per_step: clips a step.
        seed: seed of the trial partitions.
    """
    rng = np.random.default_rng(seed)
    longest = max(int(lengths.max()) for lengths in folds)
    trials = [_mended_partition(rng, lengths, clips_per_step, None)[1] for lengths in folds for _ in range(TRIALS)]
    needed = max(trials)
    return max(int(np.ceil(needed * (1 + CAPACITY_SLACK))), longest)


def plan_batches(
    groups: Sequence[np.ndarray],
    starts: np.ndarray,
    lengths: np.ndarray,
    *,
    capacity: int,
    clips_per_step: int,
    num_steps: int | None = None,
    used: Sequence[np.ndarray] | None = None,
) -> BatchPlan:
    """Lay groups of clips out as index plans; batches after the last group, up to `num_steps`, are empty.

    Args:
        groups: for each batch the data set's clips, at most `clips_per_step` of at most `capacity` frames together.
        starts, lengths: first row and number of frames of every clip of the data set.
        capacity, clips_per_step: frames and clip slots of a batch.
        num_steps: batches; as many as groups when None.
        used: where a clip's frames do not follow one another, for every clip which they are, counted from its first.
    """
    num_steps = len(groups) if num_steps is None else num_steps
    if num_steps < len(groups):
        raise ValueError(f"{len(groups)} groups do not fit into {num_steps} steps")
    frame_rows = np.zeros((num_steps, capacity), np.int32)
    clip_ids = np.full((num_steps, capacity), clips_per_step, np.int32)
    clip_rows = np.full((num_steps, clips_per_step), -1, np.int32)
    for step, group in enumerate(groups):
        rows = np.concatenate([starts[c] + (np.arange(lengths[c]) if used is None else used[c]) for c in group])
        if len(rows) > capacity or len(group) > clips_per_step:
            raise ValueError(
                f"batch {step}: {len(group)} clips, {len(rows)} frames exceed {clips_per_step} clips, {capacity} frames"
            )
        frame_rows[step, : len(rows)] = rows
        clip_ids[step, : len(rows)] = np.repeat(np.arange(len(group)), lengths[group])
        clip_rows[step, : len(group)] = group
    return BatchPlan(frame_rows, clip_ids, clip_rows)


def group_in_order(clips: np.ndarray, lengths: np.ndarray, *, capacity: int, clips_per_step: int) -> list[np.ndarray]:
    """Clips in the given order, as many a batch as fit: for evaluation, where the grouping does not matter."""
    groups: list[list[int]] = [[]]
    frames = 0
    for clip in clips:
        if groups[-1] and (len(groups[-1]) == clips_per_step or frames + lengths[clip] > capacity):
            groups.append([])
            frames = 0
        groups[-1].append(int(clip))
        frames += lengths[clip]
    return [np.array(group) for group in groups if group]


def resample_classes(rng: np.random.Generator, clips: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Repeat clips of every smaller class, drawn without a bias among them, until all classes match the largest."""
    chosen = [clips[labels[clips] == label] for label in np.unique(labels[clips])]
    largest = max(map(len, chosen))
    repeats = [np.tile(c, largest // len(c)) for c in chosen]
    extra = [rng.choice(c, largest % len(c), replace=False) for c in chosen]
    return np.concatenate(repeats + extra)
