"""Clips of one's own made into what a network was trained on: the pixels that the prepared sets hold, and warnings."""

import dataclasses
import json
import shutil
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from akm_jax.data.clip_set import resize_frame
from akm_jax.data.own_clip import open_clip
from akm_jax.prepare import Box, Eyes, MeshEyes, align_clip
from datasets_tfds.as_trained import TrainingPictures, see_clip, training_pictures
from datasets_tfds.source import load_clip_set
from datasets_tfds.synthetic import CorpusConfig, write_corpus

SIZE = 64
ALPHAS = {"hs_raw": 0.0, "aligned": 0.0, "aligned_alpha15": 15.0}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """Raw pictures of two drawn people, a clip of each."""
    config = CorpusConfig(subjects=2, clips=1, variant="raw", size=96, min_frames=5, max_frames=5)
    return write_corpus(config, tmp_path_factory.mktemp("drawn") / "smic")


@pytest.fixture(scope="module")
def cropped(tmp_path_factory) -> Path:
    """A clip of a drawn face that fills the picture."""
    folder = write_corpus(
        CorpusConfig(subjects=1, clips=1, size=96, min_frames=5, max_frames=5), tmp_path_factory.mktemp("c") / "s"
    )
    return next(folder.glob("SMIC_all_cropped/HS/*/micro/*/*"))


@pytest.fixture
def run(tmp_path):
    """Writes what a run says of its data, and a finished fold with a clip of 5 frames."""

    def write(**config) -> Path:
        fold = tmp_path / "run" / "folds" / "seed0" / "s1"
        fold.mkdir(parents=True, exist_ok=True)
        (tmp_path / "run" / "run.json").write_text(json.dumps({"config": config}))
        clips = {"a": {"beta": [0.0] * 5}, "b": {"beta": [0.0] * 4}}
        (fold / "result.json").write_text(json.dumps({"rules": {"last": {"clips": clips}}}))
        return tmp_path / "run"

    return write


def raw_clip(drawn: Path, clip_id: str):
    return open_clip(next(drawn.glob(f"SMIC_all_raw/HS/*/micro/*/{clip_id}")))


@pytest.mark.parametrize("data_config", list(ALPHAS))
def test_the_pictures_of_a_run_are_seen_as_the_run_saw_them(drawn, run, tmp_path, data_config):
    trained = training_pictures(run(dataset="smic", data_config=data_config))
    assert trained.alpha == ALPHAS[data_config]
    clip_set = load_clip_set("smic", manual_dir=drawn, data_dir=tmp_path / "built", data_config=data_config)
    assert len(clip_set) == 2
    for i, clip_id in enumerate(clip_set.clip_ids):
        seen = see_clip(raw_clip(drawn, clip_id), trained, SIZE)
        expected = np.stack([resize_frame(frame, SIZE) for frame in clip_set.read(i)])
        np.testing.assert_array_equal(seen.frames, expected)
        assert seen.face.count == 1
        assert seen.warnings == ()
        assert any("aligned" in note for note in seen.notes) == (data_config != "hs_raw")


@pytest.mark.parametrize(
    ("config", "form", "alpha", "is_drawn"),
    [
        ({"dataset": "smic", "data_config": None}, "cropped", 0, False),
        ({"dataset": "synthetic", "data_config": None}, "cropped", 0, True),
        ({"dataset": "synthetic", "data_config": "aligned_alpha15"}, "aligned", 15, True),
        ({"dataset": "synthetic", "data_config": None, "synthetic": {"layout": "casme2"}}, "cropped", 0, True),
        ({"dataset": "synthetic", "data_config": None, "synthetic": {"layout": "samm"}}, "raw", 0, True),
        ({"dataset": "synthetic", "data_config": None, "synthetic": {"layout": "smic,samm"}}, "unknown", 0, True),
        ({"dataset": "casme2", "data_config": "aligned"}, "aligned", 0, False),
        ({"dataset": "casme2", "data_config": None}, "cropped", 0, False),
        ({"dataset": "casme", "data_config": "raw"}, "raw", 0, False),
        ({"dataset": "samm", "data_config": "original"}, "unknown", 0, False),
        ({"dataset": "folder", "data_config": None}, "unknown", 0, False),
        ({"dataset": "smic,casme2", "data_config": None}, "cropped", 0, False),
        ({"dataset": "smic,casme2,samm", "data_config": None}, "unknown", 0, False),
        ({"dataset": "smic,casme2", "data_config": "aligned,aligned"}, "aligned", 0, False),
        ({"dataset": "smic,casme2", "data_config": "aligned,original"}, "unknown", 0, False),
        ({"dataset": "smic,casme2", "data_config": "aligned_alpha15"}, "aligned", 15, False),
        ({}, "unknown", 0, False),
    ],
)
def test_a_run_says_what_its_pictures_were(run, config, form, alpha, is_drawn):
    assert training_pictures(run(**config)) == TrainingPictures(form, alpha, is_drawn, longest=5)


