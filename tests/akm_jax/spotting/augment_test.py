"""Flipped, blurred and noisy copies of frames."""

import numpy as np
import pytest

from akm_jax.spotting.augment import add_noise, blur, flip
from akm_jax.spotting.features import scale_features


@pytest.fixture
def some_features():
    return np.random.default_rng(1).normal(size=(4, 42, 42, 3)).astype(np.float32)


def test_flipping_twice_is_nothing(some_features):
    np.testing.assert_array_equal(flip(some_features), some_features[:, :, ::-1])
    np.testing.assert_array_equal(flip(flip(some_features)), some_features)


def test_flipping_and_blurring_do_not_depend_on_scaling(some_features):
    exact = some_features.astype(np.float64)
    for change in (flip, blur):
        np.testing.assert_allclose(
            scale_features(change(exact)), scale_features(change(scale_features(exact))), atol=1e-12
        )


def test_the_noise_of_a_frame_follows_from_seed_and_number(some_features):
    both = add_noise(some_features, np.array([3, 9, 4, 1]), 1)
    np.testing.assert_array_equal(add_noise(some_features[2:3], np.array([4]), 1)[0], both[2])
    assert not np.array_equal(add_noise(some_features[2:3], np.array([4]), 2)[0], both[2])


@pytest.mark.parametrize(("value", "low"), [(0.0, 0), (-1.0, -1)])
def test_noise_is_clipped_at_the_border_of_its_range(value, low):
    """As scikit-image's `random_noise` does."""
    noisy = add_noise(np.full((1, 42, 42, 3), value, np.float32), np.array([0]), 4)
    assert noisy.dtype == np.float32
    assert noisy.min() == low
    assert 0.45 < (noisy == low).mean() < 0.55  # half of it is cut off
    assert noisy.std() == pytest.approx(0.1 * (0.5 - 0.5 / np.pi) ** 0.5, rel=0.05)
