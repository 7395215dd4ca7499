"""A user's own data in its three forms: the clips are those of the same pictures in SMIC's layout."""

import csv
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from akm_jax.data.clip_set import ClipSet
from akm_jax.data.own_clip import read_frames
from datasets_tfds.folder.folder_dataset_builder import Builder
from datasets_tfds.source import load_clip_set
from datasets_tfds.survey import Survey
from datasets_tfds.synthetic import CorpusConfig, write_corpus
from datasets_tfds.synthetic.sheets import write_workbook
from experiments import check_data

SAME = ("clip_ids", "subjects", "labels", "class_names", "lengths", "frame_numbers", "checksum")
LABELS = ("negative", "positive", "surprise")


def load(manual_dir: Path | None, data_dir: Path, dataset: str = "folder", **options) -> ClipSet:
    return load_clip_set(dataset, manual_dir=manual_dir, data_dir=data_dir, **options)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """A small corpus in SMIC's layout; tests copy it."""
    config = CorpusConfig(subjects=3, clips=3, size=32, min_frames=3, max_frames=4, pictures="noise")
    return write_corpus(config, tmp_path_factory.mktemp("folder") / "drawn")


@pytest.fixture(scope="module")
def reference(drawn, tmp_path_factory) -> ClipSet:
    """The same clips, read as SMIC."""
    return load(drawn, tmp_path_factory.mktemp("reference"), "smic")


@pytest.fixture(scope="module")
def truth(drawn) -> list[dict[str, Any]]:
    return json.loads((drawn / "truth.json").read_text())["clips"]


@pytest.fixture
def own(drawn, tmp_path) -> Path:
    """A folder with the pictures and nothing that says what they are."""
    folder = tmp_path / "own"
    shutil.copytree(drawn / "SMIC_all_cropped", folder / "SMIC_all_cropped")
    return folder


def write_table(folder: Path, rows: list[dict[str, Any]], name: str = "clips.csv", **how) -> Path:
    """Write a table as a spreadsheet program does."""
    path, header = folder / name, list(rows[0])
    if path.suffix in (".xls", ".xlsx"):
        write_workbook(path, {"Sheet1": [header, *(list(row.values()) for row in rows)]})
        return path
    with path.open("w", newline="", encoding=how.get("encoding", "utf-8")) as file:
        writer = csv.writer(file, delimiter=how.get("delimiter", ","))
        writer.writerows([header, *(row.values() for row in rows)])
    return path


def rows_of(truth: list[dict[str, Any]], headers: tuple[str, str, str] = ("path", "subject", "label")):
    return [dict(zip(headers, (c["path"], c["subject"], c["class"]), strict=True)) for c in truth]


def assert_same(found: ClipSet, expected: ClipSet, *, without: tuple[str, ...] = ()) -> None:
    for name in set(SAME) - set(without):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def check(folder: Path, pattern: str = "") -> Survey:
    return check_data.find("folder", folder, subject_pattern=pattern)


@pytest.mark.parametrize(
    ("name", "how", "headers"),
    [
        ("clips.csv", {}, ("path", "subject", "label")),
        ("Clips.CSV", {"encoding": "utf-8-sig", "delimiter": ";"}, ("Filename", "Subject ID", "Estimated Emotion")),
        ("clips.tsv", {"encoding": "utf-16", "delimiter": "\t"}, ("文件", "受试者", "情绪")),
        ("clips.csv", {"encoding": "gb18030"}, ("路径", "被试", "标签")),
        ("clips.xlsx", {}, ("File", "Subject", "Emotion")),
        ("clips.xls", {}, ("PATH", "SUBJECT", "类别")),
    ],
)
def test_a_table_of_clips_gives_the_same_set(own, truth, reference, tmp_path, name, how, headers):
    write_table(own, rows_of(truth, headers), name, **how)
    assert_same(load(own, tmp_path / "built"), reference)


