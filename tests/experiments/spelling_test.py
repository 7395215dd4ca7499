from pathlib import Path

import pytest

from experiments import spelling


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *[(name, name) for name in spelling.DATASETS],
        *[
            ("SMIC", "smic"),
            ("SMIC-HS", "smic"),
            ("Samm", "samm"),
            ("SAMM-LV", "samm_lv"),
            ("SAMM Long Videos", "samm_lv"),
        ],
        *[(written, "casme2") for written in ("CASME2", "CASME-II", "casme_ii", "CASME II", "CASME2-RAW")],
        *[(written, "cas_me2") for written in ("CAS(ME)^2", "cas(me)2", "CAS_ME^2", "CAS-ME-2", "casme^2")],
        *[("CASME", "casme"), ("CASME1", "casme"), ("long-folder", "long_folder"), ("casme9", "casme9")],
        ("SMIC, CASME-II,SAMM", "smic,casme2,samm"),
    ],
)
def test_data_sets_by_the_names_that_are_in_use(written, meant):
    assert spelling.dataset_name(written) == meant


def test_home_is_found_in_options_and_in_values_of_their_own(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    given = [
        "~/clip",
        "--run_dir=~/r",
        "--data_dir",
        "~/d",
        "--dataset",
        "SMIC",
        "--dataset=CASME-II",
        "--x=a~b",
        "-1",
        "~",
    ]
    assert spelling.as_read(given) == [
        *[f"{tmp_path}/clip", f"--run_dir={tmp_path}/r", "--data_dir", f"{tmp_path}/d"],
        *["--dataset", "smic", "--dataset=casme2", "--x=a~b", "-1", str(tmp_path)],
    ]


def test_a_home_of_nobody_makes_no_folder_of_that_name(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="no user 'no_such_user'"):
        spelling.as_read(["--run_dir=~no_such_user/r"])
    monkeypatch.chdir(tmp_path)
    Path("~odd").mkdir()
    Path("~odd/r").mkdir()
    assert spelling.as_read(["~odd/r"]) == ["~odd/r"]


LOSO = [
    "epochs",
    "pretrain.epochs",
    "learning_rate",
    "clips_per_step",
    "devices",
    "data.memory_gib",
    "manual_dir",
    "dataset",
    "folds",
    "synthetic.strength",
]


@pytest.mark.parametrize(
    ("option", "part"),
    [
        ("--lr=0.1", "did you mean --learning_rate?"),
        ("--learning-rat", "did you mean --learning_rate?"),
        ("--batch_size", "did you mean --clips_per_step?"),
        ("--batch-size=8", "did you mean --clips_per_step?"),
        ("--fold=1", "did you mean --folds?"),
        ("--epoch=2", "did you mean --epochs?"),
        ("--pretrain.epoch=2", "did you mean --pretrain.epochs?"),
        ("--memory_gib=2", "did you mean --data.memory_gib?"),
        ("--strenght=2", "did you mean --synthetic.strength?"),
        ("--gpu", "--devices=N is how many folds"),
        ("--device=cuda", "pip install 'akm_jax[cuda]'"),
        ("--resume", "the same command goes on where it was stopped"),
        ("--xyzzy", "--help lists the options"),
    ],
)
def test_what_was_meant(option, part):
    assert part in spelling.suggest(option, LOSO)


def test_only_options_of_the_command_are_named():
    assert spelling.suggest("--lr", ["checkpoint"]) == "--help lists the options"
    assert "--devices" not in spelling.suggest("--gpu", ["checkpoint"])
