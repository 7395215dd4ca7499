"""Optical strain: the formulas written out, and SOFTNet's recorded strain."""

import json
import zlib

import cv2
import numpy as np
import pytest
import scipy.ndimage

from akm_jax.ops.strain import strain

RNG = np.random.default_rng(0)


def norm(u_x, u_y, v_x, v_y):
    return np.sqrt(u_x**2 + v_y**2 + (u_y + v_x) ** 2 / 2)


def test_backward_form_has_no_derivative_at_the_near_border():
    flow = RNG.normal(size=(6, 7, 2))
    padded = np.pad(flow, [(1, 0), (1, 0), (0, 0)], mode="edge")
    across, down = padded[1:, 1:] - padded[1:, :-1], padded[1:, 1:] - padded[:-1, 1:]
    np.testing.assert_array_equal(strain(flow), norm(across[..., 0], down[..., 0], across[..., 1], down[..., 1]))


def test_softnet_form_copies_the_far_border():
    flow = RNG.normal(size=(6, 7, 2))
    across, down = (flow[:, :-1] - flow[:, 1:])[:-1], (flow[:-1] - flow[1:])[:, :-1]
    inside = norm(across[..., 0], down[..., 0], across[..., 1], down[..., 1])
    np.testing.assert_array_equal(strain(flow, "softnet"), np.pad(inside, (0, 1), mode="edge"))


def test_sobel_form_takes_opencv_s_derivative():
    flow = RNG.normal(size=(6, 7, 2))
    u, v = np.ascontiguousarray(flow[..., 0]), np.ascontiguousarray(flow[..., 1])
    (u_x, v_x), (u_y, v_y) = ([cv2.Sobel(a, cv2.CV_64F, *d) for a in (u, v)] for d in ((1, 0), (0, 1)))
    np.testing.assert_allclose(strain(flow, "sobel"), norm(u_x, u_y, v_x, v_y), rtol=1e-12)  # another order of sums


def test_meb_form_swaps_the_axes_and_leaves_shear_out():
    flow = RNG.normal(size=(6, 7, 2))
    (u_x, v_x), (u_y, v_y) = (
        [scipy.ndimage.sobel(flow[..., i], axis=axis, mode="constant") for i in (0, 1)] for axis in (0, 1)
    )
    expected = np.sqrt(u_x**2 + v_y**2 + (u_y**2 + v_x**2) / 2)
    np.testing.assert_allclose(strain(flow, "meb"), expected, rtol=1e-12)  # another order of sums


@pytest.mark.parametrize("form", ["backward", "softnet", "sobel", "meb"])
def test_leading_axes_number_format_and_uniform_flow(form):
    flow = RNG.normal(size=(2, 3, 6, 7, 2)).astype(np.float32)
    found = strain(flow, form)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[1, 2], strain(flow[1, 2], form))
    inside = strain(np.full((6, 7, 2), 0.7), form)[1:-1, 1:-1]
    np.testing.assert_allclose(inside, 0, atol=1e-15)  # Sobel adds 0.7 in two orders


@pytest.mark.parametrize("form", ["backward", "softnet", "sobel"])
def test_a_turn_has_no_strain(form):
    y, x = np.mgrid[:6, :7].astype(float)
    turn = np.stack([-y, x], axis=-1)
    np.testing.assert_allclose(strain(turn, form)[1:-1, 1:-1], 0, atol=1e-12)


def test_bad_input_is_refused():
    good = np.zeros((4, 5, 2))
    with pytest.raises(ValueError, match="unknown form of strain 'forward': expected one of backward, softnet"):
        strain(good, "forward")
    with pytest.raises(ValueError, match=r"got shape \(4, 5\)"):
        strain(good[..., 0])
    with pytest.raises(ValueError, match=r"at least 2 x 2 pixels, got shape \(1, 5, 2\)"):
        strain(good[:1])
    with pytest.raises(ValueError, match="got int64"):
        strain(good.astype(np.int64))


def test_softnet_s_strain_equals_the_golden_recording(golden_dir):
    recording = np.load(golden_dir / "softnet.npz")
    prefix, shape = json.loads(str(recording["meta"]))["prefix"], recording["strain"].shape
    u, v = (
        np.random.default_rng(zlib.crc32(f"{prefix}strain/{name}".encode())).standard_normal(shape) for name in "uv"
    )
    found = strain(np.stack([u, v], axis=-1).astype(np.float32), "softnet")
    np.testing.assert_allclose(found, recording["strain"], atol=1e-6)  # recorded in float32
