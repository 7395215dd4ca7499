"""`SpottingFrames`: the features of all videos as training and scoring take them, and which of them a fold sees.

Frames lie in one table, scaled, channels as planes; a training is a list of rows of it. Rows behind the frames of the
videos are changed copies of the positive ones (`akm_jax.spotting.augment`).
"""

import dataclasses
import random
import zlib
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from akm_jax.spotting.augment import KINDS, add_noise, blur, flip
from akm_jax.spotting.features import scale_features

Variant = Literal["megc", "code"]
VARIANTS: tuple[Variant, ...] = ("megc", "code")
CODE_SEED = 1  # of the released program
KEPT_SHARE = 0.5  # of the larger class


@dataclasses.dataclass(frozen=True)
class SpottingFrames:
    """Feature frames of all videos, video after video.

    Attributes:
        planes: float32 (R, 3, H, W), scaled to [0, 1]; the first N rows are the frames of the videos.
        labels: float32 (R,), 1 within an expression.
        subjects: (N,) whom each frame shows.
        augmented: (N,) first of the rows of changed copies of a frame; -1 without.
        raw_noise: likewise the row of noise added before scaling, which the first fold of variant "code" takes.
        seed: that of the noise.
    """

    planes: Float[np.ndarray, "R 3 H W"]
    labels: Float[np.ndarray, " R"]
    subjects: np.ndarray
    augmented: Int[np.ndarray, " N"]
    raw_noise: Int[np.ndarray, " N"]
    seed: int

    @property
    def fold_subjects(self) -> tuple[str, ...]:
        """Subjects in the order of their first video, one fold each."""
        return tuple(dict.fromkeys(self.subjects.tolist()))

    def checksum(self) -> int:
        """CRC-32 of everything: another one says that a stored fold was trained on something else."""
        value = zlib.crc32(np.ascontiguousarray(self.planes).data)
        for array in (self.labels, self.augmented, self.raw_noise):
            value = zlib.crc32(array.tobytes(), value)
        return zlib.crc32(f"{self.seed} {self.subjects.tolist()}".encode(), value)


def gather_frames(
    features: Sequence[Float[np.ndarray, "T H W 3"]],
    labels: Sequence[np.ndarray],
    subjects: Sequence[str],
    *,
    augment: bool,
    variant: Variant = "megc",
    seed: int = 1,
) -> SpottingFrames:
    """Put the features of videos into one table; needs as much memory as they do, and they can go afterwards.

    Args:
        features: of each video u, v and strain of its frames.
        labels: of each video 0 or 1 a frame.
        subjects: whom each video shows.
        augment: add flipped, blurred and noisy copies of the positive frames, as for micro-expressions.
        variant: "code" also adds what its first fold takes in place of the noisy ones.
        seed: of the noise.

    Raises:
        ValueError: the lists do not go together, or a video's features or labels are not of the stated form.
    """
    _check(features, labels, subjects)
    counts = [len(video) for video in features]
    of_frame = np.concatenate(labels).astype(np.float32)
    positive = np.flatnonzero(of_frame == 1) if augment else np.zeros(0, int)
    with_raw = variant == "code" and len(positive) > 0
    copies = len(positive) * (len(KINDS) + with_raw)
    planes = np.empty((sum(counts) + copies, 3, *features[0].shape[1:3]), np.float32)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(int)
    for start, video in zip(starts, features, strict=False):
        _put(planes, slice(start, start + len(video)), video)
    rows = np.full((2, starts[-1]), -1)
    rows[0, positive] = starts[-1] + len(KINDS) * np.arange(len(positive))
    if with_raw:
        rows[1, positive] = starts[-1] + len(KINDS) * len(positive) + np.arange(len(positive))
    for start, stop, video in zip(starts, starts[1:], features, strict=False):
        inside = positive[(positive >= start) & (positive < stop)]
        if len(inside):
            _add_copies(planes, inside, rows, video[inside - start], seed, with_raw=with_raw)
    all_labels = np.concatenate([of_frame, np.ones(copies, np.float32)])
    return SpottingFrames(planes, all_labels, np.repeat(np.array(subjects, object), counts), rows[0], rows[1], seed)


