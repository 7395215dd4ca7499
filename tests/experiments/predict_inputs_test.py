"""`python -m experiments.predict` on what users bring: damaged videos, unclear names, single pictures, no face."""

import csv
import json
import shutil

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

from datasets_tfds.synthetic import CorpusConfig, write_corpus


@pytest.fixture(scope="module")
def workplace(finished, tmp_path_factory):
    """A finished tiny run, a clip of its data as a folder, and videos of 9 frames; most tests take 8, one program."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "run").symlink_to(finished / "run")
    clip = next((finished / "data").glob("synthetic/*/SMIC_all_cropped/HS/s1/micro/surprise/*"))
    (folder / clip.name).symlink_to(clip)
    frames = [np.asarray(Image.open(path)) for path in sorted(clip.iterdir())[:9]]
    for name, code in (("clip.avi", "MJPG"), ("clip.mp4", "mp4v")):
        writer = cv2.VideoWriter(str(folder / name), cv2.VideoWriter_fourcc(*code), 25, (96, 96))
        for frame in frames:
            writer.write(cv2.resize(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR), (96, 96)))
        writer.release()
    return folder


@pytest.fixture(scope="module")
def clip(workplace) -> str:
    return next(path.name for path in workplace.iterdir() if path.name.startswith("s1_"))


@pytest.fixture(scope="module")
def predict(workplace, warm_command):
    """Runs the command there with the run's first fold."""
    return lambda *arguments: warm_command("predict", *arguments, "--checkpoint=run", "--fold=1", cwd=workplace)


def said(done) -> str:
    assert "Traceback" not in done.stderr
    return " ".join((done.stdout + done.stderr).split())


