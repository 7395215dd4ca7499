"""What holds for every command line: `~`, wrong options in one line, one JSON object on failure, checked places."""

import json

import pytest

from experiments.options import parse_experiment

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
        ("watch", "--spoter=runs/spot", "--spotter"),
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


@pytest.mark.parametrize(
    ("module", "arguments", "option", "why"),
    [
        # what only another data set has a use for
        ("loso", ["--dataset=smic", "--synthetic.subjects=5"], "--synthetic.subjects=5", "nothing is drawn"),
        ("loso", ["--dataset=synthetic", "--manual_dir=x"], "--manual_dir=x", "is drawn, not read from a folder"),
        ("loso", ["--preset=tiny", "--data.table=x.csv"], "--data.table=x.csv", "is drawn, not read from a folder"),
        ("tables", ["--table=5", "--dataset=casme2", "--synthetic.seed=1"], "--synthetic.seed=1", "nothing is drawn"),
        ("spot", ["--dataset=cas_me2", "--synthetic_long.videos=1"], "--synthetic_long.videos=1", "nothing is drawn"),
        ("loso", ["--preset=tiny", "--allow_missing"], "--allow_missing", "--dataset=synthetic is drawn, not read"),
        ("loso", ["--preset=tiny", "--data.subject_pattern=x"], "--data.subject_pattern=x", "=synthetic is drawn"),
        ("spot", ["--counting=from0"], "--counting=from0", "--dataset=synthetic_long is drawn, not read from a folder"),
        ("spot", ["--allow_missing"], "--allow_missing", "--dataset=synthetic_long is drawn, not read from a folder"),
        ("spot", ["--data.frames", "x"], "--data.frames", "is drawn, not read from a folder"),
        # what only another method has a use for
        ("loso", ["--method=lbp_top", "--data.memory_gib=1"], "--data.memory_gib=1", "reads frames once"),
        ("loso", ["--method=ststnet", "--data.decode_threads=1"], "--data.decode_threads=1", "reads frames once"),
        ("loso", ["--method=ststnet", "--devices=2"], "--devices=2", "is not shared between devices"),
        ("loso", ["--method=higo", "--checkpoint_interval_s=0"], "--checkpoint_interval_s=0", "has no epochs"),
        ("tables", ["--table=3", "--cells=higo,mdmo", "--devices=2"], "--devices=2", "is not shared between devices"),
        ("tables", ["--table=3", "--cells=higo", "--init=x"], "--init=x", "no line is of akmnet, but of higo"),
        # what only other settings have a use for
        ("loso", ["--inner_share=0.3"], "--inner_share=0.3", "--rules=last,test holds out no training subjects"),
        ("loso", ["--pretrain.stills=3"], "--pretrain.stills=3", "--pretrain.people=0 asks for no pretraining"),
        ("loso", ["--model.mining=all", "--sparsity_weight=1"], "--sparsity_weight=1", "selects no frames"),
        (
            "loso",
            ["--method=ststnet", "--view.flow_dir=x", "--view.flow=tvl1"],
            "--view.flow=tvl1",
            "taken as they are",
        ),
        ("loso", ["--method=vgg11", "--view.frame=max_key", "--view.no-annotated"], "--view.no-annotated", "no apex"),
        ("watch", ["clip.mp4", "--spotter=s.hdf5", "--seconds=3"], "--seconds=3", "clip.mp4 is no camera"),
        ("watch", ["0", "--spotter=s.hdf5", "--fps=3"], "--fps=3", "a camera is recorded as it comes"),
        ("watch", ["clip.mp4", "--spotter=file.pt", "--fold=3"], "--fold=3", "no network is of a run"),
        ("watch", ["clip.mp4", "--spotter=s.hdf5", "--classes=a,b"], "--classes=a,b", "without --recogniser"),
        ("watch", ["clip.mp4", "--spotter=s.hdf5", "--method=rcn"], "--method=rcn", "without --recogniser"),
        (
            "watch",
            ["x.mp4", "--spotter=s.h5", "--recogniser=run", "--classes=a"],
            "--classes=a",
            "run names its classes",
        ),
        ("predict", ["clip", "--checkpoint=run", "--classes=a,b"], "--classes=a,b", "the run run names its classes"),
        ("predict", ["clip", "--checkpoint=run", "--method=rcn"], "--method=rcn", "the run run says its method"),
        ("predict", ["clip", "--checkpoint=file.pt", "--fold=3"], "--fold=3", "file.pt is one network, not a run"),
        ("predict", ["clip", "--checkpoint=file.pt", "--seed=3"], "--seed=3", "file.pt is one network, not a run"),
        ("predict", ["clip", "--checkpoint=run", "--crop=no", "--face_box", *"1234"], "--face_box", "--crop=no leaves"),
        ("predict", ["clip", "--checkpoint=run", "--crop=no", "--eyes", *"1234"], "--eyes", "--crop=no leaves the"),
        ("predict", ["run", "--checkpoint=gone", "--allow_missing"], "--allow_missing", "run is a folder"),
    ],
)
def test_an_option_that_decides_nothing_is_refused(warm_command, tmp_path, module, arguments, option, why):
    (tmp_path / "run").mkdir()
    (tmp_path / "file.pt").touch()
    done = warm_command(module, *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert f"error: {option}: " in done.stderr
    assert why in done.stderr
    assert done.stderr.rstrip().endswith("; leave it out")
    assert {path.name for path in tmp_path.iterdir()} == {"run", "file.pt"}


@pytest.mark.parametrize(
    ("module", "option"),
    [
        ("loso", "--counting=from0"),
        ("tables", "--counting=from0"),
        ("loso", "--synthetic_long.seed=1"),
        ("tables", "--synthetic_long.seed=1"),
        ("spot", "--classes=paper4"),
        ("spot", "--synthetic.seed=1"),
        ("loso --method=lbp_top", "--model.dropout=0.1"),
        ("loso --method=lbp_top", "--key_frames_of=runs/a"),
        ("loso", "--view.size=28"),
    ],
)
def test_options_of_another_kind_of_data_or_method_are_none_of_the_command(warm_command, tmp_path, module, option):
    command, *given = module.split()
    done = warm_command(command, *given, option, cwd=tmp_path)
    assert done.returncode == 2
    assert f"{option.partition('=')[0]}: no such option" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method=lbp_top", "--epochs=3"], "--epochs: no such option; --method=lbp_top has none; it is an option"),
        (["--view.scale=unit"], "--view.scale: no such option; --method=akmnet has none; it is an option of "),
        (["--method=nothing"], "--method=nothing: expected one of akmnet, "),
        (["--preset=tiny", "--epochs=0"], "--epochs=0: expected at least 1"),
        (["--preset=tiny", "--rules=best"], "--rules=best: expected some of last"),
    ],
)
def test_options_of_other_methods_and_bad_values_are_named_with_code_2(warm_command, tmp_path, arguments, message):
    done = warm_command("loso", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert message in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--preset=tiny", "--synthetic.size=48", "--pretrain.people=0"],
        ["--preset=demo", "--dataset=smic", "--synthetic.size=64"],  # of the stills
        ["--dataset=smic", "--rules=last,inner", "--inner_share=0.3", "--devices=1", "--data.memory_gib=1"],
        ["--method=resnet18", "--view.frame=max_key", "--key_frames_of=runs/a", "--data.memory_gib=1"],
        ["--method=ststnet", "--view.flow_dir=x", "--view.scale=unit", "--checkpoint_interval_s=0"],
    ],
)
def test_an_option_that_decides_something_is_read(arguments):
    assert parse_experiment(arguments, program="loso", description="").options


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], (500, 1e-4, "every_epoch")),
        (["--variant=port"], (800, 0, "never")),
        (["--variant", "port", "--epochs=500", "--shuffle=once"], (500, 0, "once")),
        (["--variant=paper", "--weight_decay=0"], (500, 0, "every_epoch")),
    ],
)
def test_the_variant_decides_defaults_and_what_is_given_wins(arguments, expected):
    config = parse_experiment(["--method=ststnet", *arguments], program="loso", description="").config
    assert (config.epochs, config.weight_decay, config.shuffle) == expected


def test_a_variant_that_a_method_has_not_is_named(warm_command, tmp_path):
    done = warm_command("loso", "--method=ststnet", "--variant=code", cwd=tmp_path)
    assert done.returncode == 2
    assert "--variant" in done.stderr
