"""Folds of the smallest SOFTNet on drawn features."""

import jax
import numpy as np
import pytest

from akm_jax.models.softnet import SOFTNetConfig
from akm_jax.spotting.frames import gather_frames, training_rows
from akm_jax.spotting.training import SpotterConfig, score_videos, train_folds

TINY = SpotterConfig(model=SOFTNetConfig.tiny(), epochs=3, learning_rate=0.05)
SUBJECTS = ("a", "a", "b", "c")
COUNTS = (30, 21, 40, 25)


def draw(seed=0, changed=None):
    """Noise, brighter in a corner within expressions; `changed` names a subject that gets other features and labels."""
    features, labels = [], []
    for i, (subject, count) in enumerate(zip(SUBJECTS, COUNTS, strict=True)):
        rng = np.random.default_rng([seed + 100 * (subject == changed), i])
        label = (np.arange(count) % 10 > 6).astype(np.uint8)
        video = rng.random((count, 12, 12, 3), np.float32)
        video[:, :6, :6] += 3 * label[:, None, None, None]
        features.append(video)
        labels.append(1 - label if subject == changed else label)
    return features, labels, SUBJECTS


def gather(*, variant="megc", augment=True, **drawn):
    return gather_frames(*draw(**drawn), augment=augment, variant=variant)


def same(a, b):
    return a.losses == b.losses and all(
        (np.asarray(x) == np.asarray(y)).all()
        for x, y in zip(jax.tree.leaves(a.weights), jax.tree.leaves(b.weights), strict=True)
    )


@pytest.fixture(scope="module")
def folds():
    return {fold.subject: fold for fold in train_folds(gather(), TINY)}


def test_every_subject_is_left_out_once_and_losses_fall(folds):
    assert list(folds) == ["a", "b", "c"]
    assert all(len(fold.losses) == 3 and fold.losses[-1] < fold.losses[0] for fold in folds.values())


def test_a_fold_alone_is_the_fold_among_others(folds):
    (alone,) = train_folds(gather(), TINY, subjects=["b"])
    assert same(alone, folds["b"])


def test_the_left_out_subject_changes_nothing(folds):
    (fold,) = train_folds(gather(changed="b"), TINY, subjects=["b"])
    assert same(fold, folds["b"])
    (other,) = train_folds(gather(changed="b"), TINY, subjects=["c"])
    assert not same(other, folds["c"])


def test_a_resumed_training_is_the_uninterrupted_one(folds, tmp_path):
    class Stop(Exception):
        pass

    def stop(subject, epoch, loss):
        if (subject, epoch) == ("b", 2):
            raise Stop

    with pytest.raises(Stop):
        list(train_folds(gather(), TINY, folder=tmp_path, progress=stop))
    told = []
    again = list(train_folds(gather(), TINY, folder=tmp_path, progress=lambda *done: told.append(done[:2])))
    assert all(same(fold, folds[fold.subject]) for fold in again)
    assert ("b", 3) in told
    assert ("b", 2) not in told
    told.clear()
    assert all(same(f, folds[f.subject]) for f in train_folds(gather(), TINY, folder=tmp_path, progress=stop))


def test_a_file_of_another_training_is_refused(tmp_path):
    list(train_folds(gather(), TINY, subjects=["b"], folder=tmp_path))
    with pytest.raises(ValueError, match=r"b\.npz.*other settings or features.*another folder"):
        list(train_folds(gather(seed=1), TINY, subjects=["b"], folder=tmp_path))
    (tmp_path / "b.npz").write_bytes(b"half of it")
    with pytest.raises(ValueError, match=r"b\.npz.*cannot be read.*delete"):
        list(train_folds(gather(), TINY, subjects=["b"], folder=tmp_path))


