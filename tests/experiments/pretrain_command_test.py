"""`python -m experiments.pretrain`: what it writes and prints, and what it refuses."""

import re

import numpy as np
import pytest
from flax import nnx
from PIL import Image

from akm_jax.config import AKMNetConfig, PretrainConfig
from akm_jax.interop.torch import to_state_dict
from akm_jax.models.akmnet import AKMNet
from akm_jax.train.start_weights import start_from
from datasets_tfds.classes import MEGC3, PAPER4
from datasets_tfds.stills import load_stills
from datasets_tfds.synthetic.expressions import EMOTIONS
from experiments.data import draw_still_folder, draw_stills, drawn_emotions


def test_stills_are_drawn_for_every_class_scheme():
    casme2 = ("disgust", "happiness", "others", "repression", "surprise")
    for names in (PAPER4, MEGC3, tuple(EMOTIONS), casme2, ("tense", "repression")):
        assert all(set(drawn_emotions(name, names)) <= set(EMOTIONS) and drawn_emotions(name, names) for name in names)
    assert drawn_emotions("others", PAPER4) == ("others", "repression")
    assert drawn_emotions("others", casme2) == ("others",)


def test_stills_show_the_classes_in_turn_others_included():
    stills = draw_stills(PretrainConfig(people=4, stills=4), PAPER4, size=32)
    assert stills.labels.tolist() == [0, 1, 2, 3] * 4
    assert len(set(stills.subjects)) == 4


def test_a_class_that_is_not_drawn_is_named():
    with pytest.raises(ValueError, match=r"no stills are drawn of class bored; give 0, or --init=RUN"):
        draw_stills(PretrainConfig(people=4), ("bored", "positive"), size=32)


@pytest.mark.long
def test_a_folder_is_learned_from_once_and_its_trunk_copied(warm_command, tmp_path):
    draw_still_folder(tmp_path / "faces", 3, size=32)
    (tmp_path / "faces" / "positive" / "notes.txt").write_text("no picture")
    options = ("--images=faces", "--preset=tiny", "--epochs=2", "--clips_per_step=4", "--run_dir=start")
    done = warm_command("pretrain", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = re.sub(r"\s+", " ", done.stderr)
    assert "12 stills: 3 positive, 3 negative, 3 surprise, 3 others" in text
    assert "epoch 2/2: loss" in text
    found = re.search(r"accuracy (\S+) of the stills learned from, (\S+) of those held out", text)
    assert found
    assert "python -m experiments.loso --preset=tiny --init=start" in text
    again = warm_command("pretrain", *options, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert found[0] in re.sub(r"\s+", " ", again.stderr)
    assert "epoch" not in again.stderr
    fresh = AKMNet(AKMNetConfig.preset("tiny").model, 3, rngs=nnx.Rngs(0))
    network, copied, left = start_from(tmp_path / "start", fresh)
    own = {name for name in to_state_dict(nnx.state(fresh)) if not name.startswith("fc.")}
    assert set(copied) == own
    assert left == ["fc.1.weight", "fc.1.bias"]
    assert np.abs(np.asarray(network.trunk.stem_norm.mean[...])).max() > 0  # statistics of a training
    other = warm_command("pretrain", *options, "--epochs=3", cwd=tmp_path)
    assert other.returncode == 1
    assert "config.pretrain.epochs: there 2, now 3" in other.stderr.replace("\n", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--images=gone"], "gone: no such folder; expected one folder a class"),
        (["--images=.", "--preset=big"], "--preset=big: expected one of paper, demo, tiny"),
        (["--images=one"], "one holds one class folder, happy"),
        (["--images=broken"], "broken: 2 pictures cannot be read; replace or remove them:"),
        (["--images=new", "--draw=1"], "--draw=1: expected at least 2 people"),
        (
            ["--images=one", "--draw=2"],
            "one is there and holds 0 pictures, which are not the 8 of 128",
        ),
        (["--images=.", "--epochs=0"], "--pretrain.epochs=0: expected at least 1"),
        (["--images=.", "--data.subject_pattern=x"], "--data.subject_pattern: no such option"),
        (["--images=.", "--data.memory_gib=-1"], "--data.memory_gib=-1.0: expected 0"),
    ],
)
def test_errors_fit_on_one_screen_and_say_what_to_do(warm_command, tmp_path, options, message):
    (tmp_path / "one" / "happy").mkdir(parents=True)
    for label in ("happy", "angry"):
        (tmp_path / "broken" / label).mkdir(parents=True)
        for i in range(2):
            Image.new("L", (4, 4)).save(tmp_path / "broken" / label / f"{i}.png")
        (tmp_path / "broken" / label / "x.png").write_bytes(b"\x89PNG")
    done = warm_command("pretrain", *options, cwd=tmp_path)
    assert done.returncode == (2 if re.match("--(preset|pretrain|data)", message) else 1)
    assert message in done.stderr.replace("\n", "")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.long
def test_four_classes_of_fifty_drawn_stills_are_learned(command, tmp_path):
    options = ("--preset=demo", "--clips_per_step=8", "--learning_rate=0.02", "--epochs=75", "--run_dir=start")
    done = command("pretrain", "--images=faces", "--draw=50", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    accuracy = re.search(r"accuracy (\S+) of the stills", done.stderr)
    assert accuracy
    assert float(accuracy[1]) > 0.9
    fresh = AKMNet(AKMNetConfig.preset("demo").model, 4, rngs=nnx.Rngs(0))
    _, copied, left = start_from(tmp_path / "start", fresh)
    assert set(copied) == set(to_state_dict(nnx.state(fresh)))
    assert not left


def test_a_folder_is_drawn_once_and_read_as_any_other(tmp_path, monkeypatch):
    folder = tmp_path / "faces"
    draw_still_folder(folder, 2, size=32)
    stills = load_stills(folder)
    assert stills.class_names == PAPER4
    assert np.bincount(stills.labels).tolist() == [2, 2, 2, 2]
    drawn = draw_stills(PretrainConfig(people=2, stills=4), PAPER4, size=32)
    for clip, name in enumerate(stills.clip_ids):
        same = drawn.clip_ids.index(name.partition("/")[2].removesuffix(".png"))
        assert stills.class_names[stills.labels[clip]] == PAPER4[drawn.labels[same]]
        np.testing.assert_array_equal(stills.read(clip), drawn.read(same))
    monkeypatch.setattr(Image.Image, "save", None)  # nothing is written again
    draw_still_folder(folder, 2, size=32)
    for people, size, said in ((3, 32, "12 of 32 x 32"), (2, 48, "8 of 48 x 48")):
        with pytest.raises(ValueError, match=f"holds 8 pictures, which are not the {said} to be drawn; give another"):
            draw_still_folder(folder, people, size=size)
