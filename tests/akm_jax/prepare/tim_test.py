"""TIM: the published formula, exact at the frames, smooth and monotone between them."""

import numpy as np
import pytest

from akm_jax.data.clip_set import ClipSet
from akm_jax.prepare.tim import interpolate, interpolate_at, interpolate_clips, path_graph_matrix


def embed_and_interpolate(frames, positions):
    """Equations 5 to 9 as published: singular value decomposition, graph embedding, and the way back."""
    n = len(frames)
    vectors = frames.reshape(n, -1).T
    mean = vectors.mean(axis=1, keepdims=True)
    u, s, vt = np.linalg.svd(vectors - mean, full_matrices=False)
    rank = int((s > 1e-9 * s[0]).sum())
    u, q = u[:, :rank], s[:rank, None] * vt[:rank]
    adjacency = np.eye(n, k=1) + np.eye(n, k=-1)
    laplacian = np.diag(adjacency.sum(axis=1)) - adjacency
    values, w = np.linalg.eig(np.linalg.solve(q @ q.T, q @ laplacian @ q.T))
    w = w[:, np.argsort(values.real)].real

    def curve(t):
        k = np.arange(1, n)[:, None]
        return np.sin(np.pi * k * t + np.pi * (n - k) / (2 * n))

    scale = (q.T @ w)[0] / curve(np.array([1 / n]))[:, 0]  # embedded first frame over the curve's first point
    embedded = scale[:, None] * curve((np.asarray(positions) + 1) / n)
    restored = u @ np.linalg.solve(w.T, embedded) + mean
    return restored.T.reshape(len(positions), *frames.shape[1:])


@pytest.mark.parametrize("num_frames", [2, 3, 8, 21])
def test_equals_the_published_formula(num_frames):
    frames = np.random.default_rng(num_frames).uniform(0, 255, (num_frames, 6, 7))
    positions = np.linspace(0, num_frames - 1, 33)
    np.testing.assert_allclose(interpolate_at(frames, positions), embed_and_interpolate(frames, positions), atol=1e-6)


@pytest.mark.parametrize("num_frames", [1, 2, 24, 141])
def test_own_length_gives_the_clip_back(num_frames):
    frames = np.random.default_rng(0).uniform(0, 1, (num_frames, 5, 4))
    np.testing.assert_allclose(interpolate(frames, num_frames), frames, atol=1e-6)
    levels = (frames * 255).astype(np.uint8)
    np.testing.assert_array_equal(interpolate(levels, num_frames), levels)


def test_original_positions_are_exact_at_any_length():
    frames = np.random.default_rng(1).uniform(0, 1, (9, 3))
    np.testing.assert_allclose(interpolate(frames, 33)[::4], frames, atol=1e-9)


@pytest.mark.parametrize("length", [1, 5, 16, 128])
def test_every_length_keeps_both_ends(length):
    frames = np.random.default_rng(2).uniform(0, 1, (17, 3)).astype(np.float32)
    resampled = interpolate(frames, length)
    assert resampled.shape == (length, 3)
    assert resampled.dtype == np.float32
    np.testing.assert_allclose(resampled[0], frames[0], atol=1e-6)
    if length > 1:
        np.testing.assert_allclose(resampled[-1], frames[-1], atol=1e-6)


def test_linear_ramp_stays_smooth_and_monotone():
    steps = np.diff(interpolate(np.arange(20.0)[:, None] * np.array([1.0, -2.0]), 400), axis=0)
    assert np.all(steps[:, 0] > 0)
    assert np.all(steps[:, 1] < 0)
    middle = steps[60:-60, 0]
    np.testing.assert_allclose(
        middle, 19 / 399, rtol=0.1
    )  # the ends of a cosine series flatten, the middle is straight
    assert np.abs(np.diff(steps[:, 0])).max() < 0.2 * steps[:, 0].mean()


def test_one_frame_is_repeated():
    frame = np.full((1, 2, 2), 7, np.uint8)
    np.testing.assert_array_equal(interpolate(frame, 4), np.repeat(frame, 4, axis=0))


def test_frames_that_depend_on_each_other():
    frames = np.repeat(np.array([[0.0], [1.0]]), 4, axis=0)
    resampled = interpolate(frames, 29)
    np.testing.assert_allclose(resampled[::4], frames, atol=1e-9)


def test_rows_sum_to_one():
    np.testing.assert_allclose(path_graph_matrix(7, np.linspace(0, 6, 50)).sum(axis=1), 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interpolate(np.zeros((3, 2)), 0), "length must be at least 1, got 0"),
        (lambda: interpolate(np.zeros((0, 2)), 5), "frames is an empty clip"),
        (lambda: interpolate(np.zeros((3, 2), int), 5), "uint8 or floating point, got int64"),
        (
            lambda: interpolate_at(np.zeros((3, 2)), [0.5, 2.5]),
            r"positions must lie in 0 to 2 \(the last frame\), got 2.5",
        ),
        (lambda: interpolate_at(np.zeros((3, 2)), [np.nan]), "got nan"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_clips_of_a_set_are_brought_to_one_length():
    rng = np.random.default_rng(3)
    frames = [rng.integers(0, 256, (n, 4, 5), dtype=np.uint8) for n in (3, 9)]
    clips = ClipSet.from_frames(frames, ["a", "b"], ["x", "y"], fps=25.0).without_labels()
    brought = interpolate_clips(clips, 5)
    assert brought.lengths.tolist() == [5, 5]
    for clip, own in enumerate(frames):
        np.testing.assert_array_equal(brought.read(clip), interpolate(own, 5))
    assert brought.pictures.checksum == clips.pictures.checksum
    assert clips.lengths.tolist() == [3, 9]
