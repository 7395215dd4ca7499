"""Onset to apex as one picture: which frame the apex is, what the channels hold."""

import numpy as np
import pytest

from akm_jax.views.apex import find_apex_by_difference
from akm_jax.views.flow_picture import FlowPicture, resize
from akm_jax.views.view import Clip


def moving_clip(num_frames=9, size=64, apex=-1, shift=0.5):
    """A smooth texture that moves to the right by `shift` pixels a frame."""
    y, x = np.mgrid[:size, :size].astype(np.float64)
    frames = [127 + 60 * np.sin((x - shift * t) / 5) + 60 * np.cos(y / 6) for t in range(num_frames)]
    return Clip(np.stack(frames).round().astype(np.uint8), 100.0, apex)


FARNEBACK = FlowPicture(flow="farneback")


@pytest.mark.parametrize(("apex", "shift"), [(-1, 2.0), (2, 1.0)])
def test_the_flow_is_to_the_annotated_apex_or_the_middle_frame(apex, shift):
    picture = FARNEBACK(moving_clip(apex=apex))
    assert picture.shape == (28, 28, 3)
    middle = picture[8:20, 8:20]
    np.testing.assert_allclose(middle[..., 0], shift, atol=0.15)
    np.testing.assert_allclose(middle[..., 1], 0, atol=0.15)


def test_an_annotated_apex_can_be_left_aside():
    clip = moving_clip(apex=2)
    assert FlowPicture(annotated=False).find_apex(clip) == 4
    assert FlowPicture().find_apex(clip) == 2


def test_an_apex_outside_the_clip_is_none():
    assert FlowPicture().find_apex(moving_clip(num_frames=4, apex=7)) == 2


def test_xias_rule_finds_the_frame_that_differs_most():
    clip = moving_clip(num_frames=20, shift=0)
    frames = clip.frames.copy()
    for t in range(20):  # a change of one half of the picture, strongest at 9
        frames[t, :, :32] = np.clip(frames[t, :, :32].astype(int) + 60 - 10 * abs(t - 9), 0, 255)
    assert find_apex_by_difference(frames) == 9
    assert FlowPicture(apex="xia").find_apex(Clip(frames, 100.0, -1)) == 9


@pytest.mark.parametrize("num_frames", [1, 2, 3])
def test_xias_rule_on_short_clips(num_frames):
    assert 0 <= find_apex_by_difference(moving_clip(num_frames).frames) < num_frames


def test_a_clip_without_motion_gives_zeros():
    assert not FARNEBACK(moving_clip(num_frames=1)).any()
    assert not FlowPicture(scale="bytes")(moving_clip(num_frames=1)).any()


@pytest.mark.parametrize(("scale", "largest"), [("bytes", 255), ("unit", 1)])
def test_every_channel_goes_from_its_smallest_to_its_largest(scale, largest):
    picture = FlowPicture(flow="farneback", scale=scale)(moving_clip())
    np.testing.assert_array_equal(picture.min((0, 1)), 0)
    np.testing.assert_array_equal(picture.max((0, 1)), largest)
    np.testing.assert_allclose(picture * 255 / largest, np.rint(picture * 255 / largest), atol=1e-4)


def test_without_strain_there_are_two_channels():
    assert FlowPicture(flow="farneback", strain=False, size=60)(moving_clip()).shape == (60, 60, 2)


def test_shrinking_keeps_the_mean_of_what_is_finer_than_a_pixel():
    fine = np.tile([[1.0, -1.0]], (128, 64)).astype(np.float32)
    np.testing.assert_allclose(resize(fine, 16)[:, 2:-2], 0, atol=1e-2)


def test_an_unknown_flow_is_named():
    with pytest.raises(ValueError, match=r"unknown flow method 'dense': expected one of tvl1, farneback"):
        FlowPicture(flow="dense")(moving_clip())
