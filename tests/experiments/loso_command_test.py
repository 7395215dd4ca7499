"""`python -m experiments.loso` as a user types it: drawn corpus, builder, training, results; errors on one screen.

What stops a run is in `loso_stopped_test.py`, several devices in `loso_devices_test.py`.
"""

import csv
import json
import re
import shutil

import numpy as np
import pytest
from flax import nnx

from akm_jax.config import AKMNetConfig
from akm_jax.interop.torch import to_state_dict
from akm_jax.models.akmnet import AKMNet


def test_a_run_ends_with_results(finished):
    summary = json.loads((finished / "run" / "summary.json").read_text())
    assert summary["num_clips"] == 9
    assert summary["compilations"] == 1
    assert set(summary["rules"]) == {"last", "test"}
    with (finished / "run" / "predictions.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 9
    printed = (finished / "printed").read_text()
    assert "majority class 0.333 of 9 clips" in printed
    assert "optimistic" not in printed  # two epochs leave no choice
    assert "last epoch: there is none before it to choose" in printed
    assert printed.splitlines()[-1].startswith("report: ")
    assert "padding" in printed


def test_a_finished_run_is_the_same_run_when_its_data_are_streamed(finished, warm_command, tiny, tmp_path):
    shutil.copytree(finished / "run", tmp_path / "run")
    before = (tmp_path / "run" / "predictions.csv").read_bytes()
    places = ("--run_dir=run", f"--data_dir={finished / 'data'}")
    done = warm_command("loso", *tiny, *places, "--data.memory_gib=0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "GiB of frames, held in memory (--data.memory_gib=4)" in (finished / "printed").read_text()
    assert "GiB of frames, streamed from disk (--data.memory_gib=0)" in done.stderr
    assert (tmp_path / "run" / "predictions.csv").read_bytes() == before


def smic_folder(finished):
    return next((finished / "data" / "synthetic").glob("smic_*"))


def test_a_smic_folder_is_built_on_first_use_and_gives_the_same(finished, warm_command, tiny, tmp_path):
    places = (f"--manual_dir={smic_folder(finished)}", f"--data_dir={tmp_path}", "--run_dir=run")
    done = warm_command("loso", *tiny, "--dataset=smic", *places, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/predictions.csv").read_bytes() == (finished / "run/predictions.csv").read_bytes()
    assert "published" in done.stderr  # counts differ from the real set's, and the user is told


def write_table(folder, clips):
    rows = [f"{path},{path.name[1:].partition('_')[0]},{path.parent.name}\n" for path in clips]
    (folder / "clips.csv").write_text("path,subject,label\n" + "".join(rows))


def write_tree(folder, clips):
    for path in clips:
        place = folder / path.name.partition("_")[0] / path.parent.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path)


@pytest.mark.parametrize("write", [write_table, write_tree])
def test_the_same_pictures_as_data_of_ones_own_give_the_same(finished, warm_command, tiny, tmp_path, write):
    (tmp_path / "own").mkdir()
    write(tmp_path / "own", sorted(smic_folder(finished).glob("SMIC_all_cropped/HS/s*/micro/*/*")))
    places = (f"--manual_dir={tmp_path / 'own'}", f"--data_dir={tmp_path}", "--run_dir=run")
    done = warm_command("loso", *tiny, "--dataset=folder", *places, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/predictions.csv").read_bytes() == (finished / "run/predictions.csv").read_bytes()


def test_a_list_file_of_the_released_program_gives_the_same_but_for_its_names_of_classes(
    finished, warm_command, tiny, tmp_path
):
    clips = sorted(smic_folder(finished).glob("SMIC_all_cropped/HS/s*/micro/*/*"))
    labels = {name: str(i) for i, name in enumerate(("negative", "positive", "surprise"))}
    lines = [f"{path} {len(list(path.iterdir()))} {labels[path.parent.name]}\n" for path in clips]
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "train.txt").write_text("".join(lines))
    places = (f"--manual_dir={tmp_path / 'own'}", f"--data_dir={tmp_path}", "--run_dir=run")
    pattern = r"--data.subject_pattern=/s(\d+)_"
    done = warm_command("loso", *tiny, "--dataset=folder", *places, pattern, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    expected = (finished / "run/predictions.csv").read_text()
    for name, number in labels.items():
        expected = re.sub(rf"\b{name}\b|(?<=logit_){name}", number, expected)
    assert (tmp_path / "run/predictions.csv").read_text() == expected


def test_an_output_folder_without_room_is_named_and_the_run_goes_on_afterwards(finished, warm_command, tiny, tmp_path):
    """A limit on file size stands for a full disk."""
    arguments = [*tiny, f"--data_dir={finished / 'data'}", "--run_dir=full"]
    done = warm_command("loso", *arguments, cwd=tmp_path, largest_file=6 * 1024)
    assert done.returncode == 1
    assert "make room, then give the same command again" in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "full" / "predictions.csv").exists()
    done = warm_command("loso", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    whole, resumed = (folder / "predictions.csv" for folder in (finished / "run", tmp_path / "full"))
    assert whole.read_bytes() == resumed.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset=smic", "--manual_dir=absent"], "absent"),
        (["--dataset=casme9"], "unknown data set 'casme9'"),
        (["--folds=77", "--data_dir={data}"], "--folds: no clips of subject 77"),
        (["--rules=best"], "--rules=best: expected some of"),
        (["--devices=-1"], "--devices=-1: expected 0 (all) or more"),
        (["--devices=99"], "--devices=99: this machine has "),
        (["--data.memory_gib=-1"], "--data.memory_gib=-1.0: expected 0 (stream always) or more"),
        (["--init=gone.pt", "--data_dir={data}"], "gone.pt: no such file"),
        (["--init={run}", "--data_dir={data}"], "there are no weights of a finished pretraining"),
        (["--init_weights=gone.pt"], "--init_weights is called --init now"),
        (["--model.mining=random"], "--key_frames_of=None: expected the directory of a finished run"),
        (["--model.mining=random", "--key_frames_of=gone", "--data_dir={data}"], "--key_frames_of=gone: run.json is"),
        (["--epochs=3", "--data_dir={data}", "--run_dir={run}"], "config.train.epochs: there 2, now 3"),
        (["--run_dir=/proc/akm", "--data_dir={data}"], "/proc/akm"),
    ],
)
def test_errors_fit_on_one_screen_and_say_what_to_do(finished, warm_command, tiny, tmp_path, arguments, message):
    places = {"data": finished / "data", "run": finished / "run"}
    done = warm_command("loso", *tiny, *[a.format(**places) for a in arguments], cwd=tmp_path)
    of_options = ("--init_weights is", "expected some of", "=-1", "--key_frames_of=None")  # whatever the data are
    assert done.returncode == (2 if any(part in message for part in of_options) else 1)
    assert message in done.stderr.replace("\n", "")
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) < 25


