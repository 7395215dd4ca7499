"""Folders as users bring them: what network drives leave there, archives, links to nothing, other names."""

import os
import re
import shutil
import zipfile
from pathlib import Path

import openpyxl
import pytest

from datasets_tfds import annotated, layout
from datasets_tfds.casme2.description import CASME2
from datasets_tfds.folder import survey as folder_survey
from datasets_tfds.layout import Places
from datasets_tfds.long_folder import survey as long_folder_survey
from datasets_tfds.samm.description import SAMM
from datasets_tfds.samm_lv import description as samm_lv
from datasets_tfds.smic import tree as smic_tree
from datasets_tfds.source import load_clip_set, place_options
from datasets_tfds.synthetic import LongCorpusConfig, write_long_corpus
from experiments import check_data

LEFT_BEHIND = ("@eaDir", "Thumbs", "desktop.ini", ".AppleDouble", "lost+found", "#recycle", "__MACOSX")
TINY = {"subjects": 3, "videos": 1, "seconds": 3.6, "fps": 15.0, "macros": 1, "micros": 1, "talks": 0, "size": 32}


@pytest.fixture
def own(regular, tmp_path) -> Path:
    """Clips of one's own by folders, `<subject>/<label>/<clip>`."""
    smic = regular("smic").folder / "SMIC_all_cropped" / "HS"
    for subject in smic.iterdir():
        (tmp_path / "own").mkdir(exist_ok=True)
        shutil.copytree(subject / "micro", tmp_path / "own" / subject.name)
    return tmp_path / "own"


@pytest.fixture
def long_set(tmp_path) -> Path:
    return write_long_corpus(LongCorpusConfig(layout="samm_lv", **TINY), tmp_path / "samm_lv")


def litter(root: Path) -> None:
    """Leave behind everywhere what file managers and network drives do."""
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        for name in LEFT_BEHIND:
            if name == "desktop.ini":
                (folder / name).touch()
                continue
            (folder / name).mkdir()
            (folder / name / "SYNOPHOTO_THUMB_M_1.jpg").touch()


@pytest.mark.parametrize("dataset", ["casme", "casme2", "samm", "smic"])
def test_what_network_drives_leave_behind_is_left_alone_in_every_set(regular, dataset):
    corpus = regular(dataset)
    litter(corpus.folder)
    found = check_data.find(dataset, corpus.folder)
    assert found.check.problems == []
    assert len(found.usable) == 9
    for name in LEFT_BEHIND:
        assert any(line.endswith(f"{name}: not a frame, left alone") for line in found.check.handled), name
    assert not any("SYNOPHOTO" in line for line in found.check.handled)


def test_the_same_in_folders_of_ones_own_and_in_long_videos(own, long_set):
    clips, videos = len(folder_survey.survey(own).clips), len(samm_lv.survey(long_set).clips)
    litter(own)
    litter(long_set)
    for dataset, folder, count in (("folder", own, clips), ("samm_lv", long_set, videos)):
        found = check_data.find(dataset, folder)
        assert found.check.problems == []
        assert len(found.usable) == count


def write_file(path: Path, kind: str) -> Path:
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("SMIC_all_cropped/HS/s1", "")
    elif kind == "workbook":
        openpyxl.Workbook().save(path)
    else:
        path.write_bytes({"rar": b"Rar!\x1a\x07\0", "7z": b"7z\xbc\xaf\x27\x1c", "csv": b"path,subject,label\n"}[kind])
    return path


@pytest.mark.parametrize(
    ("name", "kind", "what"),
    [
        ("SMIC.zip", "zip", "is a zip file: unpack it, and pass the folder that comes out"),
        ("SMIC.rar", "rar", "is a rar file: unpack it"),
        ("SMIC.7z", "7z", "is a 7z file: unpack it"),
        ("codes.xlsx", "workbook", "is an Excel workbook: pass the folder that it lies in"),
        ("codes (1)", "workbook", "is an Excel workbook: pass the folder that it lies in"),
        ("clips.csv", "csv", "is a table: pass the folder that it lies in"),
    ],
)
def test_a_file_in_place_of_the_folder_is_named_for_what_it_is(tmp_path, capsys, name, kind, what):
    path = write_file(tmp_path / name, kind)
    for dataset in ("casme2", "smic", "folder", "samm_lv", "long_folder"):
        assert check_data.main(path, dataset) == 1
        assert f"error: {path} {what}" in capsys.readouterr().out


def test_an_archive_in_the_folder_is_named_first(tmp_path):
    for name in ("Cropped.zip", "a.txt"):
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match=r"it holds Cropped\.zip \(unpack it\), a\.txt"):
        layout.find_root(tmp_path, "Cropped")


def test_a_link_to_nothing_in_place_of_the_folder(tmp_path):
    (tmp_path / "data").symlink_to(tmp_path / "unmounted")
    with pytest.raises(FileNotFoundError, match="data is a link to what is not there"):
        layout.find_root(tmp_path / "data", "Cropped")