def test_paths_may_be_absolute_and_have_backslashes(own, truth, reference, tmp_path):
    rows = rows_of(truth)
    rows[0]["path"] = str(own / rows[0]["path"])
    rows[1]["path"] = rows[1]["path"].replace("/", "\\")
    (tmp_path / "elsewhere").mkdir()
    shutil.move(own / rows[2]["path"], tmp_path / "elsewhere" / truth[2]["clip"])
    rows[2]["path"] = f"../elsewhere/{truth[2]['clip']}"
    write_table(own, rows)
    assert_same(load(own, tmp_path / "built"), reference)


def test_the_form_and_the_columns_are_told(own, truth, caplog, tmp_path, capsys):
    write_table(own, [row | {"mood": 1} for row in rows_of(truth, ("File", "Subject", "Emotion"))])
    (own / "list.txt").write_text("a 1 b")
    said = (
        "recognised a table of clips, clips.csv (UTF-8, fields separated by commas): path from File, subject from "
        "Subject, label from Emotion; not used: mood"
    )
    load(own, tmp_path / "built")
    assert said in caplog.text
    assert check_data.main(own, "folder") == 0
    text = capsys.readouterr().out
    assert said in text
    assert "list.txt: not read, as clips.csv is there" in text
    assert "clips     9, " in text
    assert "subjects  3\n" in text
    assert "class     negative 3\n" in text
    assert "published" not in text


def write_lists(folder: Path, truth: list[dict[str, Any]]) -> None:
    lines = [f"{c['path']} {c['num_frames']} {LABELS.index(c['class'])}\n" for c in truth]
    (folder / "train.txt").write_text("".join(lines[:6]))
    (folder / "test.txt").write_text("\n" + "".join(lines[6:]))
    (folder / "README.txt").write_text("What this is.\nIt took 20 minutes to make.\n")


def test_list_files_give_the_same_set(own, truth, reference, tmp_path):
    write_lists(own, truth)
    pattern = r"/(?P<subject>s\d+)/(micro)/"
    clip_set = load(own, tmp_path / "built", subject_pattern=pattern)
    assert_same(clip_set, reference, without=("class_names",))
    assert clip_set.class_names == ("0", "1", "2")
    notes = "\n".join(check(own, pattern).check.notes)
    assert "recognised list files (path length label), test.txt, train.txt; subjects are those that" in notes
    assert "README.txt: no list of clips, left alone" in notes


def test_without_a_pattern_the_folder_above_the_clip_is_the_subject(own, truth, reference, tmp_path):
    lines = []
    for clip in truth:
        (own / f"sub{clip['subject']:0>2}").mkdir(exist_ok=True)
        shutil.move(own / clip["path"], own / f"sub{clip['subject']:0>2}" / clip["clip"])
        lines.append(f"sub{clip['subject']:0>2}/{clip['clip']}\t{clip['num_frames']}\t{clip['class']}\n")
    (own / "all.txt").write_text("".join(lines))
    assert_same(load(own, tmp_path / "built"), reference)


def test_lists_of_several_splits_name_a_clip_once(own, truth):
    write_lists(own, truth)
    shutil.copy(own / "train.txt", own / "train_2.txt")
    found = check(own, r"/(s\d+)/")
    assert (len(found.clips), found.check.problems) == (9, [])
    assert "6 lines that another list file holds too were taken once" in found.check.notes


def test_the_environment_gives_the_pattern_to_the_stock_command(own, truth, tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    write_lists(own, truth)
    monkeypatch.setenv("AKM_SUBJECT_PATTERN", r"/(s\d+)/")
    builder = Builder(data_dir=tmp_path / "built")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=own))
    assert {clip["subject"] for clip in builder.info.metadata["clips"]} == {"1", "2", "3"}


