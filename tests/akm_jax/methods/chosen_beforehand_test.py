"""AKMNet without mining on frames that are chosen before anything else: drawn as many as it chose, or interpolated."""

import csv
import dataclasses

import jax
import numpy as np
import pytest
from flax import nnx
from rich.console import Console

from akm_jax.clips import pack
from akm_jax.config import AKMNetConfig, ModelConfig
from akm_jax.data.clip_set import Clips, HeldPictures, resize_frame
from akm_jax.files import fold_folder, read_json
from akm_jax.methods import akmnet
from akm_jax.models.akmnet import AKMNet as Network
from akm_jax.prepare.tim import interpolate
from akm_jax.run import run_loso
from akm_jax.train import checkpoint
from akm_jax.train.state import empty_state, graph_definition, merge
from akm_jax.views.view import Views

MODEL = ModelConfig(image_size=32, widths=(4, 4, 8, 8), gru_hidden=4)
# Sums over frames in another order, for clips are padded to other lengths.
FLOAT32 = 1e-5


def logits_of(network, frames):
    """Of one clip, by the network itself."""
    seen = np.stack([resize_frame(frame, MODEL.image_size) for frame in frames])
    return np.asarray(jax.jit(lambda clip: network(clip).logits)(pack([seen])))[0]


def test_a_network_of_interpolated_clips_sees_each_at_its_number_of_frames():
    config = dataclasses.replace(MODEL, mining="norm16")
    network = Network(config, 3, rngs=nnx.Rngs(0))
    rng = np.random.default_rng(0)
    frames = tuple(rng.integers(0, 256, (length, 40, 36), dtype=np.uint8) for length in (5, 23))
    zeros = np.zeros(2, np.int32)
    clips = Clips(3, np.array([5, 23], np.int32), np.float32([0, 0]), zeros, HeldPictures(frames))
    said = akmnet.model_of(config, network)(clips, Views())
    expected = [logits_of(network, interpolate(one, 16)) for one in frames]
    np.testing.assert_allclose(said.logits, expected, atol=FLOAT32)
    assert np.abs(logits_of(network, frames[1]) - expected[1]).max() > 10 * FLOAT32


def settings(**changes):
    """The smallest network and an epoch of few steps."""
    tiny = AKMNetConfig.preset("tiny")
    config = dataclasses.replace(tiny, train=dataclasses.replace(tiny.train, epochs=1, parts=1))
    mining = changes.pop("mining", "s123")
    return akmnet.AKMNet(dataclasses.replace(config, model=dataclasses.replace(MODEL, mining=mining), **changes))


def run(method, clip_set, place):
    quiet = {"console": Console(quiet=True), "views_dir": place.parent / "views", "rules": "last"}
    run_loso(method, clip_set, place, **quiet)
    return place


def network_of(place, subject, config, num_classes):
    """The network that a fold kept."""
    kept = checkpoint.of_fold(fold_folder(place, 0, subject))
    return merge(graph_definition(config, num_classes), kept.restore(empty_state(config, num_classes)))


def require_its_logits(place, clip_set, config, seen):
    """Every clip was answered as the network of its fold answers what `seen` gives of it."""
    with (place / "predictions.csv").open() as file:
        rows = {row["clip_id"]: row for row in csv.DictReader(file)}
    for subject in sorted(set(clip_set.subjects)):
        network = network_of(place, subject, config, len(clip_set.class_names))
        for i in np.flatnonzero(np.array(clip_set.subjects) == subject):
            row = rows[clip_set.clip_ids[i]]
            expected = [float(row[f"last_seed0_logit_{name}"]) for name in clip_set.class_names]
            np.testing.assert_allclose(logits_of(network, seen(subject, i)), expected, atol=FLOAT32)


@pytest.mark.long
def test_a_run_on_interpolated_clips_scores_these(make_clip_set, tmp_path):
    clip_set = make_clip_set(num_subjects=2, clips_per_subject=3, lengths=[6, 4])
    method = settings(mining="norm16")
    place = run(method, clip_set, tmp_path / "run")
    require_its_logits(place, clip_set, method.config.model, lambda _, clip: interpolate(clip_set.read(clip), 16))


@pytest.mark.long
def test_a_run_on_random_frames_sees_as_many_as_akmnet_chose(make_clip_set, tmp_path, monkeypatch):
    """Of every clip of every fold; and of a left-out clip its scores are those of the drawn frames alone."""
    clip_set = make_clip_set(num_subjects=2, clips_per_subject=3, lengths=[6, 4])
    chooser = run(settings(), clip_set, tmp_path / "chooser")
    drawn, draw = {}, akmnet.draw_as_many

    def record(selected, place):
        drawn[place.subject] = draw(selected, place)
        return drawn[place.subject]

    monkeypatch.setattr(akmnet, "draw_as_many", record)
    method = settings(mining="random", key_frames_of=chooser)
    place = run(method, clip_set, tmp_path / "run")
    assert drawn.keys() == set(clip_set.subjects)
    for subject, of_clips in drawn.items():
        chosen = read_json(fold_folder(chooser, 0, subject) / "result.json")["rules"]["last"]["clips"]
        for clip_id, mined in chosen.items():
            frames = of_clips[clip_set.clip_ids.index(clip_id)]
            assert len(frames) == sum(mined["selected"])
        assert any(len(frames) < length for frames, length in zip(of_clips, clip_set.lengths, strict=True))
    require_its_logits(
        place, clip_set, method.config.model, lambda subject, clip: clip_set.read(clip)[drawn[subject][clip]]
    )
