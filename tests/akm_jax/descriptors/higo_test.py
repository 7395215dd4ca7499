"""HIGO: recorded loops, ramps, invariants, bad input."""

import re

import numpy as np
import pytest

from akm_jax.descriptors.blocks import normalise
from akm_jax.descriptors.higo import HIGOConfig

ONE_BLOCK = HIGOConfig(1, 1, 1)


def whole(config, frames):
    return np.stack(config.votes(frames), 3)


def test_golden_votes_are_those_of_a_loop(recorded):
    """Votes exactly; sums of magnitudes to 1e-12 of rounding, since they are added in another order."""
    of = recorded("handchecks")
    shape = of.meta["shape"]
    made = {
        "byte": of.rng("higo/byte").integers(0, 256, shape).astype(np.uint8),
        "ties": (of.rng("higo/ties").integers(0, 4, shape) * 10).astype(np.uint8),
    }
    for key in (key for key in of.keys if key.startswith("higo/") and key.count("/") == 3):
        _, volume, case, weights = key.split("/")
        turned = {"time_reversed": made[volume][::-1], "mirrored": made[volume][:, :, ::-1]}
        rows, cols, parts = (1, 1, 1) if case in turned else map(int, case.split("x"))
        config = HIGOConfig(rows, cols, parts, weights=weights)
        votes = whole(config, turned.get(case, made[volume]))
        np.testing.assert_allclose(votes, of[key], rtol=0 if weights == "votes" else 1e-12, err_msg=key)


def test_golden_ramps(recorded):
    of = recorded("handchecks")
    t, y, x = np.mgrid[tuple(slice(n) for n in of.meta["shape"])]
    for key, text in of.meta["info"].items():
        if not key.startswith("higo/ramp"):
            continue
        a, b, c, rows, cols, parts = map(int, re.findall(r"-?\d+", text))
        frames = (120 + a * x + b * y + c * t).astype(np.uint8)
        np.testing.assert_array_equal(whole(HIGOConfig(rows, cols, parts), frames), of[key], err_msg=key)


def test_a_ramp_has_one_angle_a_plane(t_y_x):
    t, y, x = t_y_x
    a, b, c = 2, 1, 3
    votes = whole(HIGOConfig(2, 2, 1), (a * x + b * y + c * t).astype(np.uint8))
    angles = [np.arctan2(b, a), np.arctan2(c, a), np.arctan2(c, b)]
    for plane, angle in enumerate(angles):
        histograms = normalise(votes[..., plane, :])
        assert np.all(histograms[..., int(angle // (np.pi / 4))] == 1)


def test_scale_offset_and_sign_of_grey(noise):
    dark = noise // 4
    np.testing.assert_array_equal(ONE_BLOCK(dark), ONE_BLOCK(3 * dark + 7))
    negative = whole(ONE_BLOCK, 255 - noise)
    np.testing.assert_array_equal(negative, np.roll(whole(ONE_BLOCK, noise), 4, -1))


def test_mirror_and_reversed_time_but_for_samples_on_edges(noise):
    config = HIGOConfig(1, 1, 1, bins=(7, 7, 7), signed=True)  # edges of an odd number are hit by no whole direction
    eight = HIGOConfig(1, 1, 1, soft=True)  # soft votes have no edges
    votes, back, mirrored = (whole(eight, clip) for clip in (noise, noise[::-1], noise[:, :, ::-1]))
    bins = np.arange(8)
    np.testing.assert_allclose(mirrored[0, 0, 0, :2][:, (3 - bins) % 8], votes[0, 0, 0, :2], atol=1e-4)
    np.testing.assert_allclose(back[0, 0, 0, 1:][:, 7 - bins], votes[0, 0, 0, 1:], atol=1e-4)
    assert whole(config, noise).sum() == whole(ONE_BLOCK, noise).sum()


def test_magnitudes_and_unsigned_angles_are_those_of_five_lines(noise):
    grey = noise.astype(float)
    dx, dy = (grey[1:-1, 1:-1, 2:] - grey[1:-1, 1:-1, :-2]) / 2, (grey[1:-1, 2:, 1:-1] - grey[1:-1, :-2, 1:-1]) / 2
    angles = np.mod(np.arctan2(dy, dx), np.pi)
    bins = np.floor(angles / (np.pi / 9) + 1e-9).astype(int) % 9
    expected = np.bincount(bins.ravel(), np.hypot(dx, dy).ravel(), 9)
    config = HIGOConfig(1, 1, 1, bins=(9, 8, 8), weights="magnitude", signed=False, planes="XY")
    np.testing.assert_allclose(config.votes(noise)[0][0, 0, 0], expected, rtol=1e-12)


def test_dimension_sums_and_flat_blocks(noise):
    config = HIGOConfig()
    assert len(config.feature_names()) == 3072
    half = noise.copy()
    half[:, :, :9] = 80
    features = HIGOConfig(2, 2, 2)(half).reshape(2, 2, 2, 3, 8).sum(-1)
    assert np.all(np.isclose(features, 1, rtol=1e-6) | (features == 0))
    assert HIGOConfig(2, 2, 2)(np.full((5, 9, 9), 3, np.uint8)).max() == 0
    variants = {"TOP": 24, "XY": 8, "XOT": 8, "YOT": 8, "XYOT": 16}
    assert {planes: len(HIGOConfig(1, 1, 1, planes=planes)(noise)) for planes in variants} == variants


def test_bad_clips_and_settings_are_refused(noise):
    with pytest.raises(ValueError, match="a clip of 2 frames is too short"):
        ONE_BLOCK(noise[:2])
    with pytest.raises(ValueError, match="cannot be split into 2 parts"):
        HIGOConfig()(noise[:3])
    with pytest.raises(ValueError, match="type uint8, got float64"):
        ONE_BLOCK(noise.astype(float))
    with pytest.raises(ValueError, match="bins="):
        HIGOConfig(bins=(0, 8, 8))
