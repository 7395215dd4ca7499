"""Magnification: known motions grow by 1 + alpha, stillness stays, and one compiled block serves all lengths."""

import warnings

import numpy as np
import pytest

from akm_jax.prepare.magnify import BLOCK_FRAMES, first_frame_bands, magnify, magnify_block
from experiments.benchmarks.magnification import magnify_with_pyrtools, peak_memory


def draw_moving(shifts_px, *, height=64, width=80, angle=0.0):
    """A clip of rings that move by `shifts_px` along `angle`, float32 around 128.

    Rings have one orientation at each place and fade out slowly: the phase of a sub-band says nothing of motions that
    change its amplitude (crossing lines, isolated dots), and those are magnified by less.
    """
    y, x = np.mgrid[:height, :width].astype(np.float64)
    along = np.array([np.cos(angle), np.sin(angle)])
    frames = []
    for shift in shifts_px:
        u, v = x - shift * along[0] - width / 2, y - shift * along[1] - height / 2
        radius = np.hypot(u, v)
        frames.append(128 + 60 * np.cos(radius / 1.5) * np.exp(-0.5 * (radius / 14) ** 2))
    return np.array(frames, np.float32)


def measure_shift(frame, angle=0.0):
    """Displacement along `angle` against the rings at rest: least squares on gradients, repeated where it has moved."""
    shift = 0.0
    for _ in range(20):
        moved = draw_moving([shift], height=frame.shape[0], width=frame.shape[1], angle=angle)[0]
        slope_y, slope_x = np.gradient(moved.astype(np.float64))
        slope = slope_x * np.cos(angle) + slope_y * np.sin(angle)
        shift -= np.sum(slope * (frame - moved)) / np.sum(slope * slope)
    return shift


@pytest.mark.parametrize("alpha", [3.0, 15.0, 30.0])
@pytest.mark.parametrize("angle", [0.0, 0.6, 1.57])
def test_motion_grows_by_one_plus_alpha(alpha, angle):
    shifts = np.array([0.0, 0.02, 0.05, -0.03])
    clip = draw_moving(shifts, angle=angle)
    magnified = magnify(clip, alpha=alpha)
    for frame, shift in zip(magnified[1:], shifts[1:], strict=True):
        measured = measure_shift(frame, angle)
        np.testing.assert_allclose(measured / shift, 1 + alpha, rtol=0.1)


def test_smoothing_of_phase_keeps_the_amplification():
    clip = draw_moving([0.0, 0.05])
    for smoothing_px in (0.0, 0.5, 2.0):
        measured = measure_shift(magnify(clip, smoothing_px=smoothing_px)[1])
        np.testing.assert_allclose(measured / 0.05, 16, rtol=0.1)


def test_still_clip_stays_still():
    frame = np.random.default_rng(0).integers(0, 256, (1, 48, 40), np.uint8)
    clip = np.repeat(frame, 7, axis=0)
    np.testing.assert_array_equal(magnify(clip), clip)
    np.testing.assert_array_equal(magnify(np.zeros_like(clip)), 0)


