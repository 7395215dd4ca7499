"""`python -m experiments.loso` as a user types it: drawn corpus, builder, training, results; errors on one screen."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

TINY = ("--preset=tiny", "--epochs=1", "--rules=last,test")


def loso(*arguments, cwd, env=None):
    command = [sys.executable, "-m", "experiments.loso", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=env)


@pytest.fixture
def four_devices(quick_flags):
    """Two folds at a time, each of whose steps two devices share, as they do where XLA_FLAGS names no number."""
    return {**os.environ, "XLA_FLAGS": f"--xla_force_host_platform_device_count=4 {quick_flags}"}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, quick_commands):
    """A folder with a drawn corpus and a finished tiny run."""
    folder = tmp_path_factory.mktemp("loso")
    done = loso(*TINY, "--run_dir=run", "--data_dir=data", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_a_run_ends_with_results(workplace):
    folder, done = workplace
    summary = json.loads((folder / "run" / "summary.json").read_text())
    assert summary["num_clips"] == 9
    assert summary["compilations"] == 1
    assert set(summary["rules"]) == {"last", "test"}
    with (folder / "run" / "predictions.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 9
    assert "majority class 0.333 of 9 clips" in done.stderr
    assert "optimistic" in done.stderr
    assert "padding" in done.stderr


def test_folds_on_two_devices_give_what_one_gives(workplace, four_devices):
    folder, _ = workplace
    done = loso(*TINY, "--data_dir=data", "--run_dir=two", cwd=folder, env=four_devices)
    assert done.returncode == 0, done.stderr
    assert "4 x cpu" in done.stderr
    assert re.findall(r"fold (\d)/3", done.stderr) == ["1", "2", "3"]
    one, two = ((folder / name / "predictions.csv").read_bytes() for name in ("run", "two"))
    assert one == two
    for result in (folder / "run").glob("folds/*/*/result.json"):
        mine, theirs = (
            json.loads(p.read_text()) for p in (result, folder / "two" / result.relative_to(folder / "run"))
        )
        assert mine["rules"] == theirs["rules"]
        assert theirs["compilations"] == 1
    lines = [json.loads(line) for line in (folder / "two" / "log.jsonl").read_text().splitlines()]
    assert sorted(line["subject"] for line in lines) == sorted(
        p.name[1:] for p in (folder / "two").glob("folds/seed0/s*")
    )
    assert len(list((folder / "two" / "tensorboard").rglob("events.out.*"))) == 3


def test_stopped_on_two_devices_a_run_goes_on_on_one(workplace, four_devices):
    folder, _ = workplace
    arguments = [*TINY, "--data_dir=data", "--epochs=4", "--checkpoint_interval_s=0"]
    assert loso(*arguments, "--run_dir=whole_one", cwd=folder).returncode == 0
    command = [sys.executable, "-m", "experiments.loso", *arguments, "--run_dir=interrupted"]
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=four_devices)
    signal.signal(signal.SIGINT, inherited)
    log = folder / "interrupted" / "log.jsonl"
    while process.poll() is None and not (log.is_file() and log.read_text().count("\n") >= 2):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "the same command goes on from here" in errors
    assert "Traceback" not in errors
    assert loso(*arguments, "--run_dir=interrupted", "--devices=1", cwd=folder).returncode == 0
    whole, resumed = ((folder / name / "predictions.csv").read_bytes() for name in ("whole_one", "interrupted"))
    assert whole == resumed


def test_a_finished_run_is_the_same_run_when_its_data_are_streamed(workplace):
    folder, held = workplace
    before = (folder / "run" / "predictions.csv").read_bytes()
    done = loso(*TINY, "--run_dir=run", "--data_dir=data", "--data.memory_gib=0", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "GiB of frames, held in memory (--data.memory_gib=4)" in held.stderr
    assert "GiB of frames, streamed from disk (--data.memory_gib=0)" in done.stderr
    assert (folder / "run" / "predictions.csv").read_bytes() == before


def smic_folder(folder):
    return next((folder / "data" / "synthetic").glob("smic_*"))


def test_a_smic_folder_is_built_on_first_use_and_gives_the_same(workplace, tmp_path):
    folder, _ = workplace
    arguments = [*TINY, "--dataset=smic", f"--manual_dir={smic_folder(folder)}", f"--data_dir={tmp_path}"]
    done = loso(*arguments, "--run_dir=run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/predictions.csv").read_bytes() == (folder / "run/predictions.csv").read_bytes()
    assert "published" in done.stderr  # counts differ from the real set's, and the user is told


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
        (["--init_weights=gone.pt", "--data_dir={data}"], "gone.pt: no such file"),
        (["--epochs=2", "--data_dir={data}", "--run_dir={run}"], "config.train.epochs: there 1, now 2"),
        (["--run_dir=/proc/akm", "--data_dir={data}"], "/proc/akm"),
    ],
)
def test_errors_fit_on_one_screen_and_say_what_to_do(workplace, tmp_path, arguments, message):
    folder, _ = workplace
    places = {"data": folder / "data", "run": folder / "run"}
    done = loso(*TINY, *[a.format(**places) for a in arguments], cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr.replace("\n", "")
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) < 25


def test_help_names_defaults_and_units(tmp_path):
    done = loso("--help", cwd=tmp_path)
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
    assert "(default: 8)" in re.sub(r"[\s│]+", " ", loso("--preset=demo", "--help", cwd=tmp_path).stdout)


def test_a_set_of_one_subject_or_without_a_class_is_refused(workplace, tmp_path):
    folder, _ = workplace
    for broken, message in (("s[12]", "has one subject"), ("s*/micro/surprise", "no clip of class surprise")):
        root = tmp_path / broken.replace("/", "_").replace("*", "x")
        shutil.copytree(smic_folder(folder) / "SMIC_all_cropped", root / "SMIC_all_cropped")
        for unwanted in (root / "SMIC_all_cropped" / "HS").glob(broken):
            shutil.rmtree(unwanted)
        done = loso(
            *TINY,
            "--dataset=smic",
            f"--manual_dir={root}",
            f"--data_dir={root}/built",
            f"--run_dir={root}/run",
            cwd=tmp_path,
        )
        assert done.returncode == 1
        assert message in done.stderr.replace("\n", ""), done.stderr


def test_paper_size_starts_and_proceeds(tmp_path, monkeypatch):
    """SMIC's size (164 clips, 16 subjects, 128 x 128), the published network, a few steps of two folds."""
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    drawn = [sys.executable, "-m", "datasets_tfds.synthetic", "--layout=smic", "--published_counts", "--out=smic"]
    subprocess.run(drawn, cwd=tmp_path, check=True, capture_output=True)
    arguments = ["--preset=paper", "--dataset=smic", "--manual_dir=smic", "--data_dir=built", "--run_dir=run"]
    done = loso(*arguments, "--folds=5,19", "--epochs=1", "--steps_per_epoch=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["compilations"] == 1
    assert summary["padding_share"] <= 0.05
    assert not summary["complete"]
    assert "padding" in done.stderr


def test_killed_again_and_again_a_run_still_ends_with_the_same_predictions(workplace):
    """SIGKILL at random moments: no finished fold is lost or trained twice, no half-written file is left."""
    folder, _ = workplace
    arguments = [
        *TINY,
        "--epochs=3",
        "--data_dir=data",
        "--checkpoint_interval_s=0",
        "--rules=last,inner,test",
        "--seeds=2",
    ]
    assert loso(*arguments, "--run_dir=whole", cwd=folder).returncode == 0
    command = [sys.executable, "-m", "experiments.loso", *arguments, "--run_dir=killed"]
    finished: dict[str, int] = {}
    kills = attempts = 0
    delays = [2.0 + 0.7 * ((7 * i) % 11) for i in range(60)]
    while True:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            _, errors = process.communicate(timeout=delays[attempts] if kills < 20 else None)
            assert process.returncode == 0, errors
            if kills >= 20:
                break
            shutil.rmtree(folder / "killed")  # ended before twenty kills: start over, kills go on counting
            finished = {}
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
        for result in (folder / "killed").glob("folds/*/*/result.json"):
            stamp = result.stat().st_mtime_ns
            assert finished.setdefault(str(result), stamp) == stamp, f"{result} was written twice"
        attempts += 1
        time.sleep(0.01)
    for result, stamp in finished.items():
        assert (folder / result).stat().st_mtime_ns == stamp
    whole, killed = ((folder / name / "predictions.csv").read_bytes() for name in ("whole", "killed"))
    assert whole == killed
    assert not [p for p in (folder / "killed").rglob(".*") if p.name.startswith(".")]
    lines = [json.loads(line) for line in (folder / "killed" / "log.jsonl").read_text().splitlines()]
    keys = [(e["seed"], e["subject"], e["training"], e["epoch"]) for e in lines]
    assert len(keys) == len(set(keys)) == 2 * 3 * 2 * 3


def test_an_output_folder_without_room_is_named_and_the_run_goes_on_afterwards(workplace):
    """A limit on file size stands for a full disk."""
    folder, _ = workplace
    arguments = [*TINY, "--data_dir=data", "--run_dir=full"]
    command = [sys.executable, "-m", "experiments.loso", *arguments]

    limited = ["bash", "-c", 'ulimit -f 6 && exec "$@"', "-", *command]  # KiB a file
    done = subprocess.run(limited, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "make room, then give the same command again" in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert loso(*arguments, cwd=folder).returncode == 0
    whole, resumed = ((folder / name / "predictions.csv").read_bytes() for name in ("run", "full"))
    assert whole == resumed
