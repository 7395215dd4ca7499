import json
import shutil

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="module")
def workplace(finished, tmp_path_factory):
    """A finished tiny run of its own, a clip as a folder and as a video."""
    folder = tmp_path_factory.mktemp("predict")
    shutil.copytree(finished / "run", folder / "run")
    clip = next((finished / "data").glob("synthetic/*/SMIC_all_cropped/HS/s1/micro/surprise/*"))
    (folder / "clip").symlink_to(clip)
    video = cv2.VideoWriter(str(folder / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for i in range(12):
        video.write(np.full((48, 64, 3), 20 * i, np.uint8))
    video.release()
    return folder


@pytest.fixture(scope="module")
def predict(workplace, warm_command):
    """Runs the command there."""
    return lambda *arguments: warm_command("predict", *arguments, cwd=workplace)


def test_a_clip_of_the_data_set_is_read_as_in_the_run(workplace, predict):
    done = predict("clip", "--checkpoint=run", "--fold=1", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    result = json.loads((workplace / "run/folds/seed0/s1/result.json").read_text())
    clip = result["rules"]["last"]["clips"][(workplace / "clip").resolve().name]
    np.testing.assert_allclose(found["logits"], clip["logits"], atol=1e-5)
    np.testing.assert_allclose(found["beta"], clip["beta"], atol=1e-5)
    assert found["selected"] == clip["selected"]
    assert found["classes"] == ["negative", "positive", "surprise"]
    assert found["checkpoint"].endswith("s1")


def test_every_frame_of_a_video_is_used(workplace, predict):
    done = predict("clip.avi", "--checkpoint=run", "--json", "--picture=video.png")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["frames"] == [str(i) for i in range(12)]
    assert (workplace / "video.png").is_file()


@pytest.mark.parametrize(
    ("clip", "checkpoint", "message"),
    [
        ("absent", "run", "no such file or folder; expected a folder of frames or a video file"),
        ("empty", "run", "no frames"),
        ("noise.avi", "run", "no frame can be read"),
        ("clip", "gone.pt", "gone.pt: no such file or folder; expected a run directory of experiments.loso, "),
        ("clip", "clip", "is not a run directory: run.json is missing"),
        ("clip", "noise.avi", "can't read it as plain weights"),
        ("clip", "run --fold=20", "no finished fold matches"),
    ],
)
def test_errors_fit_on_one_screen_and_say_what_to_do(workplace, predict, clip, checkpoint, message):
    (workplace / "empty").mkdir(exist_ok=True)
    (workplace / "noise.avi").write_bytes(b"RIFF nothing")
    done = predict(clip, *f"--checkpoint={checkpoint}".split())
    assert done.returncode == 1, done.stdout
    assert message in done.stderr.replace("\n", " ").replace("  ", " ")
    assert "Traceback" not in done.stderr


def test_flipped_bytes_in_every_checkpoint_are_named(workplace, predict):
    for file in (workplace / "run/folds/seed0/s2/checkpoints").rglob("*"):
        if file.is_file() and file.stat().st_size > 100:
            file.write_bytes(bytes(b ^ 1 for b in file.read_bytes()))
    done = predict("clip", "--checkpoint=run", "--fold=2")
    assert done.returncode == 1
    assert "no good checkpoint" in done.stderr.replace("\n", " ")
