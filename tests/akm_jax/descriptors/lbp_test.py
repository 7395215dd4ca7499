"""LBP-TOP and LBP-SIP: numbers worked out by hand, a loop, invariants, bad input."""

import dataclasses
import math

import numpy as np
import pytest

from akm_jax.descriptors.blocks import PLANES
from akm_jax.descriptors.lbp_sip import LBPSipConfig
from akm_jax.descriptors.lbp_top import LBPTopConfig
from akm_jax.descriptors.local_binary_patterns import sign_codes, uniform_table

ONE_BLOCK = LBPTopConfig(1, 1, 1, radii=(1, 1, 1), patterns="all")
RAMPS = {
    "constant": ((0, 0, 0), (255, 255, 255)),
    "grows with x": ((0, 0, 1), (199, 199, 255)),
    "grows with y": ((0, 1, 0), (241, 255, 241)),
    "grows with t": ((1, 0, 0), (255, 31, 199)),
    "falls with x": ((0, 0, -1), (124, 124, 255)),
    "x + t": ((1, 0, 1), (199, 143, 199)),
    "x - t": ((-1, 0, 1), (199, 227, 124)),
}
BINS = {255: 58, 199: 40, 241: 49, 31: 16, 124: 27, 143: 34, 227: 45}


def ramp(t_y_x, slopes):
    return (100 + sum(a * axis for a, axis in zip(slopes, t_y_x, strict=True))).astype(np.uint8)


@pytest.mark.parametrize("name", RAMPS)
def test_ramps_have_one_code_a_plane(t_y_x, name):
    slopes, expected = RAMPS[name]
    for plane, code in zip(PLANES, expected, strict=True):
        assert set(sign_codes(ramp(t_y_x, slopes), plane).ravel()) == {code}
        assert uniform_table(8)[code] == BINS[code]


def test_uniform_codes_are_numbered_as_in_the_released_program():
    table = uniform_table(8)
    known = {0: 1, 1: 2, 2: 3, 3: 4, 4: 5, 5: 0, 6: 6, 7: 7, 8: 8, 12: 9, 14: 10, 15: 11, 16: 12, 255: 58}
    assert {code: table[code] for code in known} == known
    assert [uniform_table(p).max() + 1 for p in (4, 8, 12)] == [p * (p - 1) + 3 for p in (4, 8, 12)]


@pytest.mark.parametrize(
    ("radii", "sums", "centres"),
    [((1, 1, 1), (30167, 27675, 16511), 210), ((1, 1, 2), (18047, 13635, 9239), 126), ((3, 3, 3), (236, 1190, 244), 6)],
)
def test_sums_of_codes_of_the_known_volume(golden_volume, radii, sums, centres):
    codes = [sign_codes(golden_volume, plane, radii=radii) for plane in PLANES]
    assert tuple(int(one.sum()) for one in codes) == sums
    assert {one.size for one in codes} == {centres}


def test_codes_of_the_known_volume(golden_volume):
    first = [sign_codes(golden_volume, plane)[0, 0].tolist() for plane in PLANES]
    assert first == [[255, 237, 233, 97, 33, 1, 0], [255, 239, 237, 105, 33, 1, 0], [127, 127, 91, 90, 10, 8, 0]]
    uniform = dataclasses.replace(ONE_BLOCK, patterns="uniform").histograms(golden_volume)[0, 0, 0, 1] * 210
    assert {int(k): round(n) for k, n in enumerate(uniform) if n} == {0: 109, 1: 31, 2: 20, 47: 20, 58: 30}
    four = dataclasses.replace(ONE_BLOCK, points=4).counts(golden_volume)[0, 0, 0]
    assert four.tolist() == [
        [31, 39, 0, 0, 0, 0, 0, 0, 0, 70, 0, 40, 0, 0, 0, 30],
        [31, 51, 0, 0, 0, 0, 0, 0, 0, 47, 0, 51, 0, 0, 0, 30],
        [70, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 47, 11, 0, 70],
    ]


