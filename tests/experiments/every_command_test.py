"""What holds for every command line: `~`, wrong options in one line, one JSON object on failure, checked places."""

import json

import pytest

COMMANDS = (
    *("loso", "predict", "spot", "watch", "check_data", "report", "score", "evaluate_spots", "methods"),
    *("benchmark", "pictures.__main__", "tables", "pretrain", "gpu_check"),
)


@pytest.mark.parametrize("module", COMMANDS)
def test_an_option_that_there_is_not_is_one_line(warm_command, tmp_path, module):
    done = warm_command(module, "--gpu", "--devicez=0", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "--gpu: no such option; not needed: JAX computes on a GPU by itself" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("module", "option", "meant"),
    [
        ("loso", "--lr=0.1", "--learning_rate"),
        ("loso", "--batch_size=4", "--clips_per_step"),
        ("loso", "--fold=1", "--folds"),
        ("spot", "--lr=0.1", "--learning_rate"),
        ("predict", "--weights=a.pt", "--checkpoint"),
        ("watch", "--model=runs/spot", "--spotter"),
        ("evaluate_spots", "--iou=0.5", "--min_iou"),
        ("benchmark", "--batch_size=4", "--clips_per_step"),
    ],
)
def test_what_was_meant_is_an_option_of_the_command(warm_command, tmp_path, module, option, meant):
    assert f"did you mean {meant}?" in warm_command(module, option, cwd=tmp_path).stderr


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("loso", ["--preset=tiny", "--dataset=SMIC", "--manual_dir=~/absent", "--run_dir=~/r", "--data_dir=~/d"]),
        ("predict", ["~/absent", "--checkpoint=~/run", "--picture=~/o.png"]),
        ("spot", ["--dataset=CAS(ME)^2", "--manual_dir", "~/absent", "--run_dir=~/r", "--data_dir=~/d"]),
        ("watch", ["~/clip.mp4", "--spotter=~/absent", "--run_dir=~/r"]),
        ("check_data", ["--dataset=CASME-II", "--manual_dir=~/absent"]),
        ("report", ["~/absent"]),
        ("score", ["~/absent", "--run_dir=~/r"]),
        ("evaluate_spots", ["~/absent", "~/b.csv"]),
    ],
)
def test_home_is_found_everywhere(warm_command, tmp_path, module, arguments):
    done = warm_command(module, *arguments, cwd=tmp_path, home=tmp_path / "home")
    assert done.returncode == 1, done.stderr
    said = done.stderr + done.stdout
    assert "Traceback" not in said
    assert f"{tmp_path}/home/absent" in said
    assert "~" not in said
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("predict", ["clip"]),
        ("predict", ["absent", "--checkpoint=run"]),
        ("predict", ["absent", "--checkpoint=run", "--lr=1"]),
        ("check_data", ["--dataset=casme9", "--manual_dir=x"]),
        ("check_data", ["--dataset=smic", "--manual_dir=absent"]),
        ("methods", ["nothing"]),
        ("methods", ["--classes=1"]),
    ],
)
def test_json_is_one_object_also_on_failure(warm_command, tmp_path, module, arguments):
    done = warm_command(module, *arguments, "--json", cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert json.loads(done.stdout)["error"]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("module", "arguments", "option"),
    [
        ("loso", ["--preset=tiny", "--run_dir={file}/run"], "--run_dir"),
        ("spot", ["--run_dir={file}/run"], "--run_dir"),
        ("watch", ["clip.mp4", "--spotter=s.hdf5", "--run_dir={file}/run"], "--run_dir"),
        ("score", ["{file}", "--run_dir={file}/run"], "--run_dir"),
        ("evaluate_spots", ["{file}", "{file}", "--json={file}/scores.json"], "--json"),
        ("evaluate_spots", ["{file}", "{file}", "--json=scores.xyz"], "--json"),
        ("benchmark", ["train", "--json=scores.xyz"], "--json"),
        ("pictures.__main__", ["report", "--output=o.xyz"], "--output"),
    ],
)
def test_places_are_checked_before_the_work(warm_command, tmp_path, module, arguments, option):
    """A file in place of a folder can be written by nobody."""
    (tmp_path / "file").touch()
    done = warm_command(module, *[one.format(file=tmp_path / "file") for one in arguments], cwd=tmp_path)
    assert done.returncode == 1
    assert option in done.stderr
    assert "can't be written" in done.stderr or "expected a name that ends in" in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
