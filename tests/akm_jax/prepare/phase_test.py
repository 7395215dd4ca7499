"""Phase arithmetic against NumPy and SciPy."""

import numpy as np
import pytest
import scipy.ndimage

from akm_jax.prepare.phase import angle, band_pass_matrix, cos_sin, smooth_phase


def test_angle_is_arctan2():
    y, x = np.random.default_rng(0).normal(size=(2, 10_000)).astype(np.float32)
    np.testing.assert_allclose(angle(y, x), np.arctan2(y, x), atol=1e-6)  # the polynomial's error and rounding


@pytest.mark.parametrize(
    ("y", "x", "expected"),
    [(0, 0, 0), (0, 1, 0), (0, -1, np.pi), (1, 0, np.pi / 2), (-1, 0, -np.pi / 2), (0, 1e-30, 0)],
)
def test_angle_on_the_axes(y, x, expected):
    np.testing.assert_allclose(angle(np.float32(y), np.float32(x)), expected, atol=1e-6)


def test_cos_sin_at_large_angles():
    angles = np.linspace(-100, 100, 10_001, dtype=np.float32)
    cos, sin = cos_sin(angles)
    # float32 rounds an angle of 100 by 4e-6.
    np.testing.assert_allclose(cos, np.cos(angles.astype(np.float64)), atol=1e-5)
    np.testing.assert_allclose(sin, np.sin(angles.astype(np.float64)), atol=1e-5)


def test_smoothing_is_a_weighted_mean():
    rng = np.random.default_rng(1)
    phase, amplitude = rng.normal(size=(20, 17)).astype(np.float32), rng.uniform(size=(20, 17)).astype(np.float32)

    def blur(picture):
        return scipy.ndimage.gaussian_filter(picture.astype(np.float64), 1.5, mode="constant", radius=5)

    expected = blur(phase * amplitude) / blur(amplitude)
    np.testing.assert_allclose(smooth_phase(phase, amplitude, 1.5), expected, atol=1e-5)
    np.testing.assert_array_equal(smooth_phase(phase, amplitude, 0), phase)
    assert not np.any(smooth_phase(phase, np.zeros_like(amplitude), 1.5))


def test_smoothing_keeps_a_constant_phase():
    amplitude = np.random.default_rng(2).uniform(size=(2, 12, 9)).astype(np.float32)
    np.testing.assert_allclose(smooth_phase(np.full_like(amplitude, 0.7), amplitude, 2.0), 0.7, rtol=1e-5)


def test_band_pass_keeps_the_band_and_nothing_else():
    time = (np.arange(60) + 0.5) / 200  # seconds at 200 fps, mid-frame
    slow, fast = np.cos(2 * np.pi * 10 * time), np.cos(2 * np.pi * 50 * time)
    matrix = band_pass_matrix(60, 200.0, (5.0, 30.0))
    np.testing.assert_allclose(matrix @ (3 + slow + fast), slow, atol=1e-5)
    np.testing.assert_allclose(matrix @ matrix, matrix, atol=1e-6)
    np.testing.assert_allclose(band_pass_matrix(60, 200.0, (0.0, 100.0)), np.eye(60), atol=1e-6)


def test_a_band_between_the_frequencies_is_refused():
    with pytest.raises(ValueError, match=r"band_hz=\(1.0, 2.0\) lies between the frequencies of 20 frames at 200 fps"):
        band_pass_matrix(20, 200.0, (1.0, 2.0))
