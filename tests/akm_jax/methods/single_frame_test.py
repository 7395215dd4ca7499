"""Networks on one frame: which frame a fold sees, and how they are built and trained."""

import dataclasses
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from rich.console import Console

from akm_jax.config import TrainConfig
from akm_jax.data.clip_set import ClipSet
from akm_jax.files import fold_folder, write_json
from akm_jax.methods import find_method, method_names
from akm_jax.methods._finished_run import FinishedRun, load_fold
from akm_jax.methods._single_frame import MaxKeyTrainer
from akm_jax.methods.akmnet import draw_as_many
from akm_jax.methods.protocol import Kept, Training
from akm_jax.methods.resnet18 import SingleFrameResNet18
from akm_jax.methods.vgg11 import SingleFrameVGG11
from akm_jax.models.single_frame import SingleFrameResNet18 as ResNet18
from akm_jax.models.single_frame import _as_one_clip
from akm_jax.observe import Place
from akm_jax.optim import learning_rate
from akm_jax.run import run_loso
from akm_jax.train.checkpoint import Checkpoint
from akm_jax.views.chosen_frame import ChosenFrame
from akm_jax.views.view import Clip, Views

BOTH = (SingleFrameResNet18, SingleFrameVGG11)


@pytest.mark.parametrize("kind", BOTH)
def test_they_are_methods_with_presets(kind):
    assert kind.name in method_names()
    assert find_method(kind.name) is kind
    sizes = [kind.preset(name).view.size for name in ("paper", "demo", "tiny")]
    assert sizes == [128, 64, 32]
    for name in ("paper", "demo", "tiny"):
        kind.preset(name).validate()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"view": ChosenFrame(size=48)}, "--view.size=48: resnet18 takes pictures of side 32, 64, 96"),
        ({"view": ChosenFrame(frame="max_key")}, "--view.frame=max_key, --key_frames_of=None: expected"),
        ({"key_frames_of": Path("runs/a")}, "--view.frame=apex, --key_frames_of=runs/a: expected"),
    ],
)
def test_settings_that_do_not_go_together_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SingleFrameResNet18(), **changes).validate()


def test_sizes_are_those_of_the_published_networks():
    torchvision = 11_689_512 - 1000 * 513  # without its classifier
    assert SingleFrameResNet18().num_parameters(4) == torchvision - 49 * 3 * 64 + 25 * 64 + 4 * 513
    convolutions = [(1, 64), (64, 128), (128, 256), (256, 256), (256, 512), (512, 512), (512, 512), (512, 512)]
    dense = [(512 * 16, 4096), (4096, 4096), (4096, 4)]
    expected = sum(9 * a * b + b for a, b in convolutions) + sum(a * b + b for a, b in dense)
    assert SingleFrameVGG11().num_parameters(4) == expected


def test_they_are_optimised_as_akmnet_is():
    recipe = SingleFrameResNet18().recipe(3)
    assert (recipe.epochs, recipe.clips_per_step) == (40, 8)
    rates = [learning_rate(TrainConfig(), epoch) for epoch in (1, 5, 40)]
    assert [recipe.rate(epoch) for epoch in (1, 5, 40)] == rates


def test_the_view_gives_the_apex_or_every_frame():
    frames = np.arange(3, dtype=np.uint8)[:, None, None] * np.full((1, 40, 40), 10, np.uint8)
    clip = Clip(frames, 25.0, 1)
    np.testing.assert_array_equal(ChosenFrame(size=32)(clip), np.full((32, 32, 1), 10))
    every = ChosenFrame(size=32, frame="max_key")(clip)
    assert every.shape == (3, 32, 32, 1)
    assert every[:, 0, 0, 0].tolist() == [0, 10, 20]


class Betas:
    """Stands for a finished run: fold "a" scores the first frame of clip i highest, fold "b" the last."""

    def key_frames(self, training):
        falling = [np.array([0.9, 0.5, 0.1]), np.array([0.9, 0.2])]
        betas = falling if training.place.subject == "a" else [beta[::-1] for beta in falling]
        return types.SimpleNamespace(beta=betas)


def test_a_fold_sees_the_frames_that_its_own_run_scores_highest(monkeypatch):
    seen = []
    monkeypatch.setattr(MaxKeyTrainer, "train_on", lambda self, inputs, trainings, starts: seen.append(inputs) or [])
    views = Views([np.array([10, 11, 12]), np.array([20, 21])])
    trainings = [
        Training(
            Place(0, subject, "all_subjects"), np.array([1 - i]), np.array([0], np.int32), ("x",), (np.array([i]),)
        )
        for i, subject in enumerate("ab")
    ]
    trainer = MaxKeyTrainer(SingleFrameResNet18(), views, trainings, 2, Betas())
    for training in trainings:
        list(trainer.train([training], [None], None))
    assert [inputs[0].tolist() for inputs in seen] == [[10, 20], [12, 21]]


