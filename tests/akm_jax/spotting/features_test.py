import numpy as np
import pytest

from akm_jax.spotting.features import feature_picture, scale_features


@pytest.fixture
def flow():
    return np.random.default_rng(1).normal(0, 1, (128, 128, 2)).astype(np.float32)


@pytest.fixture
def some_features():
    return np.random.default_rng(2).uniform(-1, 1, (4, 42, 42, 3)).astype(np.float32)


def test_a_moving_head_is_no_expression(flow, landmarks):
    moved = feature_picture(flow + np.float32([3, -2]), landmarks)
    # float32 holds the moved flow to 5e-7; strain is a root of its squares.
    np.testing.assert_allclose(moved, feature_picture(flow, landmarks), rtol=0, atol=1e-5)


def test_blinks_are_not_seen(flow, landmarks):
    blinking = flow.copy()
    blinking[47:54, 32:49] += 5
    np.testing.assert_array_equal(feature_picture(blinking, landmarks), feature_picture(flow, landmarks))


def test_brows_are_seen_above_the_mouth(landmarks):
    for rows, upper in ((slice(30, 36), True), (slice(90, 110), False)):
        flow = np.zeros((128, 128, 2))
        flow[rows] = 1
        moved = np.flatnonzero(feature_picture(flow, landmarks)[..., 0].max(1))
        assert ((moved < 21) == upper).all()
        assert moved.size


def test_landmarks_are_rounded_and_clamped(flow, landmarks):
    np.testing.assert_array_equal(feature_picture(flow, landmarks + 0.4), feature_picture(flow, landmarks))
    near = landmarks.copy()
    near[28] = (1, 126)  # the nose patch reaches beyond the crop
    assert np.isfinite(feature_picture(flow, near)).all()


def replaced(points, number, point):
    points[number] = point
    return points


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda flow, points: (flow[:64], points), r"optical flow of shape \(64, 128, 2\)"),
        (lambda flow, points: (flow * np.nan, points), "0% of it finite"),
        (lambda flow, points: (flow, points[:5]), r"landmarks of shape \(5, 2\)"),
        (lambda flow, points: (flow, points * np.inf), "of them finite"),
        (lambda flow, points: (flow, points + 200), "no picture of the nose"),
        (lambda flow, points: (flow, replaced(points, 26, (-40, 40))), "no picture of brows and eyes"),
        (lambda flow, points: (flow, replaced(points, 57, (64, 20))), "no picture of the mouth"),
    ],
)
def test_bad_input_is_named(flow, landmarks, spoil, said):
    with pytest.raises(ValueError, match=said):
        feature_picture(*spoil(flow, landmarks))


def test_each_channel_is_scaled_by_itself(some_features):
    some_features[1, ..., 2] = 0.5
    scaled = scale_features(some_features)
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled.min((1, 2)), np.zeros((4, 3)))
    expected = np.ones((4, 3))
    expected[1, 2] = 0  # a constant channel
    np.testing.assert_array_equal(scaled.max((1, 2)), expected)
    np.testing.assert_allclose(scale_features(5 * some_features + 1), scaled, atol=1e-5)