def clip_of(corpus, index: int) -> Path:
    return corpus.folder / corpus.truth["clips"][index]["path"]


def break_link(frame: Path) -> None:
    frame.unlink()
    frame.symlink_to(frame.parent / "gone" / frame.name)


def without_permission(monkeypatch, *paths: Path) -> None:
    """As for a user who may not read these; who runs the tests may read everything."""
    forbidden, may = {str(path) for path in paths}, os.access
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) not in forbidden and may(path, mode))


@pytest.mark.parametrize("dataset", ["casme2", "smic"])
def test_what_cant_be_opened_is_in_the_report_clip_by_clip(regular, dataset, tmp_path, monkeypatch):
    corpus = regular(dataset)
    linked, folder, closed, whole = (clip_of(corpus, index) for index in (0, 1, 4, 5))
    break_link(sorted(linked.iterdir())[0])
    frame = sorted(closed.iterdir())[1]
    without_permission(monkeypatch, folder, frame)
    found = check_data.find(dataset, corpus.folder)
    text = "\n".join(found.check.problems)
    where = found.check.relative
    assert re.search(rf"^{where(linked)}: \S+\d+\.\w+: a link to what is not there -> mount the disk", text, re.M)
    assert f"{where(folder)}: no permission to read it -> allow it: chmod" in text
    assert f"{where(closed)}: {frame.name}: no permission to read it -> allow it: chmod" in text
    assert len(found.check.problems) == 3
    places = {"manual_dir": corpus.folder, "data_dir": tmp_path / "built"}
    with pytest.raises(ValueError, match="3 problems in") as error:
        load_clip_set(dataset, **places)
    assert all(problem in str(error.value) for problem in found.check.problems)
    kept = load_clip_set(dataset, **places, allow_missing=True)
    assert len(kept) == 6
    assert whole.name.split("_")[-1] in " ".join(kept.clip_ids)


def test_a_subject_that_cant_be_entered_and_a_clip_that_is_a_link_to_nothing(regular, monkeypatch):
    corpus = regular("smic")
    root = corpus.folder / "SMIC_all_cropped" / "HS"
    clip = clip_of(corpus, 0)
    shutil.rmtree(clip)
    clip.symlink_to(root / "gone")
    without_permission(monkeypatch, root / "s2")
    found = smic_tree.survey(smic_tree.TREES["hs"], corpus.folder)
    text = "\n".join(found.check.problems)
    assert "s2: no permission to read it -> allow it" in text
    assert f"{found.check.relative(clip)}: a link to what is not there -> mount" in text
    assert len(found.check.problems) == 2
    assert len(found.usable) == 5


def test_the_same_in_folders_of_ones_own_and_in_long_videos_of_the_report(own, long_set, monkeypatch):
    clips = sorted(path.parent for path in own.rglob("*.bmp"))
    break_link(next(clips[0].iterdir()))
    without_permission(monkeypatch, clips[-1])
    text = "\n".join(check_data.find("folder", own).check.problems)
    assert "a link to what is not there -> mount the disk" in text
    assert "no permission to read it -> allow it" in text
    break_link(sorted(long_set.rglob("006_1_*.jpg"))[3])
    found = samm_lv.survey(long_set)
    found.check_numbers()
    assert found.check.problems == [f"006_1: 006_1_0004.jpg: a link to what is not there -> {MOUNT}"]
    rows = "video,onset,offset,type,fps\nSAMM_longvideos/007_1,1,9,macro,40\ngone,1,9,macro,40\n"
    (long_set / "intervals.csv").write_text(rows)
    (long_set / "gone").symlink_to(long_set / "nowhere")
    found = long_folder_survey.survey(long_set, "from1")
    assert "gone a link to what is not there -> mount the disk" in found.check.problems[0]


def test_drawn_long_videos_are_not_compared_with_published_numbers(long_set, tmp_path, caplog, capfd):
    from datasets_tfds.long.source import load_long_videos

    assert len(load_long_videos("samm_lv", manual_dir=long_set, data_dir=tmp_path / "a", is_drawn=True)) == 3
    assert "differ from the published" not in caplog.text
    assert "Unknown size" not in "".join(capfd.readouterr())
    assert len(load_long_videos("samm_lv", manual_dir=long_set, data_dir=tmp_path / "b")) == 3
    assert "differ from the published" in caplog.text


MOUNT = "mount the disk that it points to, or copy the files themselves"


@pytest.mark.parametrize("dataset", ["casme2", "folder"])
def test_a_table_that_cant_be_opened_is_named(regular, own, dataset, capsys, monkeypatch):
    corpus = regular("casme2")
    folder, name = {"casme2": (corpus.folder, "CASME2-coding-20140508.xlsx"), "folder": (own, "clips.csv")}[dataset]
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(folder / "gone")
    assert check_data.main(folder, dataset) == 1
    assert f"error: {folder / name}: a link to what is not there; mount the disk" in capsys.readouterr().out
    (folder / name).unlink()
    (folder / name).touch()
    without_permission(monkeypatch, folder / name)
    assert check_data.main(folder, dataset) == 1
    assert f"error: {folder / name}: no permission to read it; allow it" in capsys.readouterr().out