@pytest.mark.parametrize("linked", [False, True])
def test_folders_by_subject_and_label_give_the_same_set(own, truth, reference, tmp_path, linked):
    for clip in truth:
        place = tmp_path / "tree" / f"S{clip['subject']}" / clip["class"] / clip["clip"]
        place.parent.mkdir(parents=True, exist_ok=True)
        if linked:
            place.symlink_to(own / clip["path"], target_is_directory=True)
        else:
            shutil.copytree(own / clip["path"], place)
    assert_same(load(tmp_path / "tree", tmp_path / "built"), reference)


def write_video(path: Path, frames: int, seed: int = 0) -> np.ndarray:
    """A lossless grey video of noise; gives its frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = np.random.default_rng(seed).integers(0, 256, (frames, 24, 32), np.uint8)
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"FFV1"), 25, (32, 24))
    assert video.isOpened()
    for picture in pictures:
        video.write(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR))
    video.release()
    return read_frames(path)[0]


@pytest.fixture
def videos(tmp_path) -> Path:
    """Two people's recordings: one clip each, and a second one of the first recording."""
    folder = tmp_path / "videos"
    write_video(folder / "anna" / "rec.avi", 8)
    write_video(folder / "b" / "rec.avi", 3, seed=1)
    rows = [("anna/rec.avi", "anna", "x", 2, 3, 4, 200), ("anna/rec.avi", "anna", "y", 5, "/", 7, "59,94")]
    rows += [("b/rec.avi", "b", "x", "", "", "", "")]
    names = ("path", "subject", "label", "onset", "apex", "offset", "fps")
    write_table(folder, [dict(zip(names, row, strict=True)) for row in rows])
    return folder


def test_videos_are_cut_from_onset_to_offset_counted_from_0(videos, tmp_path):
    clip_set = load(videos, tmp_path / "built")
    assert clip_set.clip_ids == ("anna_rec.avi_onset2", "anna_rec.avi_onset5", "b_rec.avi")
    assert clip_set.subjects == ("anna", "anna", "b")
    assert clip_set.frame_numbers.tolist() == [2, 3, 4, 5, 6, 7, 0, 1, 2]
    assert clip_set.apexes.tolist() == [1, -1, -1]


def test_frames_of_videos_are_stored_without_loss_and_each_clip_has_its_rate(videos, tmp_path):
    import tensorflow_datasets as tfds

    from akm_jax.data.pictures import decode_grey

    builder = Builder(data_dir=tmp_path / "built")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=videos))
    records = {record["clip_id"].decode(): record for record in builder.as_data_source("train")}
    whole = read_frames(videos / "anna" / "rec.avi")[0]
    stored = np.stack([decode_grey(picture) for picture in records["anna_rec.avi_onset2"]["frames"]])
    np.testing.assert_array_equal(stored, whole[2:5])
    rates = {clip_id: round(float(record["fps"]), 2) for clip_id, record in records.items()}
    assert rates == {"anna_rec.avi_onset2": 200.0, "anna_rec.avi_onset5": 59.94, "b_rec.avi": 0.0}
    record = records["b_rec.avi"]
    assert (record["onset"], record["apex"], record["offset"], record["emotion"]) == (0, -1, 2, b"x")


def test_videos_lie_in_folders_as_well(tmp_path):
    for subject in ("王", "李"):
        for k, label in enumerate(("10", "9")):
            write_video(tmp_path / "tree" / subject / label / "take.avi", 3, seed=k)
    clip_set = load(tmp_path / "tree", tmp_path / "built")
    assert set(clip_set.subjects) == {"王", "李"}
    assert clip_set.class_names == ("9", "10")
    assert "王_9_take.avi" in clip_set.clip_ids


def test_a_video_is_not_decoded_to_see_whether_it_has_changed(videos, tmp_path, monkeypatch):
    load(videos, tmp_path / "built")
    monkeypatch.setattr("akm_jax.data.video.look_through", lambda path: pytest.fail("decoded"))
    load(videos, tmp_path / "built")


