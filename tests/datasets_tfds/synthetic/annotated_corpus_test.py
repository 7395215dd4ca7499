"""Drawn corpora in the layouts of CASME, CASME II and SAMM: names, tables, truth, same seed same bytes."""

import collections
import hashlib
import json
import re
import sys

import cv2
import openpyxl
import pytest
import xlrd

from datasets_tfds.synthetic import CorpusConfig, sheets, write_corpus
from datasets_tfds.synthetic.corpus import plan_corpus

TINY = {"subjects": 2, "clips": 6, "size": 32, "min_frames": 4, "max_frames": 6}
NAMES = {
    "casme": r"Cropped/sub0(1|2)/(EP\d\d_\d)/reg_\2-\d+\.jpg|CASME\.xls",
    "casme2": r"Cropped/sub0(1|2)/EP\d\d_\d\df/reg_img\d+\.jpg|CASME2-coding-20140508\.xlsx",
    "samm": r"SAMM/(00[67])/\1_\d_\d/\1_\d+\.jpg|SAMM_Micro_FACS_Codes_v2\.xlsx",
}


def _digests(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("layout", sorted(NAMES))
def test_names_are_those_of_the_set(tmp_path, layout):
    root = write_corpus(CorpusConfig(layout=layout, **TINY), tmp_path / "out")
    for name in _digests(root).keys() - {"truth.json", "landmarks.csv"}:
        assert re.fullmatch(NAMES[layout], name), name


@pytest.mark.parametrize("layout", sorted(NAMES))
@pytest.mark.parametrize("irregular", [False, True])
def test_same_seed_same_bytes(tmp_path, layout, irregular, monkeypatch):
    config = CorpusConfig(layout=layout, **TINY, irregular=irregular, pictures="noise")
    first = _digests(write_corpus(config, tmp_path / "a"))
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert _digests(write_corpus(config, tmp_path / "b")) == first


def test_workbooks_do_not_say_when_they_were_written(tmp_path):
    sheets.write_workbook(tmp_path / "a.xlsx", {"A": [["x"]]})
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert book.properties.modified.year == book.properties.created.year == 2000


@pytest.mark.parametrize("layout", sorted(NAMES))
def test_truth_agrees_with_the_disk(tmp_path, layout):
    config = CorpusConfig(layout=layout, **TINY, irregular=True, pictures="noise")
    root = write_corpus(config, tmp_path / "out")
    truth = json.loads((root / "truth.json").read_text())
    numbers = collections.defaultdict(list)
    for clip in truth["clips"]:
        numbers[clip["path"]] += clip["frame_numbers"]
    for path, expected in numbers.items():
        files = (root / path).glob("*.jpg")
        assert sorted(int(re.findall(r"\d+", file.stem)[-1]) for file in files) == sorted(expected)


def test_tables_have_the_sets_columns(tmp_path):
    for layout in NAMES:
        write_corpus(CorpusConfig(layout=layout, **TINY, pictures="noise"), tmp_path / layout)
    casme = xlrd.open_workbook(tmp_path / "casme" / "CASME.xls").sheet_by_index(0)
    assert casme.row_values(0)[:7] == ["Subject", "Filename", "", "OnsetF", "ApexF1", "ApexF2", "OffsetF"]
    assert {row[5] for row in map(casme.row_values, range(1, casme.nrows))} == {"\\"}
    samm = openpyxl.load_workbook(tmp_path / "samm" / "SAMM_Micro_FACS_Codes_v2.xlsx")["MICRO_ONLY"]
    assert [samm.cell(14, k).value for k in (1, 2, 4)] == ["Subject", "Filename", "Onset Frame"]
    assert samm["A15"].value == "006"


def test_published_counts_of_casme2():
    plan = plan_corpus(CorpusConfig(layout="casme2", published_counts=True))
    assert len(plan) == 255
    assert len({clip.subject for clip in plan}) == 26
    assert collections.Counter(clip.label for clip in plan)["others"] == 99


def test_raw_pictures_are_in_colour(tmp_path):
    root = write_corpus(CorpusConfig(layout="casme2", **TINY, variant="raw"), tmp_path / "out")
    picture = next((root / "CASME2_RAW_selected" / "sub01").glob("*/img*.jpg"))
    assert cv2.imread(str(picture), cv2.IMREAD_UNCHANGED).shape == (43, 58, 3)


def test_without_xlwt_an_xls_table_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xlwt", None)
    with pytest.raises(ImportError, match="needs the package xlwt"):
        sheets.write_workbook(tmp_path / "a.xls", {"A": [["x"]]})