def write_weights(path, num_classes, **more):
    """A state dict of the tiny network for so many classes, and more entries."""
    torch = pytest.importorskip("torch")
    network = AKMNet(AKMNetConfig.preset("tiny").model, num_classes, rngs=nnx.Rngs(7))
    entries = to_state_dict(nnx.state(network)) | more
    torch.save({name: torch.from_numpy(np.array(value)) for name, value in entries.items()}, path)
    return list(entries)


def test_tensors_of_other_weights_that_are_copied_and_left_are_listed(finished, warm_command, tiny, tmp_path):
    four = write_weights(tmp_path / "four.pt", 4)
    options = (f"--data_dir={finished / 'data'}", "--run_dir=run", "--init=four.pt")
    done = warm_command("loso", *tiny, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = re.sub(r"\s+", " ", done.stderr)
    found = re.search(
        r"starting from four\.pt: (\d+) tensors copied: (.*?) left, for they do not fit: (.*?) \S*compiling", text
    )
    left = ["fc.1.weight", "fc.1.bias"]  # of another number of classes
    copied = [name for name in four if name not in left]
    assert found, text
    assert found[1] == str(len(copied))
    assert found[2].split(", ") == copied
    assert sorted(found[3].split(", ")) == sorted(left)


def test_weights_of_another_architecture_are_refused(finished, warm_command, tiny, tmp_path):
    bottleneck = {"layer1.0.conv3.weight": np.zeros((16, 4, 1, 1), np.float32)}  # as in ResNet-50
    write_weights(tmp_path / "resnet50.pth", 3, **bottleneck)
    options = (f"--data_dir={finished / 'data'}", "--run_dir=run", "--init=resnet50.pth")
    done = warm_command("loso", *tiny, *options, cwd=tmp_path)
    assert done.returncode == 1
    text = re.sub(r"\s+", " ", done.stderr)
    assert "--init=resnet50.pth: weights of another network than this one's trunk, which is a ResNet-18" in text
    assert "layer1.0.conv3.weight (16, 4, 1, 1) has no place here" in text
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "run").glob("folds/*/*/result.json"))


def test_the_process_that_stays_answers_as_one_of_its_own_does(command, warm_command, tiny, tmp_path):
    """So the tests above and below hold for a command that a user types."""
    arguments = ("loso", *tiny, "--rules=best")
    cold, warm = command(*arguments, cwd=tmp_path), warm_command(*arguments, cwd=tmp_path)
    assert (cold.returncode, cold.stdout, cold.stderr) == (warm.returncode, warm.stdout, warm.stderr)
    assert cold.returncode == 2


def test_help_names_defaults_and_units(warm_command, tmp_path):
    done = warm_command("loso", "--help", cwd=tmp_path)
    assert done.returncode == 0
    text = re.sub(r"[\s│]+", " ", done.stdout)
    for part in (
        "(default: smic)",
        "--epochs",
        "(default: 40)",
        "--synthetic.strength",
        "Seconds between",
        "--data.memory_gib",
    ):
        assert part in text
    demo = warm_command("loso", "--preset=demo", "--help", cwd=tmp_path).stdout
    assert "(default: 8)" in re.sub(r"[\s│]+", " ", demo)


@pytest.mark.parametrize(
    ("broken", "message"), [("s[12]", "has one subject"), ("s*/micro/surprise", "no clip of class surprise")]
)
def test_a_set_of_one_subject_or_without_a_class_is_refused(finished, warm_command, tiny, tmp_path, broken, message):
    shutil.copytree(smic_folder(finished) / "SMIC_all_cropped", tmp_path / "SMIC_all_cropped")
    for unwanted in (tmp_path / "SMIC_all_cropped" / "HS").glob(broken):
        shutil.rmtree(unwanted)
    places = (f"--manual_dir={tmp_path}", f"--data_dir={tmp_path}/built", f"--run_dir={tmp_path}/run")
    done = warm_command("loso", *tiny, "--dataset=smic", *places, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr.replace("\n", ""), done.stderr