def test_any_change_makes_another_set(own, truth, videos, tmp_path):
    """Of the table, a list file, a picture, a video."""
    builder = Builder(data_dir=tmp_path / "built", subject_pattern=r"/(s\d+)/")

    def changes(folder: Path, change) -> bool:
        before = builder.fingerprint(folder)
        assert builder.fingerprint(folder) == before
        change()
        return builder.fingerprint(folder) != before

    write_lists(own, truth)
    append = (own / "test.txt").read_text() + "\n"
    assert changes(own, lambda: (own / "test.txt").write_text(append))
    picture = next((own / truth[0]["path"]).iterdir())
    assert changes(own, lambda: picture.write_bytes(picture.read_bytes() + b"\0"))
    assert changes(own, lambda: write_table(own, rows_of(truth)))
    assert changes(own, lambda: write_table(own, [row | {"fps": 100} for row in rows_of(truth)]))
    assert changes(videos, lambda: write_video(videos / "b" / "rec.avi", 4, seed=1))


def test_onset_and_offset_cut_folders_and_the_apex_is_an_index(own, truth, tmp_path):
    rows = rows_of(truth)
    first = truth[0]["onset"]
    rows[0] |= {"clip_id": "mine", "onset": first + 1, "apex": first + 2, "offset": float(first + 2)}
    write_table(own, rows[:1] + [row | {"clip_id": "", "onset": "", "apex": "?", "offset": ""} for row in rows[1:]])
    clip_set = load(own, tmp_path / "built")
    k = clip_set.clip_ids.index("mine")
    start = clip_set.starts[k]
    assert clip_set.lengths[k] == 2
    assert clip_set.frame_numbers[start : start + 2].tolist() == [first + 1, first + 2]
    assert clip_set.apexes[k] == 1


def test_subjects_are_sorted_and_names_kept(own, truth, tmp_path):
    names = {"1": "sub010", "2": "S9", "3": "张三"}
    write_table(own, [row | {"subject": names[row["subject"]]} for row in rows_of(truth)])
    assert tuple(dict.fromkeys(load(own, tmp_path / "built").subjects)) == ("9", "10", "张三")


def test_classes_group_emotions_in_any_spelling(own, truth, tmp_path, caplog):
    labels = ["Happiness", "DISGUST", "Other", "repression", "surprise", "Positive", "negative", "fear", "tense"]
    write_table(own, [row | {"label": label} for row, label in zip(rows_of(truth), labels, strict=True)])
    by_id = {clip["clip"]: label for clip, label in zip(truth, labels, strict=True)}

    def classes(scheme: str) -> dict[str, str]:
        found = load(own, tmp_path / "built", classes=scheme)
        return {by_id[c]: found.class_names[label] for c, label in zip(found.clip_ids, found.labels, strict=True)}

    usual = load(own, tmp_path / "built")
    assert usual.class_names == tuple(sorted(labels))
    assert classes("emotion") == {label: label for label in labels}
    assert classes("paper4") == {
        **dict.fromkeys(("Happiness", "Positive"), "positive"),
        **dict.fromkeys(("DISGUST", "negative", "fear"), "negative"),
        **dict.fromkeys(("Other", "repression", "tense"), "others"),
        "surprise": "surprise",
    }
    with caplog.at_level(logging.INFO):
        assert classes("megc3") == {
            **dict.fromkeys(("Happiness", "Positive"), "positive"),
            **dict.fromkeys(("DISGUST", "negative", "fear", "repression"), "negative"),
            "surprise": "surprise",
        }
    assert "folder: 2 clips outside the classes of megc3 (1 Other, 1 tense)" in caplog.text


def test_labels_that_are_no_emotions_are_named_where_a_scheme_needs_them(own, truth, tmp_path):
    write_table(own, [row | {"label": "A" if row["label"] == "positive" else "joy"} for row in rows_of(truth)])
    assert load(own, tmp_path / "built").class_names == ("A", "joy")
    with pytest.raises(ValueError, match=r"--classes=megc3: folder has labels A, joy, which it can't group; it knows"):
        load(own, tmp_path / "built", classes="megc3")
