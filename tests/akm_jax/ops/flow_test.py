"""The one function of flow: back ends, methods, chunks and threads, and errors."""

import inspect

import cv2
import numpy as np
import pytest

from akm_jax.ops import flow as flow_module
from akm_jax.ops.flow import flow
from akm_jax.ops.tvl1 import TVL1Config

SMALL = TVL1Config(scales=2, warps=2)
SHIFT = (0.4, 0.2)


@pytest.fixture(scope="module")
def pairs():
    """Five pairs of a smooth texture moved by SHIFT, the last moved back; 48 x 64 pixels."""
    return draw_pairs(48, 64)


@pytest.fixture(scope="module")
def larger_pairs():
    """The same of 80 x 96 pixels, for RLOF."""
    return draw_pairs(80, 96)


def draw_pairs(height, width):
    texture = cv2.GaussianBlur(np.random.default_rng(0).uniform(0, 255, (height + 12, width + 16)), (0, 0), 3.0)
    texture = (texture - texture.min()) * 255 / np.ptp(texture)
    move = np.float64([[1, 0, SHIFT[0]], [0, 1, SHIFT[1]]])
    moved = cv2.warpAffine(texture, move, (width + 16, height + 12), flags=cv2.INTER_CUBIC)
    a, b = (np.rint(np.clip(x, 0, 255)).astype(np.uint8)[6:-6, 8:-8] for x in (texture, moved))
    return np.stack([a, a, b, a, b]), np.stack([b, a, b, b, a])


@pytest.mark.parametrize(("method", "tolerance"), [("tvl1", 0.1), ("farneback", 0.1), ("rlof", 0.1), ("dis", 0.15)])
def test_methods_find_a_shift(pairs, larger_pairs, method, tolerance):
    given = larger_pairs if method == "rlof" else pairs
    found = flow(*given, method, config=SMALL if method == "tvl1" else TVL1Config())
    assert (found.shape, found.dtype) == ((*given[0].shape, 2), np.float32)
    inside = np.median(found[:, 8:-8, 8:-8], axis=(1, 2))
    assert np.abs(inside[0] - SHIFT).max() < tolerance
    assert np.abs(inside[4] + SHIFT).max() < tolerance
    assert np.abs(inside[1]).max() < tolerance


@pytest.mark.parametrize("method", ["tvl1", "farneback", "rlof", "dis"])
def test_threads_change_nothing(pairs, larger_pairs, method):
    given = larger_pairs if method == "rlof" else pairs
    own_threads = cv2.getNumThreads()
    found = [flow(*given, method, backend="opencv", threads=n) for n in (1, 3)]
    np.testing.assert_array_equal(*found)
    assert cv2.getNumThreads() == own_threads


def test_opencv_takes_all_settings(pairs):
    settings = TVL1Config(tau=0.2, attachment=0.1, theta=0.25, scales=2, scale_step=0.7, warps=3, median=3)
    reference = cv2.optflow.DualTVL1OpticalFlow_create(0.2, 0.1, 0.25, 2, 3, 0.01, scaleStep=0.7, medianFiltering=3)
    found = flow(pairs[0][:1], pairs[1][:1], backend="opencv", config=settings)
    np.testing.assert_array_equal(found[0], reference.calc(pairs[0][0], pairs[1][0], None))


def test_ours_takes_all_settings_too(pairs):
    """Far from the defaults both back ends still agree up to what TV-L1 makes of rounding."""
    settings = TVL1Config(tau=0.2, attachment=0.1, theta=0.25, scales=2, scale_step=0.7, warps=3, median=3)
    ours, opencvs = (flow(*pairs, backend=backend, config=settings) for backend in ("jax", "opencv"))
    assert np.abs(ours - opencvs).mean() < 2e-3
    assert np.abs(ours - flow(*pairs, backend="jax", config=SMALL)).mean() > 1e-2