def looped(frames, plane, points, radii):
    """The definition, a voxel at a time."""
    (rx, ry, rt), border = radii, max(radii[:2])
    depth, height, width = frames.shape
    codes = np.zeros((depth - 2 * rt, height - 2 * border, width - 2 * border), int)
    for t, y, x in np.ndindex(codes.shape):
        t0, y0, x0 = t + rt, y + border, x + border
        for p in range(points):
            a = 2 * math.pi * p / points
            there = {
                "XY": (t0, y0 - ry * math.sin(a), x0 + rx * math.cos(a)),
                "XT": (t0 + rt * math.sin(a), y0, x0 + rx * math.cos(a)),
                "YT": (t0 + rt * math.cos(a), y0 - ry * math.sin(a), x0),
            }[plane]
            near = tuple(math.floor(v + 0.5) for v in there)
            codes[t, y, x] += (int(frames[near]) >= int(frames[t0, y0, x0])) << p
    return codes


@pytest.mark.parametrize("radii", [(1, 1, 2), (3, 3, 3), (1, 1, 4), (2, 1, 3)])
@pytest.mark.parametrize("plane", PLANES)
def test_the_loop_gives_the_same(noise, plane, radii):
    volume = noise[:9, :12, :11]
    np.testing.assert_array_equal(sign_codes(volume, plane, radii=radii), looped(volume, plane, 8, radii))
    np.testing.assert_array_equal(sign_codes(volume, plane, radii=radii, points=16), looped(volume, plane, 16, radii))


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("radii", [(1, 1, 1), (1, 1, 4), (2, 3, 1)])
def test_codes_of_four_neighbours_are_every_other_bit_of_those_of_eight(noise, plane, radii):
    eight, four = (sign_codes(noise, plane, points=points, radii=radii) for points in (8, 4))
    np.testing.assert_array_equal(four, sum((eight >> 2 * p & 1) << p for p in range(4)))


def moved(codes, place):
    """Codes whose bit p is at `place(p)`."""
    return sum((codes.astype(int) >> p & 1) << place(p) % 8 for p in range(8))


def test_any_rising_map_of_grey_leaves_codes_alone(noise):
    rising = np.sort(np.random.default_rng(1).choice(60000, 256, replace=False)).astype(np.uint16)
    for plane in PLANES:
        np.testing.assert_array_equal(sign_codes(noise, plane), sign_codes(rising[noise], plane))


def test_reversed_time_and_exchanged_axes_permute_bits(noise):
    back, turned = noise[::-1], noise.transpose(0, 2, 1)
    for plane, place in (("XY", lambda p: p), ("XT", lambda p: -p), ("YT", lambda p: 4 - p)):
        np.testing.assert_array_equal(sign_codes(back, plane)[::-1], moved(sign_codes(noise, plane), place))
    swapped = sign_codes(turned, "XY").transpose(0, 2, 1)
    np.testing.assert_array_equal(swapped, moved(sign_codes(noise, "XY"), lambda p: 6 - p))
    old, new = sign_codes(noise, "YT"), sign_codes(turned, "XT").transpose(0, 2, 1)
    np.testing.assert_array_equal(new, moved(old, lambda p: p + 2))


def test_blocks_split_one_map_and_drop_what_is_left_over(noise):
    config = LBPTopConfig(3, 2, 2, radii=(1, 1, 1), patterns="all")
    codes = sign_codes(noise, "XT")  # 9 x 18 x 16 centres
    expected = np.bincount(codes[4:8, 6:12, 8:16].ravel(), minlength=256)
    np.testing.assert_array_equal(config.counts(noise)[1, 1, 1, 1], expected)
    assert config(noise).shape == (2 * 3 * 2 * 3 * 256,) == (len(config.feature_names()),)
    np.testing.assert_allclose(config.histograms(noise).sum(-1), 1, rtol=1e-12)
    assert [len(LBPTopConfig(n, n).feature_names()) for n in (5, 8)] == [4425, 11328]
    assert len(LBPTopConfig(8, 8, 2, patterns="all").feature_names()) == 98304


def test_sip_of_the_known_volume(golden_volume):
    spatial, temporal = LBPSipConfig(1, 1, radius_t=1).histograms(golden_volume)
    assert (spatial.ravel() * 210).round().tolist() == [31, 39, 0, 0, 0, 0, 0, 0, 0, 70, 0, 40, 0, 0, 0, 30]
    assert (temporal.ravel() * 210).round().tolist() == [82, 0, 47, 81]


