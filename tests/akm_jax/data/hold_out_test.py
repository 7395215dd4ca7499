import numpy as np
import pytest

from akm_jax.data.folds import leave_one_subject_out
from akm_jax.data.hold_out import HELD_OUT, hold_out, last_frames


def test_a_fifth_of_the_subjects_is_held_out_whole(make_clip_set):
    clips = make_clip_set(10, 3)
    held = hold_out(clips, share=0.2, seed=3)
    (fold,) = leave_one_subject_out(held, [HELD_OUT])
    subjects = np.array(clips.subjects)
    assert len(set(subjects[fold.test])) == 2
    assert not set(subjects[fold.test]) & set(subjects[fold.train])
    assert set(subjects[fold.train]) == {s for s in held.subjects if s != HELD_OUT}
    assert hold_out(clips, share=0.2, seed=3).subjects == held.subjects
    assert held.clip_ids == clips.clip_ids


@pytest.mark.parametrize(("subjects", "share"), [(2, 0.9), (3, 0.0), (1, 0.5)])
def test_what_cannot_be_held_out_is_named(make_clip_set, subjects, share):
    with pytest.raises(ValueError, match="subjects: expected a share between 0 and 1 that leaves some for training"):
        hold_out(make_clip_set(subjects, 3), share=share)


def test_a_class_of_one_subject_cannot_be_held_out(make_clip_set):
    with pytest.raises(ValueError, match="hold-out: the training clips of 'test' hold no clip of class"):
        hold_out(make_clip_set(2, 1, num_classes=2))


def test_last_frames_are_the_clips_ends(make_clip_set):
    clips = make_clip_set(2, 4, lengths=[30, 12, 1, 19])
    clips.apexes[:] = [25, 1, 0, 18, -1, 5, 0, 9]
    cut = last_frames(clips, 10)
    assert cut.lengths.tolist() == [10, 10, 1, 10, 10, 10, 1, 10]
    assert cut.apexes.tolist() == [5, -1, 0, 9, -1, 3, 0, 0]
    for clip, (start, length) in enumerate(zip(clips.starts, clips.lengths, strict=True)):
        np.testing.assert_array_equal(cut.read(clip), clips.read(clip)[-10:])
        numbers = cut.frame_numbers[cut.starts[clip] : cut.starts[clip] + cut.lengths[clip]]
        np.testing.assert_array_equal(numbers, clips.frame_numbers[start : start + length][-10:])
    with pytest.raises(ValueError, match="last 0 frames of a clip: expected at least 1"):
        last_frames(clips, 0)
