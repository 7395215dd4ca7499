import dataclasses

import jax
import numpy as np
import pytest

from akm_jax.data.clip_set import ClipSet, resize_frame


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subjects": ("1",)}, "lengths differ: {'subjects': 1}"),
        ({"clip_ids": ("a",) * 12}, "more than once"),
        ({"labels": np.full(12, 3, np.int32)}, r"must lie in 0\.\.2"),
        ({"lengths": np.array([0, 8, 4, 1] * 3, np.int32)}, "clips without frames: .*s1_0"),
        ({"frame_numbers": np.zeros(3, np.int32)}, "3 frame numbers, expected 39"),
        ({"subjects": ("a/b",) * 12}, r"subjects \['a/b'\] cannot name the folder of a fold"),
        ({"subjects": ("",) * 12}, "expected names without a slash that are not empty"),
        ({"fps": np.zeros(2, np.float32)}, "lengths differ: {'fps': 2}"),
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


def clip(length=2, shape=(6, 5), value=0):
    return np.full((length, *shape), value, np.uint8)


def test_clips_in_memory_make_a_set():
    made = ClipSet.from_frames([clip(), clip(3, (4, 4))], ["b", "a"], [7, "x"], fps=[30, 60], apexes=[1, -1])
    assert (made.class_names, made.labels.tolist(), made.subjects) == (("a", "b"), [1, 0], ("7", "x"))
    assert made.clip_ids == ("clip_0", "clip_1")
    assert (made.fps.tolist(), made.frame_numbers.tolist()) == ([30, 60], [0, 1, 0, 1, 2])
    assert made.read(1).shape == (3, 4, 4)
    assert made.checksum != ClipSet.from_frames([clip(value=1), clip(3, (4, 4))], ["b", "a"], [7, "x"]).checksum


@pytest.mark.parametrize(
    ("frames", "labels", "message"),
    [
        ([], [], "expected at least one clip"),
        ([clip()[0]], ["a"], r"clip 0 is uint8 \(6, 5\); expected grey uint8 \(T, H, W\)"),
        ([clip().astype(float)], ["a"], "clip 0 is float64"),
        ([clip(0)], ["a"], "clip 0"),
        ([clip()], ["c"], r"labels \['c'\] are not among the classes \['a', 'b'\]"),
        ([clip()], ["a", "b"], "lengths differ: {'labels': 2}"),
    ],
)
def test_frames_or_labels_of_another_form_are_refused(frames, labels, message):
    with pytest.raises(ValueError, match=message):
        ClipSet.from_frames(frames, labels, ["1"] * len(frames), class_names=["a", "b"])


def test_a_method_sees_no_labels_names_or_subjects(make_clip_set):
    clips = make_clip_set().without_labels()
    assert {field.name for field in dataclasses.fields(clips)} == {
        "num_classes",
        "lengths",
        "fps",
        "apexes",
        "pictures",
    }
