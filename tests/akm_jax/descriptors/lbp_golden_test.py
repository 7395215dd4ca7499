"""LBP-TOP, scikit-image's patterns and CLBP codes, held to recordings of their programs."""

import numpy as np
import pytest

from akm_jax.descriptors.blocks import PLANES
from akm_jax.descriptors.lbp_top import LBPTopConfig
from akm_jax.descriptors.local_binary_patterns import sign_codes
from akm_jax.descriptors.stclqp import component_codes


def as_scikit_image(codes, plane, points):
    """Codes whose bits are numbered with rows that grow with time."""
    place = {"XY": lambda p: p, "XT": lambda p: -p, "YT": lambda p: -p - points // 4}[plane]
    return sum((codes.astype(int) >> place(p) % points & 1) << p for p in range(points))


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


@pytest.mark.parametrize("interpolation", ["bilinear", "rounded"])
def test_golden_patterns_are_scikit_images(recorded, volumes, interpolation):
    """Codes and their counts to the bit, ties too: scikit-image's order of operations is ours.

    The four neighbours at whole radii lie on voxels, so that they need no interpolation.
    """
    of, compared = recorded("lbp_skimage"), set()
    for key in of.keys:
        volume, case, kind = key.split("/")
        points, radius = (int(part[1:]) for part in case.split("_"))
        if interpolation == "rounded" and points != 4:
            continue
        settings = {"points": points, "radii": (radius,) * 3, "interpolation": interpolation}
        ours = [as_scikit_image(sign_codes(volumes[volume], plane, **settings), plane, points) for plane in PLANES]
        ours = [np.bincount(one.ravel(), minlength=2**points) for one in ours] if kind == "counts" else ours
        np.testing.assert_array_equal(ours, of[key], err_msg=key)
        compared.add(key)
    assert compared == {key for key in of.keys if interpolation == "bilinear" or "/p4_" in key}


@pytest.fixture
def clbp(recorded, volumes):
    """The recording of CLBP, and its pictures."""
    of = recorded("clbp")
    shapes = of.meta["shapes"]
    images = {
        "random": of.rng("clbp/random").integers(0, 256, shapes["random"]).astype(np.uint8),
        "ties": (of.rng("clbp/ties").integers(0, 6, shapes["ties"]) * 30).astype(np.uint8),
        "golden_plane": volumes["golden"][3],
    }
    return of, images


def test_golden_sign_and_magnitude_codes_are_those_of_clbp(clbp):
    """A clip of one picture has the same mean over the clip as over the picture; there is no centre bit, C, here."""
    of, images = clbp
    components, compared = {"S": "sign", "M": "magnitude"}, 0
    for key in of.keys:
        image, case, kind = key.split("/")
        radius, neighbours = case[1:].split("_")
        if kind not in components or neighbours == "p8":  # circles of 8 need interpolation
            continue
        points, radius = (4 if neighbours == "p4" else 8), int(radius)
        codes = component_codes(np.stack([images[image]] * 3), points=points, radii=(radius, radius, 1))
        np.testing.assert_array_equal(codes["XY", components[kind]][0], of[key], err_msg=key)
        compared += 1
    assert compared == 36


def test_golden_signs_between_pixels_are_those_of_clbp(clbp):
    """To the bit; with ties, where neighbours equal the centre but for rounding, in all but 5 pixels.

    Magnitudes between pixels are not offered.
    """
    of, images = clbp
    compared = 0
    for key in of.keys:
        image, case, kind = key.split("/")
        radius, neighbours = case[1:].split("_")
        if (neighbours, kind) != ("p8", "S"):
            continue
        radii = (int(radius), int(radius), 1)
        codes = sign_codes(np.stack([images[image]] * 3), "XY", radii=radii, interpolation="bilinear")
        assert np.sum(codes[0] != of[key]) <= (5 if image == "ties" else 0), key
        compared += 1
    assert compared == 9
