"""Several data sets on the command line: drawn ones pooled, one subject or one set left out; mistakes on one screen."""

import json

import pytest

TINY = ("--preset=tiny", "--method=lbp_sip", "--rules=last")
SIZE = "--synthetic.size=32"
THREE = "--synthetic.layout=smic,casme2,samm"


def loso(warm_command, folder, *arguments):
    is_drawn = not any(one.startswith("--dataset=") for one in arguments)
    return warm_command("loso", *TINY, *[SIZE] * is_drawn, *arguments, cwd=folder)


@pytest.fixture(scope="module")
def folder(warm_command, tmp_path_factory):
    """Where three sets are drawn, and each subject was left out."""
    folder = tmp_path_factory.mktemp("sets")
    done = loso(warm_command, folder, THREE)
    assert done.returncode == 0, done.stderr
    (folder / "printed").write_text(done.stderr)
    return folder


def check(folder, run_name, printed, folds):
    summary = json.loads((folder / "runs" / run_name / "summary.json").read_text())
    assert summary["class_names"] == ["negative", "positive", "surprise"]
    assert summary["data"]["sets"] == ["smic", "casme2", "samm"]
    assert summary["num_subjects"] == 9
    assert len(summary["left_out"]) == folds
    assert f"fold {folds}/{folds}: " in printed
    assert "no result of the set" not in printed
    for name, found in summary["rules"]["last"]["per_set"].items():
        assert f"{name:<8} accuracy {found['accuracy']:.3f} (majority {found['majority_accuracy']:.3f})" in printed
        assert f"UF1 {found['uf1']:.3f}, UAR {found['uar']:.3f}" in printed


def test_one_command_leaves_out_every_subject_of_drawn_sets(folder):
    check(folder, "synthetic-smic+casme2+samm-lbp_sip-tiny", (folder / "printed").read_text(), 9)


def test_another_leaves_out_every_set(warm_command, folder):
    done = loso(warm_command, folder, THREE, "--protocol=leave_one_set_out")
    assert done.returncode == 0, done.stderr
    check(folder, "synthetic-smic+casme2+samm-lbp_sip-leave_one_set_out-tiny", done.stderr, 3)


def test_no_drawn_person_is_in_two_sets(folder):
    seeds = {
        path.name.partition("_")[0]: path.name.rpartition("seed")[2] for path in folder.glob("data/synthetic/[!.]*_*")
    }
    assert seeds == {"smic": "0", "casme2": "1", "samm": "2"}


def test_sets_of_ones_own_lie_in_a_folder_each(folder, warm_command, tmp_path):
    for name in ("smic", "casme2"):
        (tmp_path / name).symlink_to(next(folder.glob(f"data/synthetic/{name}_*")))
    places = (f"--manual_dir={tmp_path}", f"--data_dir={tmp_path}", "--run_dir=own", "--folds=casme2")
    done = loso(warm_command, folder, "--dataset=smic,casme2", "--protocol=leave_one_set_out", *places)
    assert done.returncode == 0, done.stderr
    summary = json.loads((folder / "own" / "summary.json").read_text())
    assert summary["dataset"] == "smic+casme2"
    assert list(summary["rules"]["last"]["per_set"]) == ["casme2"]
    assert (summary["complete"], summary["part"]) == (False, "3 of 6 subjects")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--protocol=leave_one_set_out"], "--protocol=leave_one_set_out: data set 'synthetic' is one"),
        ([THREE, "--classes=paper4"], "the pooled sets have different classes (smic: negative, positive, surprise;"),
        ([THREE, "--protocol=leave_one_set_out", "--folds=casme"], "no clips of set casme; the data set has casme2, "),
        (["--dataset=smic,smic"], "--dataset=smic,smic: expected a data set, or several, each once"),
        (["--dataset=synthetic,smic"], "--synthetic.layout=smic,casme2,samm draws several sets"),
        (
            [THREE, "--data_config=hs,original"],
            "2 values for 3 sets (smic, casme2, samm); expected one",
        ),
        (["--synthetic.layout=mmew"], "unknown layout 'mmew'"),
    ],
)
def test_mistakes_fit_on_one_screen(warm_command, folder, arguments, said):
    done = loso(warm_command, folder, *arguments, "--run_dir=wrong")
    assert done.returncode != 0
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (folder / "wrong").exists()
