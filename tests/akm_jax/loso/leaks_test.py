"""Each kind of leak, planted, and the run refused before a fold is trained; what is honest passes."""

import dataclasses
from typing import Any, ClassVar

import numpy as np
import pytest
from rich.console import Console

from akm_jax.data.clip_set import HeldPictures
from akm_jax.data.folds import Fold
from akm_jax.loso import driver, leaks, rules
from akm_jax.methods.akmnet import AKMNet
from akm_jax.methods.lbp_top import LBPTop
from akm_jax.methods.protocol import Epoch, Method, Trainer
from akm_jax.observe import INNER
from akm_jax.run import run_loso
from akm_jax.views.view import LeakError


@pytest.fixture(scope="module")
def clip_set(make_clip_set):
    return make_clip_set(4, 6, image_size=16, lengths=[9, 11, 10, 12])


@pytest.fixture
def run(clip_set, tmp_path):
    """Run a method, looking for leaks; gives the summary."""

    def run(method, clip_set=clip_set, **options):
        options = {"check_leaks": True, "rules": "last"} | options
        console, views = Console(quiet=True), tmp_path / "views"
        return run_loso(method, clip_set, tmp_path / "run", console=console, views_dir=views, **options)

    return run


@pytest.fixture
def nothing_trained(tmp_path):
    """After the test: no fold was finished."""
    yield
    assert not list((tmp_path / "run").rglob("result.json"))


def picture(clip):
    return clip.frames.mean(0, dtype=np.float64)[::2, ::2].ravel() / 255


class Centroids(Method):
    """The nearest class mean of the training clips; leaks are planted in what derives from it."""

    name = "centroids"
    view = staticmethod(picture)

    def train_fold(self, training, views, start):
        means = self.learn(views, training)
        yield Epoch(1, [self.scores(views.stack(clips), means) for clips in training.watched])

    def learn(self, views, training):
        seen = views.stack(training.clips)
        return np.stack([seen[training.labels == k].mean(0) for k in range(3)])

    def scores(self, seen, means):
        return -((seen[:, None] - means) ** 2).sum(-1)


class Together(Centroids):
    """The same, all folds together."""

    all_folds_at_once: ClassVar[bool] = True

    def train_folds(self, trainings, views, starts):
        for epochs in zip(*(self.train_fold(t, views, None) for t in trainings), strict=True):
            yield list(epochs)


class Standardised(Centroids):
    """Preparation: mean and deviation of the whole set."""

    def learn(self, views, training):
        return super().learn(views, training) / views.stack(np.arange(len(views))).std()


class LabelsOfOthers(Centroids):
    """Resampling: clips of a rare class are taken from the trainings of other folds."""

    def prepare(self, clips, views, trainings, context):
        self.everything = {int(c): int(k) for t in trainings for c, k in zip(t.clips, t.labels, strict=True)}
        return Trainer(self, views)

    def learn(self, views, training):
        clips, labels = (np.array(list(part)) for part in zip(*self.everything.items(), strict=True))
        return super().learn(views, dataclasses.replace(training, clips=clips, labels=labels))


class BatchStatistics(Centroids):
    """Tested clips are normalised with their own statistics."""

    def scores(self, seen, means):
        return super().scores(seen - seen.mean(0), means - means.mean(0))


class EarlyStopping(Centroids):
    """The epoch that lies nearest to what it is tested on."""

    @property
    def epochs(self):
        return 8

    def train_fold(self, training, views, start):
        means, (watched,) = self.learn(views, training), training.watched
        seen = views.stack(watched)
        found = [self.scores(seen, means * number / 4) for number in range(1, 9)]
        for number in range(1, 9):
            yield Epoch(number, [max(found[:number], key=lambda scores: scores[-6:].mean())])


class OtherFolds(Together):
    """Folds that are trained together share what they learn."""

    def train_folds(self, trainings, views, starts):
        means = np.mean([self.learn(views, training) for training in trainings], axis=0)
        yield [Epoch(1, [self.scores(views.stack(clips), means) for clips in t.watched]) for t in trainings]


class Raw(Method):
    """Frames that it reads itself, normalised by those of the whole set."""

    name = "raw"

    def prepare(self, clips, views, trainings, context):
        self.mean = np.mean([clips.read(i).mean() for i in range(len(clips))])
        self.pictures = np.stack([clips.read(i).mean((0, 1, 2)) for i in range(len(clips))])
        return Trainer(self, views)

    def train_fold(self, training, views, start):
        yield Epoch(1, [self.pictures[clips, None] / self.mean * np.arange(3.0) for clips in training.watched])


LEAKS = [Standardised, LabelsOfOthers, BatchStatistics, EarlyStopping, OtherFolds, Raw]


@pytest.mark.usefixtures("nothing_trained")
@pytest.mark.parametrize("leak", LEAKS, ids=lambda kind: kind.__name__)
def test_a_method_that_sees_the_left_out_subject_is_refused(run, leak):
    with pytest.raises(LeakError, match=r"sees the subject it is tested on: .* its outputs for training clips change"):
        run(leak())