def test_sip_follows_from_four_neighbours_of_lbp_top(noise):
    spatial, temporal = LBPSipConfig(2, 3, 2, radius_t=2).histograms(noise)
    top = LBPTopConfig(2, 3, 2, 4, (1, 1, 2), "all").histograms(noise)
    codes = np.arange(16)
    np.testing.assert_array_equal(spatial, top[..., 0, :])
    of_xt, of_yt = (codes >> 1 & 1) | (codes >> 3 & 1) << 1, (codes & 1) | (codes >> 2 & 1) << 1
    np.testing.assert_allclose(temporal, top[..., 1, :] @ np.eye(4)[of_xt], rtol=1e-12)
    np.testing.assert_allclose(temporal, top[..., 2, :] @ np.eye(4)[of_yt], rtol=1e-12)


@pytest.mark.parametrize(
    ("slopes", "spatial", "temporal"), [((0, 0, 1), 11, 3), ((0, 1, 0), 13, 3), ((1, 0, 0), 15, 1), ((0, 0, 0), 15, 3)]
)
def test_sip_of_ramps(t_y_x, slopes, spatial, temporal):
    found = LBPSipConfig(1, 1, radius_t=1).histograms(ramp(t_y_x, slopes))
    assert [one.ravel().argmax() for one in found] == [spatial, temporal]
    assert [one.max() for one in found] == [1, 1]


def test_sip_of_reversed_time_exchanges_two_bits(noise):
    (_, forward), (_, back) = (LBPSipConfig(1, 1, radius_t=2).histograms(v) for v in (noise, noise[::-1]))
    np.testing.assert_array_equal(back[..., [0, 2, 1, 3]], forward)


def test_sip_with_pyramid_and_filter(noise):
    plain, levels = LBPSipConfig(2, 2, radius_t=1), LBPSipConfig(2, 2, radius_t=1, levels=2)
    assert levels(noise).shape == (2 * 80,) == (len(levels.feature_names()),)
    np.testing.assert_array_equal(levels(noise)[:80], plain(noise))
    filtered = LBPSipConfig(2, 2, radius_t=1, wiener=True)(noise)
    assert np.isfinite(filtered).all()
    assert np.any(filtered != plain(noise))
    flat = LBPSipConfig(1, 1, radius_t=1, wiener=True)(np.zeros((3, 8, 8), np.uint8))
    assert flat[[15, 19]].tolist() == [1, 1]


@pytest.mark.parametrize("config", [LBPTopConfig(2, 2), LBPSipConfig(2, 2)])
def test_bad_clips_are_refused(config):
    with pytest.raises(ValueError, match="a clip of 8 frames is too short .* at least 9; .*tim_frames"):
        config(np.zeros((8, 20, 20), np.uint8))
    with pytest.raises(ValueError, match="frames of 2 x 20 are too small; expected at least 3 x 3"):
        config(np.zeros((9, 2, 20), np.uint8))
    with pytest.raises(ValueError, match="1 x 1 x 18 voxels .* cannot be split into 1 parts, 2 rows and 2 columns"):
        config(np.zeros((9, 3, 20), np.uint8))
    with pytest.raises(
        ValueError, match=r"expected the grey frames of one clip, \(T, H, W\), got uint8 \(9, 20, 20, 3\)"
    ):
        config(np.zeros((9, 20, 20, 3), np.uint8))


def test_bad_settings_are_refused(noise):
    with pytest.raises(ValueError, match=r"expected 2 to 16 neighbours .* points=20"):
        LBPTopConfig(points=20)(noise)
    with pytest.raises(ValueError, match=r"radii of at least 1, got .*\(1, 1, 0\)"):
        LBPTopConfig(radii=(1, 1, 0))(noise)
    with pytest.raises(ValueError, match="at least 1 row"):
        LBPTopConfig(rows=0)(noise)
    with pytest.raises(ValueError, match="levels=0"):
        LBPSipConfig(levels=0)
