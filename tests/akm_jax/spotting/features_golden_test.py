"""Feature pictures against the released program, from the flow it recorded."""

import numpy as np
import pytest

from akm_jax.spotting import features
from akm_jax.spotting.augment import blur
from akm_jax.spotting.features import feature_picture, scale_features

# Everything after the flow is float64; its own difference to the recording is 1e-14.
EXACT = 1e-9
# The released program goes through polar coordinates by an approximate arctangent: up to 2.7e-4 of a feature.
RELEASED = 3e-4


@pytest.fixture(scope="module")
def recording(recorded):
    return recorded("softnet_features")


@pytest.fixture(scope="module")
def pairs(recording):
    return [recording.meta["prefix"] + pair["kind"] for pair in recording.meta["pairs"]]


def close(actual, expected, tolerance):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance)


def test_features(recording, pairs):
    for pair in pairs:
        made = feature_picture(recording[f"{pair}/flow"], recording[f"{pair}/landmarks"])
        close(made, recording[f"{pair}/feature_exact_polar"], EXACT)
        close(made, recording[f"{pair}/feature"], RELEASED)


def test_scaled_features(recording, pairs):
    recorded_pairs = [pair for pair in pairs if f"{pair}/feature_minmax" in recording]
    assert recorded_pairs
    for pair in recorded_pairs:
        made = scale_features(feature_picture(recording[f"{pair}/flow"], recording[f"{pair}/landmarks"]))
        close(made, recording[f"{pair}/feature_exact_polar_minmax"], EXACT)
        close(made, recording[f"{pair}/feature_minmax"], RELEASED)


def test_parts_of_the_face(recording, pairs):
    for pair in pairs:
        points = recording[f"{pair}/landmarks"].astype(np.int64)
        np.testing.assert_array_equal(np.stack(features.eye_polygons(points)), recording[f"{pair}/eye_polygons"])
        np.testing.assert_array_equal(np.packbits(features.eye_mask(points)), recording[f"{pair}/eye_mask_packed"])
        np.testing.assert_array_equal(features.boxes(points), recording[f"{pair}/boxes_y0y1x0x1_upper_lower"])


def test_blur(recording, pairs):
    recorded_pairs = [pair for pair in pairs if f"{pair}/blur_of_feature" in recording]
    assert recorded_pairs
    for pair in recorded_pairs:
        close(blur(recording[f"{pair}/feature"][None])[0], recording[f"{pair}/blur_of_feature"], EXACT)
