"""The pyramid: pyrtools' sub-bands, exact reconstruction at any size, oriented and one-sided."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest

from akm_jax.prepare.pyramid import build_pyramid, collapse_pyramid, make_filters, max_levels


def draw_textures(height, width, count=1):
    """Pictures with energy at all scales."""
    noise = np.random.default_rng(height * width).normal(size=(count, height, width))
    return noise.cumsum(axis=1).astype(np.float32)


def reference_bands(picture, orientations):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyrtools.pyramids import SteerablePyramidFreq

        return SteerablePyramidFreq(picture.astype(np.float64), order=orientations - 1, is_complex=True).pyr_coeffs


def relative_error(got, expected):
    return np.abs(np.asarray(got) - expected).max() / np.abs(expected).max()


# Even sizes: pyrtools does not centre odd ones. 86 and 340 have odd levels below them.
@pytest.mark.parametrize(("height", "width", "orientations"), [(128, 128, 4), (340, 280, 4), (86, 170, 3), (64, 96, 6)])
def test_sub_bands_equal_pyrtools(height, width, orientations):
    picture = draw_textures(height, width)
    pyramid = build_pyramid(picture, make_filters(height, width, orientations=orientations))
    expected = reference_bands(picture[0], orientations)
    assert len(expected) == len(pyramid.bands) * orientations + 2
    for level, bands in enumerate(pyramid.bands):
        for orientation in range(orientations):
            assert relative_error(bands[0, orientation], expected[level, orientation]) < 1e-4
    assert relative_error(pyramid.highpass[0], expected["residual_highpass"]) < 1e-4
    assert relative_error(pyramid.lowpass[0], expected["residual_lowpass"]) < 1e-4


@pytest.mark.parametrize(
    ("height", "width", "options"),
    [
        (128, 128, {}),
        (65, 131, {}),
        (97, 64, {"orientations": 5}),
        (35, 20, {"orientations": 2}),
        (90, 70, {"levels": 2}),
        (33, 48, {"levels": 0}),
        (5, 7, {}),
    ],
)
def test_reconstruction_is_exact_at_any_size(height, width, options):
    pictures = draw_textures(height, width, count=2)
    filters = make_filters(height, width, **options)
    restored = collapse_pyramid(build_pyramid(pictures, filters), filters)
    assert relative_error(restored, pictures) < 1e-5


def test_energy_is_kept():
    """Squared filters sum to 1 everywhere; inverse FFTs of fewer pixels scale coarser levels up."""
    picture = draw_textures(64, 64)
    pyramid = build_pyramid(picture, make_filters(64, 64))
    energy = sum(float(jnp.sum(b.real**2)) * b.shape[-1] ** 2 for b in pyramid.bands) / 64**2
    energy += float(jnp.sum(pyramid.highpass**2))
    energy += float(jnp.sum(pyramid.lowpass**2)) * pyramid.lowpass.shape[-1] ** 2 / 64**2
    np.testing.assert_allclose(energy, np.sum(picture**2), rtol=1e-5)


@pytest.mark.parametrize("orientation", [0, 1, 2, 3])
def test_a_grating_answers_in_its_own_orientation(orientation):
    across = np.pi * orientation / 4
    y, x = np.mgrid[:64, :64]
    grating = np.cos(
        np.round(12 * np.cos(across)) * x / 64 * 2 * np.pi + np.round(12 * np.sin(across)) * y / 64 * 2 * np.pi
    )
    bands = build_pyramid(grating[None].astype(np.float32), make_filters(64, 64)).bands
    strength = np.abs(np.asarray(bands[0])[0]).mean(axis=(1, 2))
    assert int(strength.argmax()) == orientation
    # One-sided in frequency: the amplitude of a grating is the same everywhere.
    assert np.abs(np.asarray(bands[0])[0, orientation]).std() < 1e-4 * strength[orientation]


@pytest.mark.parametrize(("size", "levels"), [(7, 0), (8, 1), (15, 1), (16, 2), (256, 6)])
def test_max_levels(size, levels):
    assert max_levels(size, 1000) == levels


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": 4}, "levels must be 0 to 3 for pictures of 32 x 40 pixels, got 4"),
        ({"levels": -1}, "levels must be 0 to 3"),
        ({"orientations": 1}, "orientations must be 2 to 16, got 1"),
    ],
)
def test_impossible_pyramids_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_filters(32, 40, **options)
