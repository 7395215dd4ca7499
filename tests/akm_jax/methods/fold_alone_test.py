"""A fold of every kind of network learns from its own clips alone, and goes on from a checkpoint as if not stopped."""

import functools

import jax
import numpy as np
import pytest
from rich.console import Console

from akm_jax.data.clip_set import ClipSet
from akm_jax.descriptors.higo import HIGOConfig
from akm_jax.descriptors.svm import SVMConfig
from akm_jax.methods._network import NetworkTrainer
from akm_jax.methods._support_vectors import Frames
from akm_jax.methods.higo import HIGO, HIGOView
from akm_jax.methods.htnet import HTNet
from akm_jax.methods.macro2micro import Macro2Micro
from akm_jax.methods.protocol import Start, Training
from akm_jax.methods.rcn import RCN
from akm_jax.methods.resnet18 import SingleFrameResNet18
from akm_jax.methods.sssnet import SSSNet
from akm_jax.methods.strcn import STRCN
from akm_jax.observe import Observer, Place
from akm_jax.run import run_loso
from akm_jax.train import checkpoint
from akm_jax.views.magnified_flow import MagnifiedFlow
from akm_jax.views.view import Views

SUBJECTS = np.repeat(["a", "b", "c"], [3, 4, 5])
LABELS = (np.arange(len(SUBJECTS)) % 4 % 3).astype(np.int32)  # classes of 6, 3 and 3 clips, which a list fills up
EPOCHS = 2

# Each with the shape of what it sees of a clip.
SMALL = [
    (SingleFrameResNet18.preset("tiny"), (32, 32, 1)),
    (STRCN(view=MagnifiedFlow(height=64, width=64, alphas=(8, 12)), features=2, epochs=EPOCHS), (2, 64, 64, 2)),
    (RCN(features=4, epochs=EPOCHS, clips_per_step=4), (60, 60, 3)),
    (SSSNet(epochs=EPOCHS, clips_per_step=4), (64, 64, 3)),
    (HTNet(dim=3, epochs=EPOCHS, clips_per_step=4), (28, 28, 3)),
    (Macro2Micro(epochs=EPOCHS, steps_per_epoch=2, clips_per_step=2), (224, 224, 1)),
]
ALL = [pytest.param(*one, id=one[0].name, marks=pytest.mark.long) for one in SMALL]


def seen_of(shape, labels=LABELS):
    """What is seen of every clip, with a trace of its class."""
    rng = np.random.default_rng(0)
    return [rng.uniform(0, 100, shape).astype(np.float32) + 50 * label for label in labels]


def training_of(subject, labels=LABELS):
    own = np.flatnonzero(subject != SUBJECTS)
    watched = (np.flatnonzero(subject == SUBJECTS),)
    return Training(Place(0, subject, "all_subjects"), own, labels[own], tuple(SUBJECTS[own]), watched)


def epochs_of(method, seen, subject, start=None, labels=LABELS):
    """Outputs, loss and state of every epoch of a fold."""
    trainer = NetworkTrainer(method, Views(seen), [training_of(one) for one in "abc"], 3)
    trained = trainer.train([training_of(subject, labels)], [start or Start()], Observer())
    return [(one.outputs[0], one.notes["loss"], jax.tree.map(np.asarray, one.state())) for (one,) in trained]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


@pytest.fixture(scope="module")
def through():
    """Gives the epochs of fold b of a method, trained once for all tests."""
    return functools.cache(lambda method, shape: epochs_of(method, seen_of(shape), "b"))


@pytest.mark.parametrize(("method", "shape"), ALL)
def test_the_left_out_subject_changes_nothing_of_its_fold(through, method, shape):
    """Its pictures and labels; bit for bit, and another subject's change the fold."""
    before = through(method, shape)
    outputs = {}
    for changed in "ba":
        seen, labels = seen_of(shape), LABELS.copy()
        for clip in np.flatnonzero(changed == SUBJECTS):
            seen[clip], labels[clip] = 255 - seen[clip][::-1], 2 - labels[clip]
        after = epochs_of(method, seen, "b", labels=labels)
        for (_, loss, state), (_, loss_before, state_before) in zip(after, before, strict=True):
            assert (loss == loss_before) == (changed == "b")
            assert same(state, state_before) == (changed == "b")
        outputs[changed] = after[-1][0]
    assert not np.array_equal(outputs["b"], before[-1][0])


@pytest.mark.parametrize(("method", "shape"), ALL)
def test_going_on_from_a_checkpoint_equals_training_through(through, tmp_path, method, shape):
    *_, (_, _, first), (outputs, loss, last) = through(method, shape)
    done = len(through(method, shape)) - 1
    checkpoint.save(tmp_path, done, first, {})
    kept, _ = checkpoint.newest(tmp_path)
    ((resumed, loss_then, state),) = epochs_of(method, seen_of(shape), "b", Start(done, kept.restore))
    assert same(state, last)
    assert loss_then == loss
    np.testing.assert_array_equal(resumed, outputs)


class StopInSecondFold(Observer):
    """Stands for a kill."""

    def training_starts(self, place, epoch):
        if place.subject == "b":
            raise KeyboardInterrupt


def test_a_descriptors_run_that_was_stopped_equals_one_that_was_not(tmp_path):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (5, 32, 32), dtype=np.uint8) for _ in SUBJECTS]
    clip_set = ClipSet.from_frames(frames, LABELS, SUBJECTS)
    method = HIGO(view=HIGOView(Frames(size=32), HIGOConfig(rows=2, cols=2)), svm=SVMConfig(costs=(1.0, 10.0)))
    run = functools.partial(
        run_loso, method, clip_set, console=Console(quiet=True), views_dir=tmp_path / "views", rules="last"
    )
    run(tmp_path / "through")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", observers=[StopInSecondFold()])
    assert [path.parent.name for path in (tmp_path / "stopped").glob("folds/seed0/s*/result.json")] == ["sa"]
    run(tmp_path / "stopped")
    whole, resumed = ((tmp_path / name / "predictions.csv").read_bytes() for name in ("through", "stopped"))
    assert whole == resumed
