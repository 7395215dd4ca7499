"""LBP-TOP, scikit-image's patterns and CLBP codes, held to recordings of their programs."""

import numpy as np
import pytest

from akm_jax.descriptors.lbp_top import LBPTopConfig
from akm_jax.descriptors.local_binary_patterns import sign_codes
from akm_jax.descriptors.stclqp import component_codes


def relabelled(counts, points, place):
    """Counts by codes whose bit p is our bit `place(p)`."""
    codes = np.arange(2**points)
    bits = [(codes >> place(p) % points & 1) << p for p in range(points)]
    return np.bincount(sum(bits), counts, 2**points)


def test_golden_lbp_top_is_that_of_the_released_program(recorded, volumes):
    """Bit by bit where neighbours are rounded; its own interpolation depends on rounding and is not offered."""
    of = recorded("lbptop")
    compared = 0
    for key in of.keys:
        volume, radii, kind, bins = key.split("/")
        if kind == "bil1":
            continue
        points = int(kind.removeprefix("p")) if kind.startswith("p") else 8
        patterns = "uniform" if bins == "59" else "all"
        config = LBPTopConfig(1, 1, 1, points, tuple(map(int, radii.split("_"))), patterns)
        np.testing.assert_array_equal(config.histograms(volumes[volume])[0, 0, 0], of[key], err_msg=key)
        compared += 1
    assert compared > 40


def test_golden_bilinear_patterns_are_scikit_images(recorded, volumes):
    """To the bit where no neighbour equals its centre but for rounding; their order of operations is ours."""
    of = recorded("lbp_skimage")
    for key in of.keys:
        volume, case, kind = key.split("/")
        points, radius = (int(part[1:]) for part in case.split("_"))
        if kind != "counts":
            continue
        config = LBPTopConfig(1, 1, 1, points, (radius,) * 3, "all", "bilinear")
        xy, xt, yt = config.counts(volumes[volume])[0, 0, 0]
        ours = [xy, relabelled(xt, points, lambda p: -p), relabelled(yt, points, lambda p: -p - points // 4)]  # noqa: B023
        np.testing.assert_array_equal(ours, of[key], err_msg=key)


@pytest.mark.parametrize("points", [4, 8])
def test_golden_bilinear_codes_of_frames(recorded, volumes, points):
    of = recorded("lbp_skimage")
    codes = sign_codes(volumes["golden"], "XY", points=points, radii=(2, 2, 2), interpolation="bilinear")
    np.testing.assert_array_equal(codes, of[f"golden/p{points}_r2/codes"][0])


def test_golden_sign_and_magnitude_codes_are_those_of_clbp(recorded, volumes):
    """A clip of one picture has the same mean over the clip as over the picture."""
    of = recorded("clbp")
    shapes = of.meta["shapes"]
    images = {
        "random": of.rng("clbp/random").integers(0, 256, shapes["random"]).astype(np.uint8),
        "ties": (of.rng("clbp/ties").integers(0, 6, shapes["ties"]) * 30).astype(np.uint8),
        "golden_plane": volumes["golden"][3],
    }
    components = {"S": "sign", "M": "magnitude"}
    for key in of.keys:
        image, case, kind = key.split("/")
        radius, neighbours = case[1:].split("_")
        if kind not in components or neighbours == "p8":  # circles of 8 need interpolation
            continue
        points, radius = (4 if neighbours == "p4" else 8), int(radius)
        codes = component_codes(np.stack([images[image]] * 3), points=points, radii=(radius, radius, 1))
        np.testing.assert_array_equal(codes["XY", components[kind]][0], of[key], err_msg=key)


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_golden_signs_between_pixels_are_those_of_clbp(recorded, radius):
    of = recorded("clbp")
    image = of.rng("clbp/random").integers(0, 256, of.meta["shapes"]["random"]).astype(np.uint8)
    radii = (radius, radius, 1)
    codes = sign_codes(np.stack([image] * 3), "XY", radii=radii, interpolation="bilinear")
    np.testing.assert_array_equal(codes[0], of[f"random/r{radius}_p8/S"])
