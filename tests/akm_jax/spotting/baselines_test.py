import numpy as np
import pytest

from akm_jax.spotting.baselines import motion_scores, random_intervals
from akm_jax.spotting.intervals import Spotted, find_intervals


def test_motion_is_the_mean_length_of_the_flow():
    features = np.random.default_rng(0).normal(size=(5, 42, 42, 3)).astype(np.float32)
    expected = [np.mean(np.sqrt(one[..., 0] ** 2.0 + one[..., 1] ** 2.0)) for one in features]
    np.testing.assert_allclose(motion_scores(features), expected, rtol=1e-6)
    features[..., 2] = 0  # strain has no say
    np.testing.assert_allclose(motion_scores(features), expected, rtol=1e-6)


def test_motion_finds_what_moves():
    features = np.zeros((90, 42, 42, 3), np.float32)
    features[40:52, ..., 0] = np.hanning(14)[1:-1, None, None]
    assert find_intervals(motion_scores(features), 6).spans.tolist() == [[40, 52]]


@pytest.fixture
def spotted():
    return find_intervals(np.random.default_rng(1).uniform(0, 1, 300), 6)


def test_as_many_intervals_inside_the_video(spotted):
    assert len(spotted.spans) > 3
    for seed in range(50):
        chance = random_intervals(np.random.default_rng(seed), spotted, 6)
        assert chance.spans.shape == spotted.spans.shape
        assert chance.scores.shape == spotted.scores.shape
        assert chance.spans.min() >= 0
        assert chance.spans.max() < 300 + 6
        np.testing.assert_array_equal(chance.spans[:, 1] - chance.spans[:, 0], 12)
        assert (np.diff(chance.spans[:, 0]) >= 6).all()


def test_the_same_seed_gives_the_same(spotted):
    one, same, other = (random_intervals(np.random.default_rng(seed), spotted, 6).spans for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_every_place_is_as_likely():
    spotted = Spotted(np.array([(3, 15)]), np.ones(1), np.zeros(10), 0.5)
    rng = np.random.default_rng(0)
    starts = [random_intervals(rng, spotted, 6).spans[0, 0] for _ in range(2000)]
    counts = np.bincount(starts, minlength=10)
    # Binomial with 2000 draws of 1 in 10: five standard deviations are 67.
    assert np.abs(counts - 200).max() < 67


def test_none_stay_none_and_too_many_are_named():
    nothing = find_intervals(np.arange(60.0), 6)
    assert random_intervals(np.random.default_rng(0), nothing, 6).spans.shape == (0, 2)
    crowded = Spotted(np.zeros((4, 2), np.int64), np.ones(4), np.zeros(10), 0.5)
    with pytest.raises(ValueError, match="4 intervals that begin 6 frames apart do not fit 10 frames"):
        random_intervals(np.random.default_rng(0), crowded, 6)