def test_the_pictures_of_a_run_give_its_predictions_and_a_drawn_face_is_told(workplace, predict, clip):
    done = predict(clip, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    with (workplace / "run" / "predictions.csv").open() as file:
        (row,) = [row for row in csv.DictReader(file) if row["clip_id"] == clip]
    expected = [float(row[f"last_seed0_logit_{name}"]) for name in found["classes"]]
    np.testing.assert_allclose(found["logits"], expected, atol=1e-5)
    assert found["warnings"] == ["the network was trained on drawn faces"]
    assert (found["notes"], found["times_s"], found["face"]["faces"]) == ([], None, 1)
    assert found["face"]["certainty"] > 0.5


@pytest.mark.long
@pytest.mark.parametrize("data_config", ["hs_raw", "aligned", "aligned_alpha15"])
def test_the_raw_pictures_of_a_run_give_its_predictions(tmp_path, warm_command, data_config):
    """As above for a run on raw, aligned and magnified pictures.

    After one epoch, scores of frames tie with the threshold to the last bit: there another selection is no difference.
    """
    drawn = CorpusConfig(subjects=3, clips=3, variant="raw", size=64, min_frames=8, max_frames=8)
    corpus = write_corpus(drawn, tmp_path / "smic")
    data = ("--dataset=smic", f"--manual_dir={corpus}", "--data_dir=built", f"--data_config={data_config}")
    done = warm_command("loso", "--preset=tiny", "--epochs=1", "--rules=last", *data, "--run_dir=run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    compared = 0
    for subject in "123":
        result = json.loads((tmp_path / "run" / "folds" / "seed0" / f"s{subject}" / "result.json").read_text())
        for clip_id, expected in result["rules"]["last"]["clips"].items():
            (clip,) = corpus.glob(f"SMIC_all_raw/HS/*/micro/*/{clip_id}")
            done = warm_command("predict", clip, "--checkpoint=run", f"--fold={subject}", "--json", cwd=tmp_path)
            found = json.loads(done.stdout)
            np.testing.assert_allclose(found["beta"], expected["beta"], atol=1e-5)
            assert found["warnings"] == []
            differ = np.not_equal(found["selected"], expected["selected"])
            assert np.abs(np.array(expected["beta"]) - expected["threshold"])[differ].max(initial=0.0) <= 1e-6
            if not differ.any():
                np.testing.assert_allclose(found["logits"], expected["logits"], atol=1e-5)
                compared += 1
    assert compared > 0


def test_strict_ends_with_3_and_the_result(predict, clip):
    done = predict(clip, "--strict")
    assert done.returncode == 3
    assert "key frames of" in done.stdout
    assert "warning: the network was trained on drawn faces" in said(done)


def test_onset_and_offset_cut_a_folder_and_a_video(workplace, predict, clip):
    numbers = sorted(int(path.stem.removeprefix("reg_image")) for path in (workplace / clip).iterdir())
    found = json.loads(predict(clip, f"--onset={numbers[2]}", f"--offset={numbers[9]}", "--json").stdout)
    assert found["frames"] == [f"reg_image{number:06d}.bmp" for number in numbers[2:10]]
    found = json.loads(predict("clip.avi", "--onset=1", "--offset=8", "--json").stdout)
    assert found["frames"] == [str(i) for i in range(1, 9)]
    np.testing.assert_allclose(found["times_s"], np.arange(1, 9) / 25)
    assert "onset 99: frames of clip.avi are numbered from 0 to 8" in said(predict("clip.avi", "--onset=99"))


def test_a_damaged_video_is_refused_or_taken_with_a_warning(workplace, predict):
    content = bytearray((workplace / "clip.avi").read_bytes())
    at = content.index(b"00dc", len(content) // 2)
    content[at : at + 8] = bytes(8)
    (workplace / "damaged.avi").write_bytes(content)
    done = predict("damaged.avi", "--json")
    assert done.returncode == 1
    assert "damaged.avi: 8 of 9 frames can be read; missing: " in said(done)
    assert "or take what is there with --allow_missing" in said(done)
    done = predict("damaged.avi", "--json", "--allow_missing")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["frames"]) == 8
    assert found["frames"][-1] == "8"
    assert any("8 of 9 frames can be read" in warning for warning in found["warnings"])


def test_an_incomplete_video_is_named(workplace, predict):
    (workplace / "cut.mp4").write_bytes((workplace / "clip.mp4").read_bytes()[:2000])
    done = predict("cut.mp4")
    assert done.returncode == 1
    assert "its index (the box `moov`) is missing" in said(done)


def test_names_whose_order_is_not_clear_are_refused_with_a_pattern_that_works(workplace, predict, clip):
    faces = workplace / "faces"
    faces.mkdir()
    for k, path in enumerate(sorted((workplace / clip).iterdir())[:8]):
        for face in (0, 1):
            shutil.copy(path, faces / f"frame_det_{face:02d}_{k:06d}.bmp")
    done = predict("faces")
    assert done.returncode == 1
    assert "16 names such as frame_det_00_000000.bmp, frame_det_01_000007.bmp differ in their numbers 1 and 2" in said(
        done
    )
    assert "-> rename the frames, or say which are with --frames='frame_det_00_#.bmp'" in said(done)
    done = predict("faces", "--frames=frame_det_00_#.bmp", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["frames"] == [f"frame_det_00_{k:06d}.bmp" for k in range(8)]


def test_a_folder_of_other_pictures_says_what_it_holds(workplace, predict):
    (workplace / "phone").mkdir()
    (workplace / "phone" / "IMG_1.heic").touch()
    assert "no frames (jpg, bmp, png, tif or webp); it holds 1 heic" in said(predict("phone"))


def test_a_single_picture_is_no_clip_unless_allowed(workplace, predict, clip):
    picture = sorted((workplace / clip).iterdir())[0]
    shutil.copy(picture, workplace / "face.bmp")
    done = predict("face.bmp")
    assert done.returncode == 1
    assert "face.bmp: a single picture is no clip" in said(done)
    assert "--allow_single" in said(done)
    done = predict("face.bmp", "--allow_single", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["frames"] == ["face.bmp"]


def test_pictures_on_their_side_are_turned(workplace, predict, clip):
    (workplace / "turned").mkdir()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned by a quarter to the right
    for path in sorted((workplace / clip).iterdir())[:8]:
        upright = Image.open(path)
        upright.transpose(Image.Transpose.ROTATE_90).save(workplace / "turned" / f"{path.stem}.png", exif=exif)
    numbers = sorted(int(path.stem.removeprefix("reg_image")) for path in (workplace / "turned").iterdir())
    straight = json.loads(predict(clip, f"--offset={numbers[-1]}", "--json").stdout)
    turned = json.loads(predict("turned", "--json").stdout)
    np.testing.assert_allclose(turned["logits"], straight["logits"], atol=1e-6)


def test_clouds_have_no_face(workplace, predict):
    (workplace / "clouds").mkdir()
    for k, noise in enumerate(np.random.default_rng(0).integers(0, 255, (8, 96, 96), np.uint8)):
        Image.fromarray(cv2.GaussianBlur(noise, (0, 0), 9)).save(workplace / "clouds" / f"{k}.png")
    done = predict("clouds", "--json", "--strict")
    assert done.returncode == 3
    found = json.loads(done.stdout)
    assert found["face"] is None
    assert "no face is found in the clip" in found["warnings"]
    assert found["error"].startswith("--strict: no face is found in the clip")


def test_eyes_and_a_box_exclude_each_other(predict, clip):
    done = predict(clip, "--eyes", *"1234", "--face_box", *"1234")
    assert "--eyes and --face_box both say where the face is" in said(done)
