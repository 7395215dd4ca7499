import numpy as np
import pytest

from akm_jax.data.batching import balance, group_in_order, plan_batches, resample_classes, step_capacity
from experiments.benchmarks.workload import LENGTHS, draw_lengths


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("name", LENGTHS)
def test_one_capacity_serves_every_fold_with_at_most_five_percent_padding(name, parts):
    lengths, subjects = draw_lengths(name)
    folds = [lengths[subjects != s] for s in np.unique(subjects)]
    capacity = step_capacity(folds, 8 // parts)
    rng = np.random.default_rng(1)
    real = computed = 0
    for fold in folds:
        for _ in range(3):
            groups = balance(rng, fold, 8 // parts, capacity)
            real += fold.sum()
            computed += -(-len(groups) // parts) * parts * capacity
    assert 1 - real / computed <= 0.05


def test_groups_hold_every_clip_once_and_only_the_last_is_smaller():
    lengths, _ = draw_lengths("smic")
    groups = balance(np.random.default_rng(0), lengths, 8, step_capacity([lengths], 8))
    assert sorted(np.concatenate(groups)) == list(range(len(lengths)))
    assert [len(g) for g in groups] == [8] * 20 + [4]


def test_groups_differ_between_epochs_and_repeat_for_a_seed():
    lengths, _ = draw_lengths("smic")
    capacity = step_capacity([lengths], 8)
    first, again, other = (balance(np.random.default_rng(s), lengths, 8, capacity) for s in (0, 0, 1))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    together = {frozenset(g.tolist()) for g in first} & {frozenset(g.tolist()) for g in other}
    assert not together


def test_a_capacity_that_cannot_hold_the_clips_is_an_error():
    with pytest.raises(ValueError, match="no groups of 2 clips within 9 frames"):
        balance(np.random.default_rng(0), np.array([5, 5, 5, 5]), 2, 9)


def test_plan_names_the_rows_of_every_clip():
    lengths = np.array([2, 3, 1])
    starts = np.array([0, 2, 5])
    plan = plan_batches([np.array([2, 0]), np.array([1])], starts, lengths, capacity=4, clips_per_step=2, num_steps=3)
    np.testing.assert_array_equal(plan.frame_rows, [[5, 0, 1, 0], [2, 3, 4, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(plan.clip_ids, [[0, 1, 1, 2], [0, 0, 0, 2], [2, 2, 2, 2]])
    np.testing.assert_array_equal(plan.clip_rows, [[2, 0], [1, -1], [-1, -1]])
    assert plan.num_frames == 6


def test_plan_names_only_the_frames_that_are_used():
    starts, used = np.array([0, 2, 5]), [np.array([1]), np.array([0, 2]), np.array([0])]
    groups = [np.array([1, 0]), np.array([2])]
    plan = plan_batches(groups, starts, np.array([1, 2, 1]), capacity=4, clips_per_step=2, used=used)
    np.testing.assert_array_equal(plan.frame_rows, [[2, 4, 1, 0], [5, 0, 0, 0]])
    np.testing.assert_array_equal(plan.clip_ids, [[0, 0, 1, 2], [0, 2, 2, 2]])


def test_plan_refuses_what_does_not_fit():
    lengths, starts = np.array([3, 3]), np.array([0, 3])
    with pytest.raises(ValueError, match="2 clips, 6 frames exceed"):
        plan_batches([np.array([0, 1])], starts, lengths, capacity=5, clips_per_step=2)
    with pytest.raises(ValueError, match="do not fit into 1 steps"):
        plan_batches([np.array([0]), np.array([1])], starts, lengths, capacity=5, clips_per_step=2, num_steps=1)


def test_evaluation_groups_keep_the_order():
    groups = group_in_order(np.arange(5), np.array([4, 4, 4, 9, 1]), capacity=10, clips_per_step=2)
    assert [g.tolist() for g in groups] == [[0, 1], [2], [3, 4]]


def test_resampling_brings_every_class_to_the_largest_and_loses_no_clip():
    labels = np.array([0] * 7 + [1] * 3 + [2] * 2)
    clips = np.arange(12)
    chosen = resample_classes(np.random.default_rng(0), clips, labels)
    assert np.bincount(labels[chosen]).tolist() == [7, 7, 7]
    assert set(chosen) == set(clips)


def test_calls_cover_the_plan_up_to_its_last_clip():
    lengths = np.full(5, 2)
    groups = [np.array([0, 1]), np.array([2, 3]), np.array([4])]
    plan = plan_batches(groups, np.cumsum(lengths) - lengths, lengths, capacity=5, clips_per_step=2, num_steps=8)
    for steps, calls in ((1, 3), (2, 2), (3, 1), (8, 1)):
        parts = list(plan.calls(steps))
        assert [len(part.clip_rows) for part in parts] == [steps] * calls
        assert sum(part.num_frames for part in parts) == plan.num_frames == 10
    assert not list(plan.steps(3, 8).calls(2))
