"""FHOFO: recordings of the released functions, invariants, bad input."""

import dataclasses

import numpy as np
import pytest

from akm_jax.descriptors.fhofo import FHOFOConfig, fine_bins

ONE_BLOCK = FHOFOConfig(rows=1, cols=1)


def field(u, v):
    return np.stack([u, v], -1)[None]


def turn(flow, angle):
    turned = (flow[..., 0] + 1j * flow[..., 1]) * np.exp(1j * angle)
    return np.stack([turned.real, turned.imag], -1)


@pytest.fixture(scope="module")
def flow():
    return np.random.default_rng(0).standard_normal((3, 20, 25, 2))


def fields_of(of):
    h, w = of.meta["shape"]
    y, x = np.mgrid[0:h, 0:w] / 10
    c = of.rng("fhofo/smooth").uniform(-1, 1, 8)
    sparse = of.rng("fhofo/zeros")
    moving = sparse.standard_normal((2, h, w))
    moving[:, sparse.uniform(size=(h, w)) < 0.4] = 0
    return {
        "random": of.rng("fhofo/random").standard_normal((2, h, w)),
        "smooth": (c[0] + c[1] * x + c[2] * y + c[3] * x * y / 3, c[4] + c[5] * x + c[6] * y + c[7] * x**2 / 4),
        "zeros": moving,
    }


def test_golden_histograms_and_mappings_are_those_of_the_released_functions(recorded):
    """To rounding of double precision; counts exactly."""
    of = recorded("fhofo")
    fields = fields_of(of)
    for key in of.keys:
        n1, n2, sigma = map(int, (key.split("/")[-2] if key.startswith("fh/") else key.split("/")[-1]).split("_"))
        config = dataclasses.replace(ONE_BLOCK, fine=n1, coarse=n2, sigma=sigma, centres="released")
        if key.startswith("fhmap/"):
            np.testing.assert_allclose(config.mapping(), of[key], rtol=1e-12, atol=1e-15, err_msg=key)
            continue
        _, kind, name, _, result = key.split("/")
        config = dataclasses.replace(config, weights="votes" if kind == "fhofo" else "magnitude")
        flow = field(*fields[name])
        found = config.histograms(flow) if result == "coarse" else config.fine_histograms(flow)
        expected = of[key] * found.sum() if (kind, result) == ("fhoof", "fine") else of[key]  # recorded as shares
        np.testing.assert_allclose(found.ravel(), expected, rtol=1e-12, atol=1e-15, err_msg=key)


def test_one_fine_bin():
    angle = -np.pi + 18.5 * 2 * np.pi / 36  # the middle of bin 19, counted from 1
    config = FHOFOConfig(1, 1, 36, 10, 2.0, "released")
    found = config.histograms(field(np.full((4, 4), np.cos(angle)), np.full((4, 4), np.sin(angle))))
    assert found.ravel().round(4).tolist() == [0, 0, 0, 0.0285, 0.5715, 0.3928, 0.0072, 0, 0, 0]


def test_length_of_flow_counts_nothing(flow):
    for factor in (0.25, 8):
        np.testing.assert_array_equal(FHOFOConfig()(flow * factor), FHOFOConfig()(flow))
    np.testing.assert_allclose(FHOFOConfig()(flow * 3.7), FHOFOConfig()(flow), rtol=1e-5)


@pytest.mark.parametrize(("fine", "coarse"), [(36, 9), (40, 8)])
def test_turning_all_by_a_coarse_bin_shifts_histograms(flow, fine, coarse):
    config = FHOFOConfig(fine=fine, coarse=coarse)
    shifted = config.histograms(turn(flow, 2 * np.pi / coarse))
    np.testing.assert_allclose(shifted, np.roll(config.histograms(flow), 1, -1), atol=1e-12)


def test_limits_of_the_width(flow):
    sharp = FHOFOConfig(1, 1, fine=12, coarse=12, sigma=1e-3)
    counts = sharp.fine_histograms(flow)
    np.testing.assert_allclose(sharp.histograms(flow), counts / counts.sum(-1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(FHOFOConfig(sigma=1e6).histograms(flow), 1 / 8, rtol=1e-9)


def test_still_pixels_have_no_orientation(flow):
    assert not FHOFOConfig()(np.zeros((2, 10, 10, 2))).any()
    still = flow.copy()
    still[:, :10] = 0
    np.testing.assert_array_equal(ONE_BLOCK(still), ONE_BLOCK(flow[:, 10:]))
    slow = dataclasses.replace(ONE_BLOCK, min_magnitude=0.5)
    assert slow.fine_histograms(flow).sum() == np.sum(np.hypot(*flow.T) > 0.5)


def test_mirror(flow):
    mirrored = flow[:, :, ::-1] * (-1, 1)
    config = FHOFOConfig(2, 5)
    expected = config.fine_histograms(flow)[:, :, ::-1, (3 * 18 - 1 - np.arange(36)) % 36]
    np.testing.assert_array_equal(config.fine_histograms(mirrored), expected)


@pytest.mark.parametrize(("fine", "coarse"), [(36, 8), (40, 8), (36, 10)])
@pytest.mark.parametrize("pooling", ["concat", "added"])
def test_mirror_of_coarse_bins(flow, fine, coarse, pooling):
    """Coarse bins begin at the middle of a fine one, half a bin off the axis: the mirror turns by a bin besides."""
    config = FHOFOConfig(2, 5, fine, coarse, pooling=pooling)
    turned = config.histograms(turn(flow, 2 * np.pi / fine))
    expected = turned[:, :, ::-1, (coarse // 2 - np.arange(coarse)) % coarse]
    np.testing.assert_allclose(config.histograms(flow[:, :, ::-1] * (-1, 1)), expected, rtol=1e-12)


def test_layout_and_pooling(flow):
    config = FHOFOConfig()
    assert config(flow).shape == (3 * 25 * 8,) == (len(config.feature_names(3)),)
    alone = ONE_BLOCK.histograms(flow[1:2, 8:12, 15:20])
    np.testing.assert_allclose(config.histograms(flow)[1, 2, 3], alone[0, 0, 0], rtol=1e-12)
    added = dataclasses.replace(config, pooling="added")
    assert added(flow).shape == (25 * 8,) == (len(added.feature_names(3)),)
    np.testing.assert_allclose(added.histograms(flow).sum(-1), 1, rtol=1e-12)


def test_edges_belong_to_the_bin_below():
    assert fine_bins(np.array([-1.0, -1.0, 1.0, 0.0]), np.array([0.0, -0.0, 0.0, 1.0]), 4).tolist() == [3, 0, 1, 2]


def test_bad_flow_and_settings_are_refused(flow):
    with pytest.raises(ValueError, match=r"\(N, H, W, 2\) with N >= 1, got \(20, 25, 2\)"):
        ONE_BLOCK(flow[0])
    with pytest.raises(ValueError, match="not finite"):
        ONE_BLOCK(flow * np.nan)
    with pytest.raises(ValueError, match="cannot be split"):
        FHOFOConfig()(flow[:, :4])
    with pytest.raises(ValueError, match="sigma above 0"):
        FHOFOConfig(sigma=0)
