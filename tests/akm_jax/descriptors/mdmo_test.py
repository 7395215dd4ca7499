"""MDMO: recordings of loops, fields whose result is known, the table of regions, bad input."""

import dataclasses

import numpy as np
import pytest

from akm_jax.descriptors.mdmo import (
    STEADY_POINTS,
    MDMOConfig,
    feature_names,
    main_direction,
    mean_over_frames,
    remove_head_motion,
    sectors,
)
from akm_jax.descriptors.regions import fixed_face, region_masks

SIZE = 128
FACE = fixed_face(SIZE)
NOT_ALIGNED = MDMOConfig(align=False)
PAIRS = (
    *((1, 6), (2, 5), (3, 4), (7, 14), (8, 13), (9, 12), (10, 11), (15, 20), (16, 19), (17, 18), (21, 22), (23, 24)),
    *((25, 28), (26, 27), (29, 30), (31, 32), (33, 36), (34, 35)),
)


def test_golden_main_directions_are_those_of_a_loop(recorded):
    """To rounding of double precision."""
    of = recorded("handchecks")
    r = of.rng("mdmo/vectors")
    frames, regions, _ = of["mdmo/main_direction"].shape
    counts = r.integers(5, 20, (frames, regions))
    vectors = r.standard_normal((frames, regions, 20, 2)) + 1.2 * r.standard_normal((1, regions, 1, 2))
    found = np.array([[main_direction(vectors[f, i, : counts[f, i]]) for i in range(regions)] for f in range(frames)])
    np.testing.assert_allclose(found, of["mdmo/main_direction"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(mean_over_frames(found), of["mdmo/feature"], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(sectors(found[..., 1]), of["mdmo/main_sector"])


def test_golden_cases_worked_out_by_hand(recorded):
    of = recorded("handchecks")
    for key, vectors in of.meta["info"].items():
        if key.startswith("mdmo/hand/"):
            found = main_direction(np.array(vectors, np.float64).reshape(-1, 2))
            np.testing.assert_allclose(found, of[key], rtol=0, atol=1e-12, err_msg=key)


def test_golden_head_motion(recorded):
    of = recorded("handchecks")
    y, x = np.mgrid[tuple(slice(n) for n in of["mdmo/affine/u"].shape)]
    c = of.rng("mdmo/affine").uniform(-1, 1, 10)
    u = c[0] + c[1] * x / 20 + c[2] * y / 20 + 0.5 * c[3] * np.sin(x / 5)
    v = c[4] + c[5] * x / 20 + c[6] * y / 20 + 0.5 * c[7] * np.cos(y / 4)
    corrected, back = remove_head_motion(np.stack([u, v], -1), of["mdmo/affine/points"])
    np.testing.assert_allclose(back, of["mdmo/affine/H"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(corrected, np.stack([of["mdmo/affine/u"], of["mdmo/affine/v"]], -1), rtol=0, atol=1e-11)


@pytest.mark.parametrize("matrix", [np.eye(2), [[1.02, -0.03], [0.01, 0.97]]])
def test_affine_head_motion_is_removed(matrix):
    y, x = np.mgrid[:SIZE, :SIZE].astype(float)
    position = np.stack([x, y], -1)
    flow = position @ np.transpose(matrix) + (1.5, -0.7) - position
    corrected, _ = remove_head_motion(flow, FACE[list(STEADY_POINTS)])
    assert np.abs(corrected).max() < 1e-11


@pytest.mark.parametrize("vector", [(1.0, 0.0), (-0.3, 0.2), (0.0, -2.0)])
def test_constant_flow(vector):
    flow = np.broadcast_to(vector, (2, SIZE, SIZE, 2))
    row = NOT_ALIGNED(flow, FACE)
    np.testing.assert_allclose(row[:36], 0.8, rtol=1e-6)
    np.testing.assert_allclose(row[36:], 0.2 * np.arctan2(vector[1], vector[0]) / np.pi, atol=1e-6)
    cartesian = dataclasses.replace(NOT_ALIGNED, encoding="cartesian")(flow, FACE)
    np.testing.assert_allclose(cartesian.reshape(36, 2), np.tile(vector / np.hypot(*vector), (36, 1)), atol=1e-6)


def test_sectors_are_centred_on_multiples_of_45_degrees():
    just = 1e-6
    edges = np.pi / 8 + np.arange(8) * np.pi / 4
    assert sectors(edges - just).tolist() == list(range(8))
    assert sectors(edges + just).tolist() == [*range(1, 8), 0]


def test_the_fuller_sector_alone_counts():
    many, few = np.tile((0.0, 2.0), (6, 1)), np.tile((-5.0, 0.0), (4, 1))
    np.testing.assert_allclose(main_direction(np.concatenate([many, few])), (2, np.pi / 2))
    around = np.deg2rad([350, 10])
    rho, theta = main_direction(np.stack([np.cos(around), np.sin(around)], 1))
    assert (rho, theta) == (pytest.approx(1), pytest.approx(0, abs=1e-12))
    assert main_direction(np.zeros((0, 2))) == (0, 0)


def test_mirrored_flow_exchanges_opposite_regions():
    """But for pixels whose centre is on an edge; the face is symmetric, edges are moved off the pixels."""
    landmarks = FACE + np.array([0, 0.013])
    flow = np.array([[[[1.0, 0.2]]], [[[-0.4, 1.0]]]]) + 0.05 * np.random.default_rng(1).standard_normal(
        (2, SIZE, SIZE, 2)
    )
    mirrored = flow[:, :, ::-1] * (-1, 1)
    other = np.zeros(36, int)
    for a, b in PAIRS:
        other[[a - 1, b - 1]] = b - 1, a - 1
    masks = region_masks(landmarks, (SIZE, SIZE))
    np.testing.assert_array_equal(masks[other], masks[:, :, ::-1])
    cartesian = dataclasses.replace(NOT_ALIGNED, encoding="cartesian")
    one, turned = (cartesian(each, landmarks).reshape(36, 2) for each in (flow, mirrored))
    np.testing.assert_allclose(turned, one[other] * (-1, 1), atol=1e-6)


def test_longer_flow_changes_nothing():
    flow = np.random.default_rng(0).standard_normal((3, SIZE, SIZE, 2))
    np.testing.assert_allclose(NOT_ALIGNED(flow * 4, FACE), NOT_ALIGNED(flow, FACE), atol=1e-6)
    assert not NOT_ALIGNED(flow * 0, FACE).any()
    assert NOT_ALIGNED(flow, FACE).shape == (72,) == (len(feature_names()),)


def test_regions_share_no_pixel_and_cover_the_face():
    masks = region_masks(FACE, (SIZE, SIZE))
    assert masks.any((1, 2)).all()
    assert masks.sum(0).max() == 1
    assert 0.3 < masks.any(0).mean() < 0.8


def test_bad_input_is_refused():
    flow = np.zeros((1, SIZE, SIZE, 2))
    with pytest.raises(ValueError, match=r"68 finite landmarks, \(68, 2\), got \(66, 2\).*landmarks=mean"):
        MDMOConfig()(flow, FACE[:66])
    with pytest.raises(ValueError, match="68 finite landmarks"):
        MDMOConfig()(flow, FACE * np.nan)
    with pytest.raises(ValueError, match="no landmark lies in the picture of 128 x 128"):
        MDMOConfig()(flow, FACE + 500)
    with pytest.raises(ValueError, match="flow from the first frame"):
        MDMOConfig()(flow[0], FACE)
    with pytest.raises(ValueError, match="not finite"):
        MDMOConfig()(flow + np.inf, FACE)
    with pytest.raises(ValueError, match="beta=2"):
        MDMOConfig(beta=2)