def test_faces_that_were_given_to_the_set_are_those_of_its_clips(drawn, run, tmp_path):
    """A table beside the data moves the eyes of one clip by some pixels; the other clip's are found."""
    corpus = shutil.copytree(drawn, tmp_path / "smic")
    ids = sorted(path.name for path in corpus.glob("SMIC_all_raw/HS/*/micro/*/*"))
    header = "clip,left_eye_x,left_eye_y,right_eye_x,right_eye_y\n"
    (corpus / "faces.csv").write_text(f"{header}{ids[0]},60,55,110,57\n")
    clip_set = load_clip_set("smic", manual_dir=corpus, data_dir=tmp_path / "built", data_config="aligned")
    trained = training_pictures(run(dataset="smic", data_config="aligned", manual_dir=str(corpus)))
    for i, clip_id in enumerate(clip_set.clip_ids):
        clip = raw_clip(corpus, clip_id)
        seen = see_clip(clip, trained)
        np.testing.assert_array_equal(seen.frames, clip_set.read(i))
        assert any("faces.csv says" in note for note in seen.notes) == (clip_id == ids[0])
    (tmp_path / "link").symlink_to(raw_clip(corpus, ids[0]).path)
    linked = see_clip(open_clip(tmp_path / "link"), dataclasses.replace(trained, folders=()))
    np.testing.assert_array_equal(linked.frames, clip_set.read(clip_set.clip_ids.index(ids[0])))
    (corpus / "faces.csv").write_text(f"{header}{ids[0]},60,55,110,wide\n")
    with pytest.raises(ValueError, match=r"faces\.csv has 1 bad rows"):
        see_clip(raw_clip(corpus, ids[0]), trained)


def test_a_file_of_weights_says_nothing(tmp_path):
    assert training_pictures(tmp_path / "akmnet.pt") == TrainingPictures()


def test_a_small_face_is_cropped_for_a_network_of_cropped_faces(drawn, cropped):
    clip = open_clip(next(drawn.glob("SMIC_all_raw/HS/*/micro/*/*")))
    seen = see_clip(clip, TrainingPictures("cropped"), SIZE)
    aligned = align_clip(list(clip), MeshEyes())
    np.testing.assert_array_equal(seen.frames, np.stack([resize_frame(frame, SIZE) for frame in aligned]))
    assert seen.notes == ("the face is cropped and aligned, as the training pictures were",)
    for form in ("cropped", "raw", "unknown"):
        seen = see_clip(open_clip(cropped), TrainingPictures(form), SIZE)
        np.testing.assert_array_equal(seen.frames, np.stack([resize_frame(f, SIZE) for f in open_clip(cropped)]))
        assert (seen.notes, seen.warnings) == ((), ())
    assert see_clip(clip, TrainingPictures("raw"), SIZE).notes == ()
    assert see_clip(clip, TrainingPictures("aligned"), SIZE, crop="no").notes == ()


