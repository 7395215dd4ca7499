"""TV-L1 and its median filter: invariants, and what bad settings are answered."""

import dataclasses

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akm_jax.ops.median import median_filter
from akm_jax.ops.tvl1 import TVL1Config, level_sizes, tvl1

SMALL = TVL1Config(scales=2, warps=2)


def drawn_pairs(count, height, width, seed=0):
    """Smooth textures, each moved by another part of a pixel; both arrays (pairs, height, width) uint8."""
    rng = np.random.default_rng(seed)
    pairs = []
    for i in range(count):
        texture = cv2.GaussianBlur(rng.uniform(0, 255, (height, width)), (0, 0), 2.0)
        texture = (texture - texture.min()) * 255 / np.ptp(texture)
        move = np.float64([[1, 0, 0.2 * (i + 1)], [0, 1, -0.1 * i]])
        moved = cv2.warpAffine(texture, move, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        pairs.append([np.clip(np.rint(a), 0, 255).astype(np.uint8) for a in (texture, moved)])
    return np.moveaxis(np.array(pairs), 1, 0)


def test_identical_frames_give_no_flow_at_all():
    first, _ = drawn_pairs(1, 48, 64)
    assert (np.asarray(tvl1(first, first, SMALL)) == 0).all()


def test_a_batch_equals_its_pairs_one_by_one():
    """Pairs that need different numbers of iterations, one of them none."""
    first, second = drawn_pairs(3, 48, 64)
    second[1] = first[1]
    together = np.asarray(tvl1(first, second, SMALL))
    for i in range(3):
        alone = np.asarray(tvl1(first[i : i + 1], second[i : i + 1], SMALL))[0]
        # Programs for another number of pairs may round otherwise, to which TV-L1 is sensitive: no pair may be off by
        # what a wrong number of iterations does (0.01 pixels on average), nor a whole one change.
        assert np.abs(together[i] - alone).mean() < 1e-3
    assert (together[1] == 0).all()


def test_the_company_of_a_pair_changes_nothing():
    first, second = drawn_pairs(3, 48, 64)
    found = np.asarray(tvl1(first, second, SMALL))
    order = [2, 0, 2]
    np.testing.assert_array_equal(np.asarray(tvl1(first[order], second[order], SMALL)), found[order])
    second[1] = first[1]
    np.testing.assert_array_equal(np.asarray(tvl1(first, second, SMALL))[[0, 2]], found[[0, 2]])


def test_frames_may_be_floating_point():
    first, second = drawn_pairs(1, 48, 64)
    as_float = tvl1(first.astype(np.float32), second.astype(np.float32), SMALL)
    np.testing.assert_array_equal(as_float, tvl1(first, second, SMALL))


@pytest.mark.parametrize("side", [1, 3, 5])
def test_median_is_opencv_s(side):
    x = np.random.default_rng(0).normal(size=(2, 3, 9, 12)).astype(np.float32)
    found = np.asarray(jax.jit(median_filter, static_argnums=1)(jnp.asarray(x), side))
    for i in np.ndindex(2, 3):
        np.testing.assert_array_equal(found[i], cv2.medianBlur(x[i], side))


def test_levels_are_opencv_s():
    assert level_sizes((128, 128), 5, 0.8) == [(128, 128), (102, 102), (82, 82), (66, 66), (53, 53)]
    assert level_sizes((20, 200), 5, 0.8) == [(20, 200), (16, 160)]
    assert level_sizes((300, 300), 2, 0.5) == [(300, 300), (150, 150)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("tau", 0.0), ("attachment", -1.0), ("theta", float("nan")), ("scales", 0), ("warps", 0), ("inner", 0)],
        *[("outer", 0), ("scale_step", 1.0), ("epsilon", -0.1), ("median", 4)],
    ],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"TV-L1: {name} must .*got {value}"):
        dataclasses.replace(TVL1Config(), **{name: value}).validate()


def test_arrays_that_are_not_pairs_are_refused():
    first, second = drawn_pairs(2, 48, 64)
    with pytest.raises(ValueError, match=r"got \(2, 48, 64\) and \(1, 48, 64\)"):
        tvl1(first, second[:1])
    with pytest.raises(ValueError, match="two arrays of the same shape"):
        tvl1(first[0], second[0])
