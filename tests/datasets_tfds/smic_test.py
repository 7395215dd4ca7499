"""The SMIC builder: its folders, its checks, `tfds build` for real, and the same without TensorFlow."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import datasets_tfds
from datasets_tfds import disk_check, layout
from datasets_tfds.smic import tree as smic_tree
from datasets_tfds.smic.smic_dataset_builder import Builder
from datasets_tfds.source import load_clip_set

HS = smic_tree.TREES["hs"]
BUILDER_FOLDER = Path(datasets_tfds.__file__).with_name("smic")
CODES = {label: code for code, label in smic_tree.CODES.items()}
WITHOUT_TENSORFLOW = """
import sys
import importlib.util
from datasets_tfds.source import load_clip_set
assert importlib.util.find_spec("tensorflow") is None
load_clip_set("smic", manual_dir=sys.argv[1], data_dir=sys.argv[2])
assert "tensorflow" not in sys.modules
"""


def write_clip(root: Path, subject: int, label: str, number: int, frames: int = 3, first: int = 98) -> Path:
    """One clip of 12 x 10 pixel pictures below `root` (`.../HS`); frame numbers cross a power of ten, unpadded."""
    name = f"s{subject}_{CODES[label]}_{number:02d}"
    folder = root / f"s{subject}" / "micro" / label / name
    folder.mkdir(parents=True)
    random = np.random.default_rng([subject, number, len(label)])
    for k in range(frames):
        Image.fromarray(random.integers(0, 256, (10, 12), np.uint8)).save(folder / f"reg_image{first + k}.bmp")
    return folder


def write_set(folder: Path, subjects: tuple[int, ...] = (1, 2, 11), path: str = HS.path) -> Path:
    """A set of one clip of each class a subject; gives its root."""
    root = folder / path
    for subject in subjects:
        for k, label in enumerate(smic_tree.CLASSES):
            write_clip(root, subject, label, 1, frames=1 + k + subject % 3)
    return root


def check(folder: Path, tree: smic_tree.Tree = HS) -> tuple[list[layout.ClipFolder], disk_check.DiskCheck]:
    found = smic_tree.survey(tree, folder)
    found.read_frames()
    return list(found.clips), found.check


def test_clips_come_by_subject_number_with_what_their_folders_say(tmp_path):
    write_set(tmp_path)
    clips, _ = check(tmp_path)
    assert [clip.subject for clip in clips] == ["1"] * 3 + ["2"] * 3 + ["11"] * 3
    assert [clip.clip_id for clip in clips[:3]] == ["s1_ne_01", "s1_po_01", "s1_sur_01"]
    assert [clip.label for clip in clips[:3]] == ["negative", "positive", "surprise"]
    assert [frame.number for frame in clips[2].frames] == [98, 99, 100, 101]


def test_all_cameras_and_the_raw_pictures_have_a_configuration(tmp_path):
    for tree in smic_tree.TREES.values():
        write_set(tmp_path, (1,), tree.path)
    write_clip(tmp_path / "SMIC_all_raw" / "HS", 1, "negative", 2)
    (tmp_path / "SMIC_all_raw" / "HS" / "s1" / "non_micro" / "s1_non_01").mkdir(parents=True)
    counts = {name: len(check(tmp_path, tree)[0]) for name, tree in smic_tree.TREES.items()}
    assert counts == {"hs": 3, "vis": 3, "nir": 3, "hs_raw": 4, "vis_raw": 3, "nir_raw": 3}
    assert set(Builder.builder_configs) == {*smic_tree.TREES, "aligned", "aligned_alpha15"}


def test_folders_repeated_in_themselves_and_junk_files_are_no_problem(tmp_path):
    root = write_set(tmp_path, (1,))
    for folder in (root / "s1" / "micro" / "negative" / "s1_ne_01", root / "s1", root, root.parent):
        inner = folder.with_name("moved")
        folder.rename(inner)
        folder.mkdir()
        inner.rename(folder / folder.name)
    (tmp_path / "SMIC_all_cropped" / "desktop.ini").touch()
    clips, found = check(tmp_path)
    assert found.problems == []
    assert len(clips) == 3


def test_misplaced_and_surplus_folders_are_each_one_problem(tmp_path):
    root = write_set(tmp_path, (1, 2))
    micro = root / "s1" / "micro"
    (micro / "negative" / "s1_ne_01").rename(micro / "positive" / "s1_ne_01")
    (root / "s2" / "micro" / "surprise" / "s2_sur_01").rename(micro / "surprise" / "s2_sur_01")
    (micro / "happy").mkdir()
    (micro / "negative" / "old").mkdir()
    (micro / "surprise" / "reg_image1.bmp").touch()
    (root / "notes").mkdir()
    (root / "s3").mkdir()
    problems = "\n".join(sorted(check(tmp_path)[1].problems))
    assert problems.count("\n") == 6
    for line in (
        "notes: surplus folder, not a subject",
        "s1/micro/happy: surplus folder, not a class",
        "s1/micro/negative/old: surplus folder, not a clip",
        "s1/micro/positive/s1_ne_01: its name says subject 1, negative; its folder says subject 1, positive",
        "s1/micro/surprise/s2_sur_01: its name says subject 2, surprise; its folder says subject 1, surprise",
        "s1/micro/surprise: pictures outside a clip's folder",
        "s3: no folder named micro",
    ):
        assert line in problems


def test_a_frame_number_twice_spoils_its_clip_only(tmp_path):
    root = write_set(tmp_path, (1,))
    folder = root / "s1" / "micro" / "negative" / "s1_ne_01"
    (folder / "reg_image0098.bmp").write_bytes((folder / "reg_image98.bmp").read_bytes())
    clips, found = check(tmp_path)
    assert len(found.problems) == 1
    assert "have the same frame number" in found.problems[0]
    assert len(found.finish(clips, allow_missing=True)) == 2


def test_a_tree_without_clips_is_an_error(tmp_path):
    (tmp_path / HS.path / "s1" / "micro" / "negative").mkdir(parents=True)
    with pytest.raises(ValueError, match="no clips in .*; expected folders such as s1/micro/negative/s1_ne_01"):
        smic_tree.survey(HS, tmp_path)


def test_numbers_that_differ_from_the_published_ones_are_named_in_one_note(tmp_path):
    write_set(tmp_path, (1, 7))
    (note,) = check(tmp_path)[1].notes
    for part in ("clips 6/164", "subjects 2/16", "negative 2/70", "subject 1 3/6", "subject 3 0/39", "subject 7 3/0"):
        assert part in note


def test_the_published_numbers_need_no_note_and_known_defects_no_option(tmp_path):
    root = tmp_path / HS.path
    labels = [label for label, count in HS.published.clips_per_class.items() for _ in range(count)]
    assert len(labels) == sum(HS.published.clips_per_subject.values()) == HS.published.num_clips
    sizes = HS.published.clips_per_subject.items()
    subjects = [int(subject) for subject, count in sizes for _ in range(count)]
    for k, (subject, label) in enumerate(zip(subjects, labels, strict=True)):
        write_clip(root, subject, label, k + 1, frames=1)
    clips, found = check(tmp_path)
    assert (found.notes, found.problems) == ([], [])
    (root / "s18" / "micro" / "surprise" / "s18_sur_03").mkdir(parents=True)
    for path in write_clip(root, 3, "positive", 8, frames=4).glob("*99.bmp"):
        path.unlink()
    clips, found = check(tmp_path)
    assert found.problems == []
    assert [note.split()[0] for note in found.notes[:2]] == ["s3_po_08:", "s18_sur_03"]
    assert "s18_sur_03" not in {clip.clip_id for clip in found.finish(clips, allow_missing=False)}


def test_every_known_defect_names_configurations_and_evidence():
    rows = [
        d for name in smic_tree.TREES for d in disk_check.read_known_defects(smic_tree.KNOWN_DEFECTS, name).values()
    ]
    assert {row.clip_id for row in rows} == {"s18_sur_03", "s3_po_08", "s3_sur_01", "s3_sur_05", "s3_ne_16"}
    assert all(row.kind in ("empty", "gap") and row.evidence for row in rows)


def test_the_environment_variable_allows_missing_clips(tmp_path, monkeypatch):
    root = write_set(tmp_path / "smic", (1,))
    next((root / "s1" / "micro" / "negative" / "s1_ne_01").iterdir()).write_bytes(b"")
    config = {"download_config": _download_config(tmp_path / "smic")}
    with pytest.raises(ValueError, match="SMIC hs: 1 problem in"):
        Builder(data_dir=tmp_path / "a").download_and_prepare(**config)
    monkeypatch.setenv("AKM_ALLOW_MISSING", "1")
    builder = Builder(data_dir=tmp_path / "a")
    builder.download_and_prepare(**config)
    assert builder.info.metadata["left_out"] == ["s1_ne_01"]
    monkeypatch.setenv("AKM_ALLOW_MISSING", "yes")
    with pytest.raises(ValueError, match="AKM_ALLOW_MISSING must be 0 or 1, got 'yes'"):
        Builder(data_dir=tmp_path / "a")


def test_records_hold_the_original_bytes(tmp_path):
    root = write_set(tmp_path / "smic", (1,))
    builder = Builder(data_dir=tmp_path / "a")
    builder.download_and_prepare(download_config=_download_config(tmp_path / "smic"))
    record = {r["clip_id"]: r for r in builder.as_data_source("train")}[b"s1_sur_01"]
    files = sorted((root / "s1" / "micro" / "surprise" / "s1_sur_01").iterdir(), key=lambda p: int(p.stem[9:]))
    assert record["frames"] == [file.read_bytes() for file in files]
    assert list(record["frame_numbers"]) == [98, 99, 100, 101]
    assert (record["subject"], record["label"], record["fps"]) == (b"1", 2, 100.0)
    assert Image.open(io.BytesIO(record["frames"][0])).size == (12, 10)


@pytest.fixture(scope="module")
def prepared(hide_tensorflow, tmp_path_factory) -> tuple[Path, Path, Path]:
    """One set, built by the stock command and, in a process without TensorFlow, on first use."""
    folder = tmp_path_factory.mktemp("smic")
    write_set(folder / "smic")
    stock, free = folder / "stock", folder / "free"
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
    command = ["tensorflow_datasets.scripts.cli.main", "build", BUILDER_FOLDER]
    _run("-m", *command, f"--manual_dir={folder / 'smic'}", f"--data_dir={stock}", env=environment)
    _run("-c", hide_tensorflow + WITHOUT_TENSORFLOW, folder / "smic", free)
    return folder / "smic", stock, free


def test_the_stock_command_builds_the_usual_configuration_as_array_record(prepared):
    _, stock, _ = prepared
    assert [path.name for path in (stock / "smic").iterdir() if not path.name.startswith(".")] == ["hs"]
    info = json.loads((stock / "smic" / "hs" / "1.0.0" / "dataset_info.json").read_text())
    assert info["fileFormat"] == "array_record"


def test_built_by_the_stock_command_and_without_tensorflow_it_is_the_same(prepared):
    manual_dir, stock, free = prepared
    sets = [
        load_clip_set("smic", data_dir=stock),
        load_clip_set("smic", data_dir=free),
        load_clip_set("smic", data_dir=stock, manual_dir=manual_dir),
    ]
    for other in sets[1:]:
        for name in (*vars(sets[0]).keys() - {"pictures"}, "checksum"):
            np.testing.assert_array_equal(getattr(other, name), getattr(sets[0], name), err_msg=name)


def _download_config(manual_dir: Path):
    import tensorflow_datasets as tfds

    return tfds.download.DownloadConfig(manual_dir=manual_dir)


def _run(*arguments, env=None):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