def test_of_an_unknown_network_a_small_face_is_told_and_cropped_on_request(drawn):
    clip = open_clip(next(drawn.glob("SMIC_all_raw/HS/*/micro/*/*")))
    (warning,) = see_clip(clip, TrainingPictures(), SIZE).warnings
    assert warning.endswith("if the network was trained on cropped ones: --crop=yes")
    assert see_clip(clip, TrainingPictures(), SIZE, crop="yes").warnings == ()


def test_a_face_may_be_given(drawn):
    clip = open_clip(next(drawn.glob("SMIC_all_raw/HS/*/micro/*/*")))
    for given in (Eyes((60.0, 55.0), (110.0, 57.0)), Box(40, 20, 96, 96)):
        seen = see_clip(clip, TrainingPictures("aligned"), SIZE, given=given)
        aligned = align_clip(list(clip), MeshEyes(), face=given)
        np.testing.assert_array_equal(seen.frames, np.stack([resize_frame(frame, SIZE) for frame in aligned]))
        assert seen.face.describe()["faces"] == 1


def save(folder: Path, frames) -> Path:
    folder.mkdir()
    for k, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{k}.png")
    return folder


def test_no_face_is_told(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (3, 100, 100), np.uint8)
    clip = open_clip(save(tmp_path / "clouds", [cv2.GaussianBlur(frame, (0, 0), 9) for frame in noise]))
    seen = see_clip(clip, TrainingPictures("cropped"), SIZE)
    assert (seen.face, seen.warnings) == (None, ("no face is found in the clip",))
    seen = see_clip(clip, TrainingPictures("aligned", 15.0), SIZE)
    assert seen.warnings[1].startswith("the clip is classified uncropped, as no face was found; give --eyes or --face")
    np.testing.assert_array_equal(seen.frames, np.stack([resize_frame(frame, SIZE) for frame in clip]))


def test_two_faces_much_too_many_frames_and_drawn_faces_are_told(cropped, tmp_path):
    frames = list(open_clip(cropped))
    clip = open_clip(save(tmp_path / "two", [np.hstack([frame, frame]) for frame in frames]))
    trained = TrainingPictures("cropped", is_drawn=True, longest=1)
    told = see_clip(clip, trained, SIZE).warnings
    assert told == (
        "2 faces are in the picture; the largest counts",
        "the network was trained on drawn faces",
        f"{len(frames)} frames, but the longest clip of the training has 1; cut it to one expression with --onset and "
        "--offset",
    )


def test_small_pictures_and_small_faces_are_told(cropped, tmp_path):
    small = [np.asarray(Image.fromarray(frame).resize((40, 40))) for frame in open_clip(cropped)]
    clip = open_clip(save(tmp_path / "small", small))
    expected = "the face, or the picture, is {} pixels wide or high and is enlarged to 128"
    assert see_clip(clip, TrainingPictures("raw"), 128).warnings == (expected.format(40),)
    assert see_clip(clip, TrainingPictures("raw"), 32).warnings == ()
    wide = open_clip(save(tmp_path / "wide", [np.pad(frame, 60, mode="edge") for frame in small]))
    (warning,) = see_clip(wide, TrainingPictures("cropped"), 128, given=Eyes((72.0, 73.0), (88.0, 73.0))).warnings
    assert warning == expected.format(40)


def test_memory_grows_with_the_reduced_frames_only(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "long.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, (320, 240))
    for k in range(80):
        writer.write(np.full((240, 320, 3), 3 * k, np.uint8))
    writer.release()
    tracemalloc.start()
    try:
        seen = see_clip(
            open_clip(tmp_path / "long.avi"), TrainingPictures("raw"), 32, given=Eyes((90.0, 90.0), (150.0, 90.0))
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seen.frames.shape == (80, 32, 32)
    assert peak < 80 * 320 * 240 / 4  # a quarter of the full-size grey frames; a few at a time are there


def test_haar_cascades_stand_in_for_the_models(cropped, monkeypatch):
    monkeypatch.setenv("AKM_FACE_DETECTOR", "haar")
    seen = see_clip(open_clip(cropped), TrainingPictures("cropped"), SIZE)
    assert seen.face.count == 1