def test_auto_is_ours(pairs):
    np.testing.assert_array_equal(*(flow(*pairs, backend=backend, config=SMALL) for backend in ("auto", "jax")))


def test_chunks_and_threads_change_nothing_of_ours(pairs):
    by_three = flow(*pairs, config=SMALL, pairs_per_call=3)
    np.testing.assert_array_equal(by_three, flow(*pairs, config=SMALL, pairs_per_call=3, threads=1))
    # A program for one pair may round otherwise than one for three, to which TV-L1 is sensitive.
    assert np.abs(by_three - flow(*pairs, config=SMALL)).mean() < 1e-3
    backwards = tuple(frames[::-1] for frames in pairs)
    np.testing.assert_array_equal(by_three[::-1], flow(*backwards, config=SMALL, pairs_per_call=3))


def test_an_accelerator_gets_chunks_in_one_thread(pairs, monkeypatch):
    monkeypatch.setattr(flow_module.jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(flow_module, "PAIRS_PER_CALL", 3)
    accelerated = flow(*pairs, config=SMALL)
    monkeypatch.undo()
    np.testing.assert_array_equal(accelerated, flow(*pairs, config=SMALL, pairs_per_call=3))


def test_no_pairs_give_no_flow(pairs):
    none = pairs[0][:0]
    assert flow(none, none).shape == (0, 48, 64, 2)
    assert flow(none, none, "dis").shape == (0, 48, 64, 2)


def test_an_error_in_a_thread_is_raised(pairs, monkeypatch):
    def fail(*_):
        raise RuntimeError("no memory")

    monkeypatch.setattr(flow_module, "tvl1", fail)
    with pytest.raises(RuntimeError, match="no memory"):
        flow(*pairs, threads=2)


def test_farneback_s_parameters_are_those_of_the_field():
    names = ("pyr_scale", "levels", "winsize", "iterations", "poly_n", "poly_sigma", "flags")
    expected = {
        "pyr_scale": 0.5,
        "levels": 3,
        "winsize": 15,
        "iterations": 3,
        "poly_n": 5,
        "poly_sigma": 1.2,
        "flags": 0,
    }
    assert dict(zip(names, flow_module.FARNEBACK, strict=True)) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "horn"}, "unknown flow method 'horn': expected one of tvl1, farneback, rlof, dis"),
        ({"backend": "cuda"}, "unknown flow back end 'cuda': expected one of auto, jax, opencv"),
        ({"backend": "jax", "method": "dis"}, "method 'dis' has no back end 'jax', only 'opencv'"),
        ({"config": SMALL, "method": "dis"}, "config holds settings of TV-L1, but method is 'dis'"),
        ({"config": TVL1Config(warps=0)}, "warps must be at least 1, got 0"),
        ({"threads": 0}, "threads must be at least 1, got 0"),
        ({"pairs_per_call": 0}, "pairs_per_call must be at least 1, got 0"),
        ({"first": np.zeros((1, 20, 20))}, r"first must be grey frames, uint8 .* got float64 \(1, 20, 20\)"),
        ({"second": np.zeros((20, 20), np.uint8)}, r"second must be grey frames, .* got uint8 \(20, 20\)"),
        ({"second": np.zeros((2, 20, 20), np.uint8)}, r"same shape, got \(1, 20, 20\) and \(2, 20, 20\)"),
        ({"method": "rlof"}, "RLOF needs larger frames, got 20 x 20"),
        ({"first": np.zeros((1, 9, 20), np.uint8), "second": np.zeros((1, 9, 20), np.uint8)}, "got 9 x 20"),
    ],
)
def test_bad_input_is_refused(changes, message):
    frames = np.zeros((1, 20, 20), np.uint8)
    arguments = {"first": frames, "second": frames} | changes
    assert arguments.keys() <= inspect.signature(flow).parameters.keys()
    with pytest.raises(ValueError, match=message):
        flow(**arguments)
