"""`experiments.predict` and whoever typed it: names of files, places of the picture, spellings, numbers of frames."""

import json

import cv2
import numpy as np
import pytest

from experiments import predict as command

# Of a file in the working folder: a protocol to FFmpeg, a pattern to OpenCV, markup and emoji to rich, math to
# Matplotlib, and characters that its font lacks.
ODD = "rec-12:30:smile: %03d [b]bold[/b] $x \\frac 微表情"


@pytest.fixture(scope="module")
def workplace(finished, tmp_path_factory):
    """A finished run, a clip as a folder, and a video of an odd name."""
    folder = tmp_path_factory.mktemp("terminal")
    (folder / "run").symlink_to(finished / "run")
    clip = next((finished / "data").glob("synthetic/*/SMIC_all_cropped/HS/s1/micro/surprise/*"))
    (folder / "clip").symlink_to(clip)
    video = cv2.VideoWriter(str(folder / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 64))
    for i in range(6):
        video.write(np.full((64, 64, 3), 40 * i, np.uint8))
    video.release()
    (folder / ODD).parent.mkdir()
    (folder / "clip.avi").rename(folder / f"{ODD}.avi")
    return folder


@pytest.fixture(scope="module")
def predict(workplace, warm_command):
    """Runs the command there."""
    return lambda *arguments: warm_command("predict", *arguments, "--checkpoint=run", cwd=workplace)


def test_an_odd_name_is_opened_printed_and_drawn(workplace, predict):
    done = predict(f"{ODD}.avi", f"--picture={ODD}.png", "--fold=1")
    assert done.returncode == 0, done.stderr
    assert f"picture: {ODD}.png" in done.stderr
    assert "Warning" not in done.stderr
    assert (workplace / f"{ODD}.png").stat().st_size > 1000


def test_text_json_and_names_number_frames_alike(workplace, predict):
    told = json.loads(predict("clip", "--json", "--fold=1").stdout)
    text = predict("clip", "--fold=1").stdout
    chosen = np.flatnonzero(told["selected"]).tolist()
    assert told["frames_counted_from"] == 0
    assert told["top"] == int(np.argmax(told["beta"]))
    assert told["picture"] == "key_frames.png"
    name = told["frames"][told["top"]]
    expected = f"counted from 0, top {told['top']} ({name}): {', '.join(map(str, chosen))}"
    assert expected in text


@pytest.mark.parametrize("fold", ["01", "sub01"])
def test_a_fold_is_understood_in_every_spelling(predict, fold):
    told = json.loads(predict("clip", "--json", f"--fold={fold}").stdout)
    assert told["checkpoint"].endswith("s1")


def test_an_unknown_fold_is_answered_by_those_there_are(predict):
    done = predict("clip", "--fold=sub07")
    assert done.returncode == 1
    assert "no finished fold matches subject sub07; finished are subjects 1, 2, 3" in done.stderr
    assert "error" in json.loads(predict("clip", "--fold=sub07", "--json").stdout)


@pytest.mark.parametrize(
    ("picture", "message"),
    [("o.xyz", "expected a name that ends in .png, .svg, .pdf"), ("/proc/akm/o.png", "--picture can't be written")],
)
def test_the_place_of_the_picture_is_checked_before_the_work(predict, picture, message):
    done = predict("no_such_clip", f"--picture={picture}")
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert "--run_dir" not in done.stderr
    assert message in json.loads(predict("no_such_clip", f"--picture={picture}", "--json").stdout)["error"]


def test_in_a_read_only_folder_the_result_is_printed(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    monkeypatch.setattr(command, "DEFAULT_PICTURE", command.Path("/proc/akm/key_frames.png"))
    command.main(["clip", "--checkpoint=run", "--json"])
    out, err = capsys.readouterr()
    assert json.loads(out)["picture"] is None
    assert "no picture is drawn" in err
    assert "--picture=FILE says where" in err


def test_a_picture_that_fails_takes_no_result_with_it(workplace, monkeypatch, capsys):
    def fail(*_arguments, **_options):
        raise OSError(28, "No space left on device", "o.png")

    monkeypatch.chdir(workplace)
    monkeypatch.setattr(command, "key_frame_picture", fail)
    for json_wanted in (True, False):
        with pytest.raises(SystemExit) as end:
            command.main(["clip", "--checkpoint=run", *["--json"] * json_wanted])
        assert end.value.code == 1
        out, err = capsys.readouterr()
        if json_wanted:
            told = json.loads(out)
            assert told["picture"] is None
            assert "the picture can't be written" in told["error"]
            assert len(told["logits"]) == 3
        else:
            assert "key frames of" in out
            assert "error: the picture can't be written" in err
