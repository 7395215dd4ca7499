"""`python -m experiments.predict` by runs of methods other than AKMNet, on clips of their set and others."""

import csv
import json

import cv2
import numpy as np
import pytest

# What each answers with, and a smallest run of it.
RUNS = {
    "lbp_top": ("votes", ("--view.frames.size=32", "--view.lbp.rows=2", "--view.lbp.cols=2")),
    "ststnet": ("logits", ("--epochs=2", "--view.flow=farneback")),
    "vgg11": ("logits", ()),
}


@pytest.fixture(scope="module")
def workplace(finished, tmp_path_factory, warm_command):
    """A run of each method on the drawn corpus, and a clip of another name as a folder and as a video."""
    folder = tmp_path_factory.mktemp("methods")
    for name, (_, options) in RUNS.items():
        arguments = (f"--method={name}", "--preset=tiny", "--rules=last", f"--data_dir={finished / 'data'}", *options)
        done = warm_command("loso", *arguments, f"--run_dir={name}", cwd=folder, home=folder)
        assert done.returncode == 0, done.stderr
    (clip,) = corpus_of(finished).glob("SMIC_all_cropped/HS/s1/micro/surprise/*")
    (folder / "mine").mkdir()
    writer = cv2.VideoWriter(str(folder / "mine.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, (96, 96))
    for path in sorted(clip.iterdir()):
        (folder / "mine" / path.name).symlink_to(path)
        writer.write(cv2.resize(cv2.imread(str(path)), (96, 96)))
    writer.release()
    return folder


def corpus_of(finished):
    return next((finished / "data" / "synthetic").glob("smic_*"))


@pytest.fixture(scope="module")
def predict(workplace, warm_command):
    """Runs the command there."""
    return lambda *arguments: warm_command("predict", *arguments, cwd=workplace, home=workplace)


def told(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", RUNS)
def test_the_clips_of_a_run_are_read_as_in_its_table(finished, workplace, predict, name):
    scores, _ = RUNS[name]
    with (workplace / name / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9
    for row in rows:
        (clip,) = corpus_of(finished).glob(f"SMIC_all_cropped/HS/*/micro/*/{row['clip_id']}")
        found = told(predict(clip, f"--checkpoint={name}", f"--fold={row['subject']}", "--json"))
        expected = [float(row[f"last_seed0_logit_{emotion}"]) for emotion in found["classes"]]
        np.testing.assert_allclose(found[scores], expected, atol=1e-5)
        assert found["prediction"] == row["last_seed0_prediction"]
        assert (found["method"], found["picture"]) == (name, None)
        assert not {"beta", "selected", "top", "error"} & found.keys()
        assert ("apex" in found) == (name != "lbp_top")
        assert name == "lbp_top" or found["apex"]["by"] == "annotated"


def test_a_person_reads_votes_or_probabilities_and_the_apex(predict):
    done = predict("mine", "--checkpoint=lbp_top")
    assert done.returncode == 0
    assert "LBP-TOP: lbp_top/folds/seed0/s1" in done.stderr
    assert "note: 100 frames/s are taken, those of the training clips; --fps says otherwise" in done.stderr
    votes = [line.split() for line in done.stdout.splitlines()]
    assert sum(int(count) for _, count, _ in votes) == 3
    assert all(word == ("vote" if count == "1" else "votes") for _, count, word in votes)
    done = predict("mine", "--checkpoint=ststnet")
    assert done.returncode == 0
    assert done.stdout.count("%") == 3
    assert "counted from 0: the middle" in done.stdout
    assert "warning: the training clips had an annotated apex, this one has none; --apex says which" in done.stderr
    assert "picture:" not in done.stderr


def test_an_apex_is_given_as_the_files_are_numbered(workplace, predict):
    names = sorted(path.name for path in (workplace / "mine").iterdir())
    number = int(names[3].removeprefix("reg_image").removesuffix(".bmp"))
    found = told(predict("mine", "--checkpoint=vgg11", f"--apex={number}", "--json"))
    assert found["apex"] == {"frame": 3, "by": "given"}
    assert found["frames"][3] == names[3]
    assert not any("apex" in warning for warning in found["warnings"])
    other = told(predict("mine", "--checkpoint=vgg11", f"--apex={number + 2}", "--json"))
    assert other["logits"] != found["logits"]
    text = predict("mine", "--checkpoint=vgg11", f"--apex={number}").stdout
    assert f"apex: frame 3 ({names[3]}) of {len(names)}, counted from 0: --apex" in text


def test_videos_are_read_and_numbered_from_0(predict):
    found = told(predict("mine.avi", "--checkpoint=ststnet", "--apex=4", "--onset=1", "--json"))
    assert found["apex"] == {"frame": 3, "by": "given"}
    found = told(predict("mine.avi", "--checkpoint=lbp_top", "--json"))
    assert not any("frames/s" in note for note in found["notes"])
    assert sum(found["votes"]) == 3


@pytest.fixture
def weights(workplace, ststnet_weights):
    """STSTNet's weights as their authors hand them on."""
    torch = pytest.importorskip("torch")
    torch.save({name: torch.from_numpy(value) for name, value in ststnet_weights.items()}, workplace / "006.pth")
    torch.save({"fc.weight": torch.zeros(3, 4)}, workplace / "other.pth")


def test_a_compared_networks_own_weights_are_told_by_their_names(predict, weights):
    found = told(predict("mine", "--checkpoint=006.pth", "--classes=a,b,c", "--json"))
    assert (found["method"], found["classes"], found["checkpoint"]) == ("ststnet", ["a", "b", "c"], "006.pth")
    assert sum(found["probabilities"]) == pytest.approx(1)
    assert found["apex"]["by"] == "middle"
    named = told(predict("mine", "--checkpoint=006.pth", "--method=ststnet", "--json"))
    assert named["logits"] == found["logits"]
    assert named["classes"] == ["class 0", "class 1", "class 2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--checkpoint=006.pth", "--classes=a,b"], "006.pth: 3 classes, but 2 names were given: a, b"),
        (["--checkpoint=006.pth", "--method=lbp_top"], "006.pth: no state dict of method 'lbp_top' is known; expected"),
        (["--checkpoint=006.pth", "--method=sssnet"], "006.pth: state dict does not fit SSSNet, "),
        (["--checkpoint=other.pth"], "other.pth: a state dict of no known network; it holds fc.weight (3, 4); known"),
    ],
)
def test_weights_that_do_not_fit_say_why(predict, weights, arguments, message):
    done = predict("mine", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--checkpoint=lbp_top", "--apex=3"], "of method 'lbp_top', does not ask which frame is the apex; leave it"),
        (
            ["--checkpoint=ststnet", "--apex=1"],
            "--apex=1: expected a frame of the clip, numbered as in the file names, ",
        ),
        (["--checkpoint=ststnet", "--picture=p.png"], "of method 'ststnet' and mines no key frames that could be dra"),
        (["--checkpoint=ststnet", "--fps=50"], "of method 'ststnet', does not ask for the rate; leave it out"),
        (["--checkpoint=lbp_top", "--fps=-1"], "fps -1: expected frames per second, above 0"),
        (["--checkpoint=lbp_top", "--fold=9"], "no finished fold matches subject 9; finished are subjects 1, 2, 3"),
    ],
)
def test_what_makes_no_sense_is_one_clear_line(workplace, predict, arguments, message):
    done = predict("mine", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    done = predict("mine", *arguments, "--json")
    assert message in json.loads(done.stdout)["error"]
    assert not (workplace / "p.png").exists()


def test_a_clip_that_is_too_short_for_the_descriptor_is_told(workplace, predict):
    (workplace / "short").mkdir()
    for path in sorted((workplace / "mine").iterdir())[:3]:
        (workplace / "short" / path.name).symlink_to(path)
    done = predict("short", "--checkpoint=lbp_top", "--json")
    assert done.returncode == 1
    assert "a clip of 3 frames is too short" in json.loads(done.stdout)["error"]
