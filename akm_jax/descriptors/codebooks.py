"""Codebooks of STCLQP: small sets of words that stand for the 2^P codes, and tell the classes apart.

For each plane and component by itself, from the training clips alone: the codes of each class are put together by
weighted k-means, of the words of all classes those are kept whose frequencies differ most between classes, and every
code goes to the nearest word. All starts from sums that do not depend on the order of the clips; nothing is random.
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Float32, Int64, Integer, UInt32

MAX_ROUNDS = 100


@dataclasses.dataclass(frozen=True)
class CodebookConfig:
    """How words are found."""

    words_per_class: int = 16
    """Words that the codes of a class are put together to."""
    words: tuple[int, ...] = (32,)
    """Words kept in each plane and component; of several numbers the best on inner subjects. 2^P: every code is one."""

    def __post_init__(self):
        if not self.words or min(*self.words, self.words_per_class) < 1:
            raise ValueError(
                f"expected at least 1 word, got words={self.words}, words_per_class={self.words_per_class}"
            )


def block_histograms(counts: UInt32[np.ndarray, "n maps blocks codes"]) -> Float32[np.ndarray, "maps n blocks codes"]:
    """Counts of each block divided by their sum, map by map."""
    apart = np.ascontiguousarray(counts.transpose(1, 0, 2, 3), np.float32)
    apart /= apart.sum(-1, keepdims=True)
    return apart


def clip_histograms(counts: UInt32[np.ndarray, "n maps blocks codes"]) -> Float[np.ndarray, "n maps codes"]:
    """Counts of whole clips divided by their sums."""
    whole = counts.sum(2, dtype=np.float64)
    return whole / whole.sum(-1, keepdims=True)


def learn_codebooks(
    clips: Float[np.ndarray, "n maps codes"], labels: Integer[np.ndarray, " n"], *, words_per_class: int, words: int
) -> Int64[np.ndarray, "maps codes"]:
    """The word that each code goes to, for every plane and component.

    Args:
        clips: histograms of the training clips, each of sum 1.
        labels: their classes.
        words_per_class: words found in each class.
        words: words kept.
    """
    return np.stack([learn_codebook(clips[:, k], labels, words_per_class, words) for k in range(clips.shape[1])])


def learn_codebook(
    clips: Float[np.ndarray, "n codes"], labels: Integer[np.ndarray, " n"], words_per_class: int, words: int
) -> Int64[np.ndarray, " codes"]:
    """One codebook: numbers 0..words-1, or fewer where the codes give no more words."""
    num_codes = clips.shape[1]
    if words >= num_codes:
        return np.arange(num_codes)
    bits = (np.arange(num_codes)[:, None] >> np.arange(num_codes.bit_length() - 1) & 1).astype(np.float64)
    found = [_cluster(bits, _ordered_sum(clips[labels == k]), words_per_class) for k in np.unique(labels)]
    candidates = np.unique(np.concatenate(found), axis=0)
    frequencies = clips @ np.eye(len(candidates))[_nearest(bits, candidates)]
    best = np.argsort(-fisher_ratios(frequencies, labels), kind="stable")[:words]
    return _nearest(bits, candidates[np.sort(best)])


def fisher_ratios(values: Float[np.ndarray, "n d"], labels: Integer[np.ndarray, " n"]) -> Float[np.ndarray, " d"]:
    """Variance between the classes over variance within them; 0 where there is neither."""
    mean = _ordered_sum(values) / len(values)
    between, within = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for k in np.unique(labels):
        of_class = values[labels == k]
        middle = _ordered_sum(of_class) / len(of_class)
        between += len(of_class) * (middle - mean) ** 2
        within += _ordered_sum((of_class - middle) ** 2)
    empty = (between == 0) & (within == 0)
    with np.errstate(divide="ignore"):
        return np.divide(between, within, out=np.zeros_like(between), where=~empty)


def features(
    blocks: Float32[np.ndarray, "maps n blocks codes"], tables: Int64[np.ndarray, "maps codes"]
) -> Float32[np.ndarray, "n d"]:
    """Histograms of words by plane and component, block and word, in one row a clip."""
    words = np.eye(tables.max() + 1, dtype=np.float32)[tables]
    _, n, num_blocks, codes = blocks.shape
    of_maps = [(one.reshape(-1, codes) @ to).reshape(n, num_blocks, -1) for one, to in zip(blocks, words, strict=True)]
    return np.stack(of_maps, 1).reshape(n, -1)


def _ordered_sum(values: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"]:
    """The sum of rows, to the bit the same in whatever order they come."""
    return np.sort(values, axis=0).sum(0)


def _cluster(
    bits: Float[np.ndarray, "codes P"], weights: Float[np.ndarray, " codes"], words: int
) -> Float[np.ndarray, "k P"]:
    """Centres of weighted k-means on the codes that occur, started at the most frequent (of equals the smaller)."""
    codes = np.flatnonzero(weights)
    points, weights = bits[codes], weights[codes]
    centres = points[np.lexsort((codes, -weights))[:words]]
    nearest = np.full(len(points), -1)
    for _ in range(MAX_ROUNDS):
        before, nearest = nearest, _nearest(points, centres)
        if np.array_equal(nearest, before):
            break
        member = np.eye(len(centres))[nearest] * weights[:, None]
        mass = member.sum(0)[:, None]
        centres = np.divide(member.T @ points, mass, out=centres.copy(), where=mass > 0)
    return centres


def _nearest(points: Float[np.ndarray, "n P"], centres: Float[np.ndarray, "k P"]) -> Int64[np.ndarray, " n"]:
    """The nearest centre of each point; of equals the first."""
    return ((points[:, None] - centres) ** 2).sum(-1).argmin(1)
