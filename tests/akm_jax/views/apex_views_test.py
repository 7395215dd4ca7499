"""The apex frame, the motion around it, and the mosaic of eyes and lips."""

import numpy as np
import pytest

from akm_jax.views.apex_frame import ApexFrame
from akm_jax.views.apex_motion import ApexMotion, by_region
from akm_jax.views.flow_mosaic import FlowMosaic, piece
from akm_jax.views.magnified_flow import MagnifiedFlow
from akm_jax.views.view import Clip


def moving_clip(num_frames=9, size=64, apex=-1):
    """A smooth texture that moves by half a pixel a frame to the right, and after the fourth frame down."""
    y, x = np.mgrid[:size, :size].astype(np.float64)
    right = 0.5 * np.minimum(np.arange(num_frames), 4)
    down = 0.5 * np.arange(num_frames) - right
    frames = [127 + 60 * np.sin((x - a) / 5) + 60 * np.cos((y - b) / 6) for a, b in zip(right, down, strict=True)]
    return Clip(np.stack(frames).round().astype(np.uint8), 100.0, apex)


def test_the_apex_frame_is_resized():
    frames = np.stack([np.full((20, 30), 40 * i, np.uint8) for i in range(5)])
    picture = ApexFrame()(Clip(frames, 100.0, 3))
    assert picture.shape == (224, 224, 1)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, 120)
    np.testing.assert_array_equal(ApexFrame(size=7, annotated=False)(Clip(frames, 100.0, 3)), 80)


def test_motion_goes_from_frame_to_frame_and_stands_at_the_end():
    seen = ApexMotion(size=32, flow="farneback")(moving_clip())
    assert seen["picture"].shape == (32, 32, 1)
    motion = seen["motion"].reshape(64, 8, 8, 2)[:, 2:6, 2:6]
    assert not seen["motion"][:56].any()
    np.testing.assert_allclose(motion[56:, ..., 1], 0.5, atol=0.1)
    np.testing.assert_allclose(motion[56:60, ..., 0], 0, atol=0.2)
    np.testing.assert_allclose(motion[60:, ..., 0], np.pi / 2, atol=0.2)


@pytest.mark.parametrize(("apex", "rows"), [(50, 64), (5, 37), (95, 36), (99, 32)])
def test_at_most_32_frames_on_either_side_of_the_apex(apex, rows, monkeypatch):
    from akm_jax.ops import flow

    monkeypatch.setattr(flow, "flow", lambda first, second, method: np.ones((*first.shape, 2), np.float32))
    seen = ApexMotion(size=8)(Clip(np.zeros((100, 16, 16), np.uint8), 100.0, apex))
    np.testing.assert_array_equal(seen["motion"].any(axis=1), np.arange(64) >= 64 - rows)


def test_a_clip_of_one_frame_has_no_motion():
    assert not ApexMotion(size=8)(Clip(np.zeros((1, 16, 16), np.uint8), 100.0, 0))["motion"].any()


def test_a_region_is_the_mean_vector_row_by_row():
    flow = np.zeros((16, 16, 2), np.float32)
    flow[0, 2:4] = [[-2, -0.0], [-2, -0.0]]
    flow[1, 2:4] = 0
    found = by_region(flow)
    np.testing.assert_allclose(found[2:4], [np.pi, 1], rtol=1e-6)
    assert not found[4:].any()


def test_the_mosaic_has_eyes_above_lips():
    y, x = np.mgrid[:28, :28]
    picture = np.stack([x, y, x + 100 * y], axis=-1).astype(np.float32)
    mosaic = FlowMosaic().arranged(picture)
    assert mosaic.shape == (28, 28, 3)
    # Column and row of the middle of every piece.
    np.testing.assert_array_equal(mosaic[7::14, 7::14, :2], [[[10, 11], [21, 11]], [[10, 21], [21, 21]]])
    np.testing.assert_array_equal(piece(picture, (2, 40))[7, 7], [7, 21, 2107])


def test_places_are_those_of_one_size():
    with pytest.raises(ValueError, match="--view.size=56: places of eyes and lips are known for side 28"):
        FlowMosaic(size=56).arranged(np.zeros((56, 56, 3)))


def test_flow_grows_with_the_magnification():
    """From onset to apex .3 pixels to the right: 1 + alpha times as far."""
    y, x = np.mgrid[:96, :96].astype(np.float64)
    frames = [127 + 50 * np.sin((x - a) / 5) + 50 * np.cos(y / 6) for a in (0, 0.3)]
    seen = MagnifiedFlow(height=96, width=96, alphas=(0, 2, 4), flow="farneback")
    found = seen(Clip(np.stack(frames).round().astype(np.uint8), 100.0, 1))
    assert found.shape == (3, 96, 96, 2)
    np.testing.assert_allclose(found[:, 24:72, 24:72, 0].mean((1, 2)), [0.3, 0.9, 1.5], atol=0.15)


def test_a_clip_of_one_frame_has_no_flow():
    seen = MagnifiedFlow(height=20, width=30, alphas=(8,))(Clip(np.zeros((1, 16, 16), np.uint8), 100.0, 0))
    assert seen.shape == (1, 20, 30, 2)
    assert not seen.any()