def test_a_copy_of_a_frame_is_named(regular):
    for dataset, name in (("smic", "{} (1).bmp"), ("casme2", "{} - Copy.jpg")):
        corpus = regular(dataset)
        frame = sorted(clip_of(corpus, 0).iterdir())[-1]
        shutil.copy(frame, frame.with_name(name.format(frame.stem)))
        (problem,) = check_data.find(dataset, corpus.folder).check.problems
        assert f"{name.format(frame.stem)}: by the name a copy of another frame; delete it" in problem


def test_numbers_in_brackets_that_all_frames_have_are_numbers(tmp_path):
    from datasets_tfds import reach

    for number in (1, 2, 10):
        (tmp_path / f"img ({number}).jpg").touch()
    assert [frame.number for frame in reach.list_frames(tmp_path)] == [1, 2, 10]


@pytest.mark.parametrize(
    ("dataset", "tree", "variant", "top", "name"),
    [
        ("casme2", "original", "cropped", "Cropped", "Cropped-updated"),
        ("casme2", "original", "cropped", "Cropped", "Cropped-updated/Cropped"),
        ("casme2", "raw", "raw", "CASME2_RAW_selected", "CASME2-RAW"),
        ("casme2", "raw", "raw", "CASME2_RAW_selected", "CASME2_RAW/CASME2-RAW"),
        ("samm", "original", "raw", "SAMM", "SAMM_CROP"),
        ("samm", "original", "raw", "SAMM", "SAMM/SAMM_CROP"),
        ("samm", "original", "raw", "SAMM", "frames/SAMM_Cropped"),
    ],
)
def test_names_of_the_top_folder_seen_in_public_code(regular, dataset, tree, variant, top, name):
    corpus = regular(dataset, variant=variant)
    moved = (corpus.folder / top).rename(corpus.folder / "moved")
    (corpus.folder / name).parent.mkdir(exist_ok=True)
    moved.rename(corpus.folder / name)
    described = {"casme2": CASME2, "samm": SAMM}[dataset]
    found = annotated.survey(described, tree, corpus.folder)
    assert found.check.root == corpus.folder / name
    assert len(found.usable) == 9


def test_the_usual_name_comes_before_others(regular):
    corpus = regular("casme2")
    shutil.copytree(corpus.folder / "Cropped", corpus.folder / "Cropped-updated")
    found = annotated.survey(CASME2, "original", corpus.folder)
    assert found.check.root.name == "Cropped"
    assert f"{corpus.folder / 'Cropped-updated'}: not read, as Cropped is there" in found.check.handled[0]


def test_frames_under_any_other_name_can_be_given(regular, tmp_path, capsys):
    for dataset, below in (("casme2", "Cropped"), ("smic", "SMIC_all_cropped/HS")):
        corpus = regular(dataset)
        frames = (corpus.folder / below).rename(tmp_path / f"faces of {dataset}")
        assert check_data.main(corpus.folder, dataset) == 1
        assert "--data.frames=FOLDER" in capsys.readouterr().out
        assert check_data.main(corpus.folder, dataset, frames=frames) == 0
        clip_set = load_clip_set(
            dataset, manual_dir=corpus.folder, data_dir=tmp_path / "built", places=Places(frames=frames)
        )
        assert len(clip_set) == 9
        assert check_data.main(corpus.folder, dataset, frames=tmp_path / "absent") == 1
        assert "does not exist; expected the folder that --data.frames names" in capsys.readouterr().out


def test_places_that_a_set_does_not_have_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"--data.table=\S+: smic has no table; leave it out"):
        place_options("smic", Places(table=tmp_path))
    with pytest.raises(ValueError, match=r"--data.frames=\S+: the frames of folder lie where its table says"):
        place_options("folder", Places(frames=tmp_path))


def test_a_table_of_any_name_in_a_folder_of_ones_own(own, long_set, tmp_path):
    mine = tmp_path / "mine.csv"
    rows = [f"{path.relative_to(own)},{path.parts[-3]},{path.parts[-2]}\n" for path in sorted(own.glob("*/*/*"))]
    mine.write_text("path,subject,label\n" + "".join(rows))
    found = check_data.find("folder", own, places=(mine, None))
    assert found.check.problems == []
    assert found.sources == (mine,)
    with pytest.raises(ValueError, match=r"--data.table=.*own: expected a table, \.csv"):
        check_data.find("folder", own, places=(own, None))
    mine.write_text("video,onset,offset,type,fps\nSAMM_longvideos/006_1,1.2,9,macro,40\n")
    found = check_data.find("long_folder", long_set, places=(mine, None))
    assert found.check.problems == []
    assert [interval.onset for interval in found.clips[0].intervals] == [0]
