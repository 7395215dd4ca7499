"""Irregular corpora of all sets: what is built equals the truth, and `check_data` names each irregularity once."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import datasets_tfds
from datasets_tfds.source import builder_class, load_clip_set
from experiments import check_data

DATASETS = ("casme", "casme2", "samm", "smic")
KINDS_NAMED_BY = {  # what check_data says about each planted irregularity; {} is what is planted
    "absent_clip": r"{} is annotated, but has no folder",
    "empty_clip": r"{}: no frames",
    "missing_frame": r"{}: (?:lacks 1 of its frames|1 missing in the frame numbers)",
    "surplus_clip": r"{}: folder without a row",
    "stray_folder": r"{}: surplus folder",
    "junk": r"{}: not a frame, left alone",
    "digits": r"frame numbers of \d to \d digits",
    "nested_top_folder": r"lies in a folder repeated in itself",
    "sheet_error": r"{}: corrected",
    "repeated_name": r"{}: 2 rows of this name",
    "missing_apex": r"no apex: {}",
    "apex_at_onset": r"apex equal to onset: {}",
    "impossible_apex": r"{}: apex \d+ lies outside",
    "known_defect": r"{} left out: lacks 2 of its frames",
}
BUILD_ALL = """
import json, pathlib, sys
from tensorflow_datasets.scripts.cli import main
packages, data_dir, folders = sys.argv[1:4]
for dataset, folder in json.loads(folders).items():
    package = str(pathlib.Path(packages, dataset))
    options = [f"--manual_dir={folder}", f"--data_dir={data_dir}"]
    main.main(main._parse_flags(["tfds", "build", package, *options]))
"""
WITHOUT_TENSORFLOW = """
import json, sys
from datasets_tfds.source import load_clip_set
for dataset, folder in json.loads(sys.argv[2]).items():
    load_clip_set(dataset, manual_dir=folder, data_dir=sys.argv[1], allow_missing=True)
assert "tensorflow" not in sys.modules
"""


@pytest.fixture(scope="module")
def built(corpora, hide_tensorflow, tmp_path_factory) -> dict[str, Path]:
    """All corpora, built by `tfds build` and, in a process that can't import TensorFlow, on first use."""
    places = {way: tmp_path_factory.mktemp(way) for way in ("command", "free")}
    folders = json.dumps({name: str(corpus.folder) for name, corpus in corpora.items()})
    _run(BUILD_ALL, Path(datasets_tfds.__file__).parent, places["command"], folders)
    _run(hide_tensorflow + WITHOUT_TENSORFLOW, places["free"], folders)
    return places


def _run(code: str, *arguments) -> None:
    environment = os.environ | {"AKM_ALLOW_MISSING": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.parametrize("way", ["command", "free"])
@pytest.mark.parametrize("dataset", DATASETS)
def test_what_is_built_equals_the_truth(built, corpora, dataset, way):
    corpus = corpora[dataset]
    records = {r["clip_id"].decode(): r for r in builder_class(dataset)(data_dir=built[way]).as_data_source("train")}
    assert records.keys() == corpus.whole.keys()
    for clip_id, truth in corpus.whole.items():
        record = records[clip_id]
        numbers = [int(n) for n in record["frame_numbers"]]
        assert numbers == list(range(truth["onset"], truth["offset"] + 1))
        files = {int(re.findall(r"\d+", p.stem)[-1]): p for p in (corpus.folder / truth["path"]).iterdir() if _is(p)}
        assert record["frames"] == [files[number].read_bytes() for number in numbers]
        assert (record["subject"].decode(), record["fps"]) == (truth["subject"], truth["fps"])
        if dataset != "smic":
            assert (record["onset"], record["offset"]) == (truth["onset"], truth["offset"])
            assert record["apex"] == (-1 if truth["apex"] is None else truth["apex"])
            assert record["emotion"].decode() == truth["emotion"]
            assert record["action_units"].decode() == truth["action_units"]


def _is(path: Path) -> bool:
    return path.suffix in (".jpg", ".bmp")


@pytest.mark.parametrize("dataset", DATASETS)
def test_what_is_loaded_equals_the_truth(built, corpora, dataset):
    clip_set = load_clip_set(dataset, data_dir=built["free"], allow_missing=True)
    whole = corpora[dataset].whole
    assert set(clip_set.clip_ids) == whole.keys()
    for i, clip_id in enumerate(clip_set.clip_ids):
        truth, start = whole[clip_id], clip_set.starts[i]
        assert clip_set.class_names[clip_set.labels[i]] == truth["class"]
        assert clip_set.lengths[i] == truth["num_frames"]
        numbers = clip_set.frame_numbers[start : start + clip_set.lengths[i]]
        np.testing.assert_array_equal(numbers, np.arange(truth["onset"], truth["offset"] + 1))
        has_apex = dataset != "smic" and truth["apex"] is not None
        assert clip_set.apexes[i] == (truth["apex"] - truth["onset"] if has_apex else -1)


def test_each_planted_irregularity_is_named_once(corpus):
    found = check_data.find(corpus.dataset, corpus.folder)
    lines = [*found.check.problems, *found.check.notes, *found.check.handled]
    assert corpus.truth["planted"]
    for entry in corpus.truth["planted"]:
        path = corpus.folder / entry.get("path", "")
        where = path.parent if entry["kind"] == "missing_frame" else path
        name = entry.get("clip") or found.check.relative(where)
        pattern = KINDS_NAMED_BY[entry["kind"]].replace("{}", re.escape(str(name)))
        naming = [line for line in lines if re.search(pattern, line)]
        assert len(naming) == 1, (entry, naming, lines)


def test_nothing_but_the_planted_is_a_problem(corpus):
    defects = ("absent_clip", "empty_clip", "missing_frame", "surplus_clip", "stray_folder")
    planted = [entry for entry in corpus.truth["planted"] if entry["kind"] in defects]
    assert len(check_data.find(corpus.dataset, corpus.folder).check.problems) == len(planted)


def test_without_permission_nothing_is_built_and_all_is_reported_together(corpus, tmp_path):
    problems = check_data.find(corpus.dataset, corpus.folder).check.problems
    with pytest.raises(ValueError, match=f"{len(problems)} problems in ") as error:
        load_clip_set(corpus.dataset, manual_dir=corpus.folder, data_dir=tmp_path)
    assert all(problem in str(error.value) for problem in problems)
    assert not list(tmp_path.rglob("*.array_record*"))
