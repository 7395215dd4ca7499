import dataclasses

import numpy as np
import pytest

from akm_jax.data.folds import inner_split, leave_one_subject_out


@pytest.fixture
def clip_set(make_clip_set):
    return make_clip_set(num_subjects=5, clips_per_subject=3)


def test_folds_are_disjoint_by_subject_and_complete(clip_set):
    folds = leave_one_subject_out(clip_set)
    subjects = np.array(clip_set.subjects)
    assert [fold.subject for fold in folds] == ["1", "2", "3", "4", "5"]
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(clip_set)))
    for fold in folds:
        assert set(subjects[fold.test]) == {fold.subject}
        assert fold.subject not in subjects[fold.train]
        assert len(fold.train) + len(fold.test) == len(clip_set)


def test_subjects_are_ordered_by_number(clip_set):
    renamed = dataclasses.replace(clip_set, subjects=tuple({"1": "10"}.get(s, s) for s in clip_set.subjects))
    assert [fold.subject for fold in leave_one_subject_out(renamed)] == ["2", "3", "4", "5", "10"]


def test_chosen_folds_only(clip_set):
    assert [fold.subject for fold in leave_one_subject_out(clip_set, ["4", "2"])] == ["2", "4"]
    with pytest.raises(ValueError, match="--folds: no clips of subject 7"):
        leave_one_subject_out(clip_set, ["7"])


def test_a_data_set_of_one_subject_is_an_error(make_clip_set):
    with pytest.raises(ValueError, match="has one subject, '1'"):
        leave_one_subject_out(make_clip_set(num_subjects=1))


def test_training_clips_that_lack_a_class_are_an_error(clip_set):
    labels = np.where(np.array(clip_set.subjects) == "2", 2, clip_set.labels % 2).astype(np.int32)
    with pytest.raises(ValueError, match="fold of subject '2'.*no clip of class surprise"):
        leave_one_subject_out(dataclasses.replace(clip_set, labels=labels))


def test_inner_validation_subjects_are_held_out_of_training(clip_set):
    subjects = np.array(clip_set.subjects)
    for fold in leave_one_subject_out(clip_set):
        train, validation = inner_split(clip_set, fold, share=0.25, seed=0)
        assert sorted([*train, *validation]) == fold.train.tolist()
        assert not set(subjects[train]) & set(subjects[validation])
        assert fold.subject not in {*subjects[train], *subjects[validation]}
        again = inner_split(clip_set, fold, share=0.25, seed=0)[1]
        np.testing.assert_array_equal(validation, again)


def test_inner_split_needs_two_training_subjects(make_clip_set):
    small = make_clip_set(num_subjects=2)
    with pytest.raises(ValueError, match="needs at least two training subjects"):
        inner_split(small, leave_one_subject_out(small)[0], share=0.2, seed=0)