def test_scores_follow_the_labels_and_do_not_depend_on_the_other_frames(folds, monkeypatch):
    features, labels, _ = draw()
    scores = score_videos(folds["b"].weights, features, TINY.model)
    assert [len(s) for s in scores] == list(COUNTS)
    assert scores[2][labels[2] == 1].mean() > scores[2][labels[2] == 0].mean()
    (alone,) = score_videos(folds["b"].weights, [features[2][5:6]], TINY.model)
    assert alone == scores[2][5]
    monkeypatch.setattr("akm_jax.spotting.training.SCORED_AT_ONCE", 16)
    for whole, chunked in zip(scores, score_videos(folds["b"].weights, features, TINY.model), strict=True):
        np.testing.assert_allclose(chunked, whole, rtol=0, atol=1e-6)  # products of another size round otherwise


@pytest.mark.parametrize("variant", ["megc", "code"])
def test_rows_are_half_the_larger_class_all_positives_and_their_copies(variant):
    frames = gather(variant=variant)
    for number, (subject, rows) in enumerate(training_rows(frames, variant)):
        assert len(set(rows)) == len(rows)
        own = rows[rows < sum(COUNTS)]
        assert (frames.subjects[own] != subject).all()
        train = frames.subjects != subject
        positive = np.flatnonzero(train & (frames.labels[: len(train)] == 1))
        negative = int(train.sum()) - len(positive)
        assert set(positive) <= set(own)
        assert len(own) == len(positive) + int(max(negative, len(positive)) / 2)
        assert len(rows) == len(own) + 3 * len(positive)
        assert (frames.labels[rows] == 1).sum() == 4 * len(positive)
        raw = set(frames.raw_noise[positive]) & set(rows)
        assert bool(raw) == (variant == "code" and number == 0)


def test_rows_of_code_come_from_one_generator_fold_after_fold():
    first, second = (dict(training_rows(gather(variant="code"), "code")) for _ in range(2))
    assert all((first[s] == second[s]).all() for s in first)
    assert [s for s in first] == ["a", "b", "c"]


def test_without_copies_for_macro_expressions():
    frames = gather(augment=False)
    assert len(frames.labels) == sum(COUNTS)
    assert all(rows.max() < sum(COUNTS) for _, rows in training_rows(frames, "megc"))


def _bad(change):
    features, labels, subjects = (list(part) for part in draw())
    change(features, labels, subjects)
    return lambda: gather_frames(features, labels, subjects, augment=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f, y, s: f.pop(), "3 videos of features, 4 of labels"),
        (lambda f, y, s: f.__setitem__(1, f[1][:, :6]), r"video 1 \(subject 'a'\).*shape"),
        (lambda f, y, s: y.__setitem__(1, y[1][:-1]), "21 labels 0 or 1"),
        (lambda f, y, s: y.__setitem__(1, y[1] * 2), "21 labels 0 or 1"),
        (lambda f, y, s: f[0].__setitem__((3, 0, 0, 0), np.nan), "NaN"),
    ],
)
def test_bad_frames_say_which_video(change, message):
    with pytest.raises(ValueError, match=message):
        _bad(change)()


def test_bad_training_says_what_is_expected():
    frames = gather()
    with pytest.raises(ValueError, match="no frames of subject z; there are a, b, c"):
        list(train_folds(frames, TINY, subjects=["z"]))
    with pytest.raises(ValueError, match="12, 12.*42"):
        list(train_folds(frames))
    with pytest.raises(ValueError, match="epochs 0"):
        SpotterConfig(epochs=0)
    features, _, subjects = draw()
    nothing = gather_frames(features, [np.zeros(len(f)) for f in features], subjects, augment=True)
    with pytest.raises(ValueError, match="fold of subject 'a': 0 training frames"):
        list(train_folds(nothing, TINY))
    wild = SpotterConfig(model=SOFTNetConfig.tiny(), epochs=3, learning_rate=1e30)
    with pytest.raises(ValueError, match=r"'b', epoch \d: the loss is (nan|inf)"):
        list(train_folds(frames, wild, subjects=["b"]))
    with pytest.raises(ValueError, match="12, 12, 3"):
        score_videos(next(iter(train_folds(frames, TINY, subjects=["a"]))).weights, [features[0][:, 1:]], TINY.model)