def test_statistics_are_those_of_the_real_pictures_of_a_step():
    pictures = jax.random.uniform(jax.random.key(0), (4, 32, 32, 1)) * 255
    mask = jnp.array([True, True, True, False])
    clips = _as_one_clip(pictures, mask)
    maps = jax.random.normal(jax.random.key(1), (4, 2, 2, 3))
    network = ResNet18(2, widths=(4, 4, 4, 3), rngs=nnx.Rngs(0))
    norm = network.trunk.blocks[-1].norm2
    found = np.asarray(norm(maps, clips, train=True))[:3]
    real = np.asarray(maps)[:3]
    expected = (real - real.mean((0, 1, 2))) / np.sqrt(real.var((0, 1, 2)) + 1e-5)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(norm.mean[...], 0.1 * real.mean((0, 1, 2)), rtol=1e-4, atol=1e-6)


def test_random_frames_are_as_many_as_were_selected_and_drawn_for_fold_and_seed():
    selected = [np.array([0, 1, 1, 0, 1, 0, 0, 1, 0, 0]), np.array([1]), np.ones(6, int)]
    place = Place(0, "7", "all_subjects")
    drawn = draw_as_many(selected, place)
    assert [len(frames) for frames in drawn] == [4, 1, 6]
    for frames, of_clip in zip(drawn, selected, strict=True):
        assert (np.diff(frames) > 0).all()
        assert frames.min() >= 0
        assert frames.max() < len(of_clip)
    inner = draw_as_many(selected, dataclasses.replace(place, training="inner"))
    assert [f.tolist() for f in inner] == [f.tolist() for f in drawn]
    others = [draw_as_many(selected, Place(seed, "7", "all_subjects"))[0].tolist() for seed in range(5)]
    assert len({tuple(frames) for frames in others}) > 1


def test_random_frames_are_spread_evenly_over_a_clip():
    counts = np.zeros(10)
    for seed in range(400):
        counts[draw_as_many([np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0])], Place(seed, "1", "x"))[0]] += 1
    # Each frame is drawn 120 times on average; 5 standard deviations of a binomial are 46.
    assert np.abs(counts - 120).max() < 46


def test_a_run_that_is_none_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"--key_frames_of=.*run\.json is missing"):
        FinishedRun(tmp_path, None, [], None)


def test_the_run_that_chose_the_frames_is_looked_for_above_the_run_that_saw_them(tmp_path):
    """Where its place was said relative to a folder that the command is not given in now."""
    fold = fold_folder(tmp_path / "runs" / "seen", 0, "1")
    kept = Kept(Checkpoint(fold / "checkpoints" / "all_subjects" / "epoch_0001", 1, {}), "1", 3)
    message = r"chosen by the run of akmnet in runs/chooser, relative to the folder .* which is not there; put it back"
    with pytest.raises(FileNotFoundError, match=message):
        load_fold(Path("runs/chooser"), kept)
    chooser = tmp_path / "runs" / "chooser"
    write_json(chooser / "run.json", {"config": {"method": "higo"}})
    with pytest.raises(ValueError, match=f"^{chooser}, by which frames were chosen: a run of method 'higo'; expected"):
        load_fold(Path("runs/chooser"), kept)
    with pytest.raises(FileNotFoundError, match="akmnet in /gone, which is not there"):
        load_fold(Path("/gone"), kept)


@pytest.mark.long
@pytest.mark.parametrize("kind", BOTH)
def test_a_run_of_the_smallest(kind, tmp_path):
    """Two people who are told apart by nothing, three classes of brightness that no clip is needed for."""
    levels = {"dark": 30, "grey": 120, "light": 220}
    rng = np.random.default_rng(0)
    names = [name for _ in range(4) for name in levels] * 2
    frames = [np.clip(rng.normal(levels[n], 5, (2, 32, 32)), 0, 255).astype(np.uint8) for n in names]
    clip_set = ClipSet.from_frames(frames, names, ["a"] * 12 + ["b"] * 12)
    method = dataclasses.replace(kind.preset("tiny"), epochs=4)
    summary = run_loso(method, clip_set, tmp_path / "run", console=Console(quiet=True), views_dir=tmp_path / "views")
    assert summary["num_clips"] == 24
    assert 0 <= summary["rules"]["last"]["accuracy"] <= 1
