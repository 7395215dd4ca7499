import dataclasses

import jax
import numpy as np
import pytest

from akm_jax.data.clip_set import resize_frame


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subjects": ("1",)}, "lengths differ: {'subjects': 1}"),
        ({"clip_ids": ("a",) * 12}, "more than once"),
        ({"labels": np.full(12, 3, np.int32)}, r"must lie in 0\.\.2"),
        ({"lengths": np.zeros(12, np.int32)}, "frames"),
        ({"frames": np.zeros((0, 32, 32), np.uint8)}, "frames holds 0 frames, expected 39; .* arrays or by a reader"),
        ({"reader": object()}, "frames holds 39 frames, expected 0; .* arrays or by a reader"),
    ],
)
def test_what_does_not_fit_together_is_refused(make_clip_set, change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(make_clip_set(), **change)


def test_starts_are_the_first_rows(make_clip_set):
    clip_set = make_clip_set(lengths=[3, 1, 2])
    np.testing.assert_array_equal(clip_set.starts[:4], [0, 3, 4, 6])


@pytest.mark.parametrize("shape", [(200, 150), (64, 64), (90, 128)])
def test_resize_agrees_with_antialiased_bilinear(shape):
    frame = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    expected = jax.image.resize(frame.astype(np.float32), (128, 128), "bilinear", antialias=True)
    # Pillow works in fixed point and rounds after each axis.
    assert np.abs(resize_frame(frame, 128) - np.asarray(expected)).max() <= 1.5


def test_resize_refuses_colour():
    with pytest.raises(ValueError, match="one grey uint8 frame"):
        resize_frame(np.zeros((4, 4, 3), np.uint8), 8)