@pytest.mark.parametrize("band_hz", [None, (2.0, 40.0)])
def test_alpha_zero_gives_the_clip_back(band_hz):
    clip = np.random.default_rng(1).integers(0, 256, (9, 45, 38), np.uint8)
    np.testing.assert_array_equal(magnify(clip, alpha=0, fps=200, band_hz=band_hz), clip)
    np.testing.assert_allclose(magnify(clip / 255, alpha=0, fps=200, band_hz=band_hz), clip / 255, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("length", [1, BLOCK_FRAMES, BLOCK_FRAMES + 1])
def test_length_order_type_and_first_frame_are_kept(dtype, length):
    clip = draw_moving(np.linspace(0, 0.1, length), height=33, width=50).astype(dtype)
    magnified = magnify(clip)
    assert magnified.shape == clip.shape
    assert magnified.dtype == dtype
    np.testing.assert_allclose(magnified[0].astype(float), clip[0], atol=1e-3)
    # Frame by frame beside the first gives the same: frames neither mix nor swap. float32 sums differ by rounding.
    for i in range(length):
        alone = magnify(np.stack([clip[0], clip[i]]))[1]
        np.testing.assert_allclose(alone.astype(float), magnified[i], atol=1.0 if dtype == np.uint8 else 1e-3)


def test_unit_range_and_grey_levels_agree():
    clip = draw_moving([0, 0.05, 0.1])
    np.testing.assert_allclose(magnify(clip / 255) * 255, magnify(clip), atol=0.1)


def test_equals_pyrtools_and_numpy():
    clip = np.rint(draw_moving([0, 0.1, 0.3, -0.2], height=64, width=48)).astype(np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = magnify_with_pyrtools(clip, alpha=15.0, smoothing_px=1.0)
    difference = np.abs(magnify(clip).astype(int) - expected)
    assert difference.max() <= 1  # both round to whole grey levels
    assert (difference > 0).mean() < 0.01


def test_band_pass_magnifies_its_band_only():
    time = (np.arange(40) + 0.5) / 100
    slow, fast = 0.02 * (np.cos(2 * np.pi * 5 * time) - 1), 0.02 * np.cos(2 * np.pi * 30 * time)
    clip = draw_moving(slow + fast - fast[0])
    magnified = magnify(clip, alpha=10.0, fps=100, band_hz=(2.0, 10.0))
    measured = np.array([measure_shift(frame) for frame in magnified[::5]])
    expected = (slow + fast - fast[0] + 10 * 0.02 * np.cos(2 * np.pi * 5 * time))[::5]
    np.testing.assert_allclose(measured, expected, atol=0.1 * 10 * 0.02)
    everything = magnify(clip, alpha=10.0, fps=100, band_hz=(0.0, 50.0))
    np.testing.assert_allclose(everything, magnify(clip, alpha=10.0), atol=1e-2)


def test_clips_of_different_lengths_share_compiled_code():
    first_frame_bands.clear_cache()
    magnify_block.clear_cache()
    for length, alpha in ((3, 15.0), (11, 15.0), (24, 8.0)):
        magnify(draw_moving(np.zeros(length), height=24, width=24), alpha=alpha)
    assert (magnify_block._cache_size(), first_frame_bands._cache_size()) == (1, 1)
    for length in (5, 11, 16):
        magnify(draw_moving(np.zeros(length), height=24, width=24), fps=100, band_hz=(0.0, 50.0))
    assert magnify_block._cache_size() == 2


@pytest.mark.parametrize("band", [False, True])
def test_memory_of_the_longest_clip_is_bounded(band):
    assert peak_memory(band) < 3.0


GOOD = np.zeros((3, 16, 16), np.uint8)


@pytest.mark.parametrize(
    ("frames", "options", "message"),
    [
        (GOOD, {"alpha": -1}, "alpha must be a finite number of at least 0, got -1"),
        (GOOD, {"alpha": np.nan}, "alpha must be a finite number of at least 0, got nan"),
        (GOOD, {"smoothing_px": -1}, "smoothing_px must be a finite number of at least 0, got -1"),
        (GOOD, {"band_hz": (1, 2)}, r"band_hz=\(1, 2\) needs fps"),
        (GOOD, {"band_hz": (1, 60), "fps": 100}, r"0 <= low < high <= fps / 2 = 50, got \(1, 60\)"),
        (GOOD, {"band_hz": (-1, 6), "fps": 100}, r"0 <= low < high <= fps / 2 = 50, got \(-1, 6\)"),
        (GOOD, {"band_hz": (6, 6), "fps": 100}, r"0 <= low < high <= fps / 2 = 50, got \(6, 6\)"),
        (GOOD, {"band_hz": (1, 2), "fps": 0}, "fps must be a positive number, got 0"),
        (GOOD[0], {}, r"shape \(frames, height, width\) and at least 8 x 8 pixels, got shape \(16, 16\)"),
        (GOOD[..., None], {}, r"got shape \(3, 16, 16, 1\)"),
        (GOOD[:, :7], {}, r"got shape \(3, 7, 16\)"),
        (GOOD[:0], {}, "frames is an empty clip"),
        (GOOD.astype(int), {}, "frames must be uint8 or floating point, got int64"),
        (
            np.where(np.arange(3)[:, None, None] == 1, np.nan, GOOD),
            {},
            r"frame 1 \(0-based\) has a value that is not fin",
        ),
    ],
)
def test_bad_input_is_refused(frames, options, message):
    with pytest.raises(ValueError, match=message):
        magnify(frames, **options)
