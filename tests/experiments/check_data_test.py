"""`experiments.check_data`: figures beside the published ones, what is wrong, exit codes, JSON."""

import json
import subprocess
import sys

import pytest

from datasets_tfds.synthetic import CorpusConfig, LongCorpusConfig, write_corpus, write_long_corpus
from experiments import check_data

TINY = {"subjects": 3, "clips": 4, "size": 32, "min_frames": 3, "max_frames": 4, "pictures": "noise"}


@pytest.fixture
def folder(tmp_path):
    return write_corpus(CorpusConfig(layout="casme2", **TINY), tmp_path / "casme2")


def test_a_whole_set_is_described_beside_the_published_one(folder, capsys):
    assert check_data.main(folder, "casme2") == 0
    text = capsys.readouterr().out
    for line in (
        "CASME II original",
        f"frames    {folder / 'Cropped'}",
        "sheet Sheet1, edition 20140508, 12 / 255 rows",
        "clips     12 / 255 published",
        "subjects  3 / 26 published",
        "The set can be built.",
    ):
        assert line in text
    assert text.count("class     ") == 7


def test_what_is_wrong_is_told_with_the_remedy(folder, capsys):
    next((folder / "Cropped" / "sub02").glob("*/*.jpg")).unlink()
    assert check_data.main(folder, "casme2") == 1
    text = capsys.readouterr().out
    assert "1 to repair:\n  sub02/" in text
    assert "-> unzip this clip again" in text
    assert "--allow_missing builds the other 11 clips" in text


def test_a_folder_that_cant_be_read_is_one_line(tmp_path, capsys):
    assert check_data.main(tmp_path, "samm") == 1
    assert capsys.readouterr().out.startswith(f"error: {tmp_path} does not hold SAMM")
    assert check_data.main(tmp_path, "smic", "uv") == 1
    assert "no configuration 'uv'" in capsys.readouterr().out


def test_json_holds_the_same(folder, tmp_path, capsys):
    assert check_data.main(folder, "casme2", json=True) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["can_be_built"] is True
    assert record["clips"] == {"found": 12, "published": 255}
    assert record["frames_per_clip"]["min"] >= 3
    assert record["problems"] == record["left_out"] == []
    assert check_data.main(tmp_path / "absent", "casme2", json=True) == 1
    assert "does not exist" in json.loads(capsys.readouterr().out)["error"]


def test_smic_and_its_configurations_are_checked_as_well(tmp_path, capsys):
    root = write_corpus(CorpusConfig(**TINY, cameras=("HS", "VIS")), tmp_path / "smic")
    assert check_data.main(root, "smic", "vis") == 0
    text = capsys.readouterr().out
    assert "SMIC vis" in text
    assert "class     surprise" in text
    assert "table" not in text


def test_many_handled_lines_are_cut_short(folder, capsys):
    for k in range(30):
        (folder / "Cropped" / f"img{k}.lnk").touch()
    assert check_data.main(folder, "casme2") == 0
    assert "more (--json)" in capsys.readouterr().out


def test_the_command_line(folder):
    command = [sys.executable, "-m", "experiments.check_data", "--dataset=casme2", f"--manual_dir={folder}"]
    assert subprocess.run([*command, "--json"], capture_output=True, check=False).returncode == 0
    (folder / "CASME2-coding-20140508.xlsx").unlink()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no annotation table" in done.stdout
    assert "Traceback" not in done.stderr


LONG = {"subjects": 3, "videos": 1, "seconds": 3.6, "fps": 15.0, "macros": 1, "micros": 1, "talks": 0, "size": 32}


def test_long_videos_are_described_by_their_intervals(tmp_path, capsys):
    root = write_long_corpus(LongCorpusConfig(layout="samm_lv", **LONG), tmp_path / "samm_lv")
    assert check_data.main(root, "samm_lv") == 0
    text = capsys.readouterr().out
    for line in (
        "SAMM Long Videos",
        "edition V1, 6 / 502 rows",
        "videos    3 / 147 published",
        "fps       200",
        "faces     known beforehand in 3 of 3 videos",
        "macro     3 / 343 intervals in 3 videos, length ",
        "micro     3 / 159 intervals in 3 videos, length ",
        "The set can be built.",
    ):
        assert line in text
    assert "class " not in text
    picture = next(root.rglob("006_1_0009.jpg"))
    picture.write_bytes(picture.read_bytes()[:-50])
    assert check_data.main(root, "samm_lv", json=True) == 1
    record = json.loads(capsys.readouterr().out)
    assert "006_1_0009.jpg: truncated" in record["problems"][0]
    assert record["intervals"]["micro"]["found"] == 2


def test_own_long_videos_are_checked_as_they_count(tmp_path, capsys):
    root = write_long_corpus(LongCorpusConfig(layout="samm_lv", **LONG), tmp_path / "own")
    rows = "video,onset,offset,type,fps\nSAMM_longvideos/006_1,0,9,macro,40\n"
    (root / "intervals.csv").write_text(rows)
    assert check_data.main(root, "long_folder") == 1
    assert "0..9 lies outside the video" in capsys.readouterr().out
    assert check_data.main(root, "long_folder", counting="from0") == 0
    assert "macro     1 intervals in 1 videos, length 10 / 10.0 / 10 frames" in capsys.readouterr().out
    assert check_data.main(root, "samm_lv", counting="from0") == 1