class Validation(Standardised):
    """The same in the second training alone, which chooses the epoch."""

    def learn(self, views, training):
        return (Standardised if training.place.training == INNER else Centroids).learn(self, views, training)


def test_the_training_that_chooses_is_looked_at_where_there_is_one(run):
    with pytest.raises(LeakError, match="sees the subject it is tested on"):
        run(Validation(), rules="last,inner")


@pytest.mark.parametrize(
    ("honest", "rules"), [(Centroids, "last"), (Together, "last"), (LBPTop, "last,inner"), (Validation, "last")]
)
def test_honest_methods_pass(run, honest, rules):
    assert run(honest(), rules=rules)["num_clips"] == 24


def test_akmnet_passes(run, tiny_config, make_clip_set):
    clips = make_clip_set(4, 6, lengths=[3, 5, 3, 1])  # those of the driver's tests, whose program serves here
    assert run(AKMNet(tiny_config), clips, folds="2")["num_clips"] == 6


class Random(Centroids):
    """Draws without a seed."""

    def scores(self, seen, means):
        return np.random.default_rng().normal(size=(len(seen), 3))


def test_what_is_random_cannot_be_told_and_is_no_run(run):
    with pytest.raises(ValueError, match="trained twice gives outputs that differ by .*draw what is random from the"):
        run(Random())


def test_the_check_costs_nothing_where_it_is_not_asked_for_or_all_is_finished(run, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("looked for leaks")

    run(Centroids())
    for name in ("refuse_dependence", "refuse_copies"):
        monkeypatch.setattr(leaks, name, refuse)
    run(Centroids())


# Data.


def with_pictures(clip_set, changes: dict[int, Any]):
    pictures = tuple(changes.get(i, clip_set.read(i)) for i in range(len(clip_set)))
    return dataclasses.replace(clip_set, pictures=HeldPictures(pictures))


@pytest.mark.usefixtures("nothing_trained")
def test_pictures_of_one_subject_under_another_are_refused_and_named(run, clip_set):
    copied = clip_set.read(20).copy()
    copied[1:3] = clip_set.read(0)[:2]
    with pytest.raises(LeakError, match=r"s1_0 \(subject 1\) and s4_20 \(subject 4\): 2 frames\nKeep one"):
        run(Centroids(), with_pictures(clip_set, {20: copied}), check_leaks=False)


def test_many_copies_are_counted(clip_set):
    again = with_pictures(clip_set, {i + 12: clip_set.read(i) for i in range(12)})
    with pytest.raises(LeakError, match=r"(?s)s1_0 .* and 7 pairs more\nKeep one clip of each pair"):
        leaks.refuse_copies(again)


def test_a_subject_may_repeat_itself_and_grey_frames_say_nothing(clip_set):
    grey = np.full((3, 16, 16), 7, np.uint8)
    leaks.refuse_copies(with_pictures(clip_set, {4: clip_set.read(0), 1: grey, 23: grey}))


# Trainings.


def plant_fold(monkeypatch, train, test):
    """The driver plans this training."""

    def planned(clip_set, options):
        return [rules.plan_training(clip_set, Fold("1", train, test), 0, "all_subjects", inner_share=0)]

    monkeypatch.setattr(driver, "all_trainings", planned)


@pytest.mark.usefixtures("nothing_trained")
def test_a_split_that_is_not_by_subject_is_refused(run, monkeypatch):
    plant_fold(monkeypatch, np.arange(2, 24), np.arange(2))
    with pytest.raises(LeakError, match="fold of subject 1, all_subjects: subject 1 is both trained on and tested on"):
        run(Centroids(), check_leaks=False)


@pytest.mark.usefixtures("nothing_trained")
def test_a_tested_clip_among_the_training_clips_is_refused(run, monkeypatch):
    plant_fold(monkeypatch, np.arange(5, 24), np.arange(6))
    with pytest.raises(LeakError, match="clips s1_5 are both trained on and tested on"):
        run(Centroids(), check_leaks=False)


@pytest.mark.usefixtures("nothing_trained")
def test_a_validation_subject_that_is_trained_on_is_refused(run, monkeypatch):
    """Early stopping of the driver's own: rule `inner` must validate on others than it trains on."""
    monkeypatch.setattr(rules, "inner_split", lambda clip_set, fold, **_: (fold.train, fold.train[:3]))
    with pytest.raises(LeakError, match=r"subject 1, inner: clips s2_6, s2_7, s2_8 are both trained on"):
        run(Centroids(), check_leaks=False, rules="inner")


def test_labels_of_more_than_the_training_clips_are_refused(clip_set):
    fold = Fold("1", np.arange(6, 24), np.arange(6))
    training = rules.plan_training(clip_set, fold, 0, "all_subjects", inner_share=0)
    with pytest.raises(LeakError, match="24 labels and 18 subjects of 18 training clips"):
        leaks.refuse_shared_subjects(clip_set, dataclasses.replace(training, labels=clip_set.labels))