def _put(planes, rows, frames):
    planes[rows] = np.moveaxis(scale_features(np.asarray(frames, np.float32)), -1, 1)


def _add_copies(planes, numbers, rows, raw, seed, *, with_raw):
    scaled = scale_features(np.asarray(raw, np.float32))
    for i, copy in enumerate((flip(scaled), blur(scaled), add_noise(scaled, numbers, seed))):
        _put(planes, rows[0, numbers] + i, copy)
    if with_raw:
        _put(planes, rows[1, numbers], add_noise(np.asarray(raw, np.float32), numbers, seed))


def _check(features, labels, subjects):
    if not len(features) == len(labels) == len(subjects) or not len(features):
        raise ValueError(
            f"spotting: {len(features)} videos of features, {len(labels)} of labels, {len(subjects)} subjects; "
            "expected as many of each, at least one"
        )
    for i, (video, of_video) in enumerate(zip(features, labels, strict=True)):
        where = f"spotting: video {i} (subject {subjects[i]!r})"
        if video.ndim != 4 or video.shape[1:] != features[0].shape[1:] or video.shape[3] != 3:
            raise ValueError(f"{where}: features of shape {video.shape}, expected (T, H, W, 3) of one size for all")
        if np.shape(of_video) != video.shape[:1] or not np.isin(of_video, (0, 1)).all():
            raise ValueError(f"{where}: expected {len(video)} labels 0 or 1, got shape {np.shape(of_video)}")
        if not np.isfinite(video).all():
            raise ValueError(f"{where}: features hold NaN or infinity; prepare them anew")


def training_rows(frames: SpottingFrames, variant: Variant) -> Iterable[tuple[str, Int[np.ndarray, " M"]]]:
    """Every fold's left-out subject and the rows its training takes, in their order.

    Of the frames without an expression half as many as the larger class has are kept, drawn at random; all positive
    ones; then the changed copies; then all are shuffled once. By default the draws of a fold depend on nothing but the
    seed and its subject; "code" draws for fold after fold from one generator.

    Raises:
        ValueError: a fold would train without a frame of a class, or on nobody.
    """
    released = random.Random(CODE_SEED)
    for number, subject in enumerate(frames.fold_subjects):
        own = np.random.default_rng([frames.seed, zlib.crc32(subject.encode())])
        train = np.flatnonzero(frames.subjects != subject)
        of_frame = frames.labels[train]
        positive, negative = train[of_frame == 1], train[of_frame == 0]
        if not len(positive) or not len(negative):
            raise ValueError(
                f"fold of subject {subject!r}: {len(positive)} training frames within an expression and "
                f"{len(negative)} without; both are needed, so at least two subjects must show one"
            )
        count = min(int(max(len(positive), len(negative)) * KEPT_SHARE), len(negative))
        if variant == "code":
            kept = np.array(released.sample(negative.tolist(), count), int)
        else:
            kept = own.choice(negative, count, replace=False)
        rows = np.sort(np.concatenate([kept, positive]))
        rows = np.concatenate([rows, _copies(frames, positive, raw=variant == "code" and number == 0)])
        if variant == "code":
            shuffled = rows.tolist()
            released.shuffle(shuffled)
        else:
            shuffled = own.permutation(rows)
        yield subject, np.array(shuffled, np.int32)


def _copies(frames, positive, *, raw):
    """Rows of the changed copies of positive frames, those of a frame side by side."""
    positive = positive[frames.augmented[positive] >= 0]
    rows = frames.augmented[positive, None] + np.arange(len(KINDS))
    if raw:
        rows[:, KINDS.index("noise")] = frames.raw_noise[positive]
    return rows.ravel()
