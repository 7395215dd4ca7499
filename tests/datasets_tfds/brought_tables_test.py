"""Tables as users bring them: renamed, saved as text, merged, with notes below, with formulas, with a password."""

import csv
import re
import struct
import zipfile
from pathlib import Path

import openpyxl
import pytest
import xlwt

from datasets_tfds import annotated, tables
from datasets_tfds.cas_me2 import description as cas_me2
from datasets_tfds.casme.description import CASME
from datasets_tfds.casme2.description import CASME2
from datasets_tfds.folder import survey as folder_survey
from datasets_tfds.layout import Places
from datasets_tfds.samm.description import SAMM
from datasets_tfds.samm_lv import description as samm_lv
from datasets_tfds.survey import Survey
from datasets_tfds.synthetic import LongCorpusConfig, write_long_corpus

SETS = {"casme": CASME, "casme2": CASME2, "samm": SAMM}


def table(corpus) -> Path:
    return next(path for path in corpus.folder.iterdir() if path.suffix in (".xls", ".xlsx"))


def survey(corpus, **places) -> Survey:
    found = annotated.survey(SETS[corpus.dataset], "original", corpus.folder, Places(**places))
    found.read_frames()
    return found


def is_the_truth(corpus, found: Survey) -> bool:
    truth = {c["clip"]: (c["subject"], c["emotion"], c["onset"], c["offset"]) for c in corpus.truth["clips"]}
    clips = {c.clip_id: (c.subject, c.label, c.annotation.onset, c.annotation.offset) for c in found.clips}
    return found.check.problems == [] and clips == truth


def edit(path: Path, change) -> None:
    book = openpyxl.load_workbook(path)
    change(book.worksheets[-1])
    book.save(path)


def save_as_text(path: Path, name: str, separator: str = ",", encoding: str = "utf-8") -> Path:
    """The last sheet of a workbook as a spreadsheet program saves it; the workbook goes."""
    rows = openpyxl.load_workbook(path).worksheets[-1].iter_rows(values_only=True)
    text = path.with_name(name)
    with text.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=separator).writerows(rows)
    path.unlink()
    return text


@pytest.mark.parametrize(
    ("dataset", "name", "edition"),
    [
        ("samm", "SAMM_20181215_Micro_FACS_Codes_v2.xlsx", "v2"),
        ("samm", "SAMM_Micro_FACS_Codes_v2 - Copy (2).xlsx", "v2"),
        ("casme2", "CASME2-coding.xlsx", "without a date"),
        ("casme2", "CASME2-coding-updated.xlsx", "without a date"),
        ("casme2", "casme2_coding_20190701.xlsx", "20190701"),
    ],
)
def test_names_seen_in_public_code_are_read(regular, dataset, name, edition):
    corpus = regular(dataset)
    table(corpus).rename(corpus.folder / name)
    found = survey(corpus)
    assert found.table.version.name == edition
    assert is_the_truth(corpus, found)
    if edition == "20190701":
        assert any("sub24_EP10_03 are surprise in this edition" in note for note in found.check.notes)
        assert found.describe()["rows"]["published"] == 255


def test_a_table_of_any_name_can_be_given(regular, tmp_path):
    corpus = regular("samm")
    mine = table(corpus).rename(tmp_path / "labels of mine.xlsx")
    with pytest.raises(FileNotFoundError, match=r"no annotation table .*or name it: --data.table=FILE"):
        survey(corpus)
    found = survey(corpus, table=mine)
    assert is_the_truth(corpus, found)
    assert "labels of mine.xlsx: taken for edition v2" in found.check.notes[0]
    with pytest.raises(FileNotFoundError, match=r"--data.table=.*absent.xlsx: does not exist"):
        survey(corpus, table=tmp_path / "absent.xlsx")
    with pytest.raises(ValueError, match=r"--data.table=.*: a folder"):
        survey(corpus, table=tmp_path)


@pytest.mark.parametrize(
    ("dataset", "name", "separator", "encoding"),
    [
        ("casme2", "CASME2-coding-20140508.csv", ",", "utf-8-sig"),
        ("casme2", "CASME2-coding-20140508 - Sheet1.csv", ";", "utf-8"),
        ("samm", "SAMM_Micro_FACS_Codes_v2 - MICRO_ONLY.csv", "\t", "utf-16"),
    ],
)
def test_a_table_saved_as_text_is_read(regular, dataset, name, separator, encoding):
    corpus = regular(dataset)
    save_as_text(table(corpus), name, separator, encoding)
    assert is_the_truth(corpus, survey(corpus))


def test_a_workbook_comes_before_a_text_file_of_the_same_edition(regular):
    corpus = regular("casme2")
    (corpus.folder / "CASME2-coding-20140508.csv").write_text("Subject,Filename\n")
    assert survey(corpus).table.path.suffix == ".xlsx"


def test_a_column_of_numbers_in_front_does_no_harm(regular):
    corpus = regular("casme2")

    def add_index(page):
        page.insert_cols(1)
        for row in range(2, page.max_row + 1):
            page.cell(row, 1).value = row - 2

    edit(table(corpus), add_index)
    assert is_the_truth(corpus, survey(corpus))


@pytest.mark.parametrize("as_text", [False, True])
def test_merged_cells_of_subjects_are_filled_in(regular, as_text):
    corpus = regular("casme2")
    edit(table(corpus), lambda page: (page.merge_cells("A2:A4"), page.merge_cells("A5:A7")))
    if as_text:
        save_as_text(table(corpus), "CASME2-coding-20140508.csv")
    found = survey(corpus)
    assert is_the_truth(corpus, found)
    told = any("empty subject in rows 3, 4, 6, 7, taken from the row above" in note for note in found.check.notes)
    assert told == as_text  # a workbook says what is merged


def test_merged_cells_of_a_table_of_ones_own(tmp_path):
    for name in "abcd":
        (tmp_path / name).mkdir()
        (tmp_path / name / "img1.png").touch()
    book = openpyxl.Workbook()
    rows = [("Subject", "Path", "Label"), ("anna", "a", "x"), (None, "b", "y"), ("ben", "c", "x"), (None, "d", None)]
    for row in rows:
        book.active.append(row)
    for cells in ("A2:A3", "A4:A5", "C4:C5"):
        book.active.merge_cells(cells)
    book.save(tmp_path / "clips.xlsx")
    found = folder_survey.survey(tmp_path)
    assert found.check.problems == []
    assert [(clip.clip_id, clip.subject, clip.label) for clip in found.clips] == [
        *(("a", "anna", "x"), ("b", "anna", "y"), ("c", "ben", "x"), ("d", "ben", "x")),
    ]


def test_the_first_row_without_a_subject_is_a_problem(regular):
    corpus = regular("casme2")
    edit(table(corpus), lambda page: page.__setitem__("A2", None))
    assert "row 2: not a subject: ''" in survey(corpus).check.problems[0]


def test_notes_and_means_below_the_clips_are_left_alone(regular):
    corpus = regular("casme2")
    below = (
        [None, None, None, 88.5, 91.25, 99.75],
        ["Mean", None, None, 88.5, 91.25, 99.75],
        ["* coded by two people", None],
        [None, "see the paper"],
    )
    edit(table(corpus), lambda page: [page.append(row) for row in below])
    found = survey(corpus)
    assert is_the_truth(corpus, found)
    assert len(found.table.rows) == 9
    assert any("rows 11, 12, 13 and 1 more are no clips, left alone" in note for note in found.check.notes)


def test_a_mistyped_name_in_the_last_row_is_a_problem_and_no_note(regular):
    corpus = regular("casme2")
    edit(table(corpus), lambda page: page.__setitem__("B10", "P01_03f"))
    assert any("sub03_P01_03f is annotated, but has no folder" in problem for problem in survey(corpus).check.problems)


@pytest.mark.parametrize("text", ["N/A", "none", "?", "NaN", "/", "\\", " - ", None])
def test_what_is_written_for_no_apex(regular, text):
    corpus = regular("casme2")
    edit(table(corpus), lambda page: page.__setitem__("E2", text))
    found = survey(corpus)
    assert is_the_truth(corpus, found)
    assert [clip.annotation.apex for clip in found.clips].count(-1) == 1


def test_numbers_that_a_formula_left_are_rounded_and_noted(regular):
    corpus = regular("casme2")
    first = corpus.truth["clips"][0]
    edit(table(corpus), lambda page: page.__setitem__("D2", first["onset"] + 0.4000000000001))
    found = survey(corpus)
    assert is_the_truth(corpus, found)
    assert any(f"numbers that are not whole, rounded: row 2 onset {first['onset']}.4" in n for n in found.check.notes)


def test_formulas_without_values_are_named(regular):
    corpus = regular("casme2")
    edit(table(corpus), lambda page: page.__setitem__("F2", "=D2+4"))  # written by a program, never computed
    with pytest.raises(ValueError, match=r"holds formulas without values \(F2\); open and save it once with Excel"):
        survey(corpus)


def test_a_formula_with_a_value_is_its_value(regular):
    corpus = regular("casme2")
    offset = corpus.truth["clips"][0]["offset"]
    edit(table(corpus), lambda page: (page.__setitem__("F2", "=9+9"), page.__setitem__("J1", '=""')))
    number, text = r"(<c r=.F2.[^>]*>)(<f>9\+9</f>)<v ?(?:/>|></v>)", r"<c r=.J1.[^>]*>(<f>[^<]*</f>)<v ?(?:/>|></v>)"
    compute(table(corpus), {number: rf"\1\2<v>{offset}</v>", text: r'<c r="J1" t="str">\1<v></v>'})
    assert is_the_truth(corpus, survey(corpus))


def compute(path: Path, changes: dict[str, str]) -> None:
    """Give the formulas of a sheet values, as a spreadsheet program does."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    for before, after in changes.items():
        parts[sheet], count = re.subn(before.encode(), after.encode(), parts[sheet])
        assert count == 1, before
    with zipfile.ZipFile(path, "w") as new:
        for name, data in parts.items():
            new.writestr(name, data)


def compound_file(stream: str) -> bytes:
    """The smallest compound file (512 bytes a sector) whose directory holds a stream of this name."""
    signature, free, end = bytes.fromhex("d0cf11e0a1b11ae1"), b"\xff" * 4, b"\xfe\xff\xff\xff"
    header = signature + bytes(16) + struct.pack("<HHHHH", 62, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIII", 0, 1, 1, 0, 4096) + end + bytes(4) + end + bytes(4) + bytes(4) + free * 108
    sectors = (struct.pack("<I", 0xFFFFFFFD) + end + free * 126, bytes(0))
    entries = b""
    for name, kind in (("Root Entry", 5), (stream, 2)):
        text = name.encode("utf-16-le")
        entry = text.ljust(64, b"\0") + struct.pack("<HBB", len(text) + 2, kind, 1) + free * 2
        entries += (entry + (struct.pack("<I", 1) if kind == 5 else free)).ljust(116, b"\0") + end + bytes(8)
    return header[:512] + sectors[0] + entries.ljust(512, b"\0")


def test_a_password_is_named_in_both_generations(tmp_path):
    new, old = tmp_path / "CASME2-coding-20140508.xlsx", tmp_path / "CASME.xls"
    new.write_bytes(compound_file("EncryptedPackage"))
    book = xlwt.Workbook()
    book.add_sheet("Sheet1").write(0, 0, "Subject")
    book.save(old)
    data, after_start = bytearray(old.read_bytes()), 512 + 20  # the stream begins in the first sector with BOF
    data[after_start : after_start + 2] = b"\x2f\0"  # FILEPASS: what follows is encrypted
    old.write_bytes(data)
    for path in (new, old):
        with pytest.raises(ValueError, match="is password-protected; open it with the password, and save it without"):
            tables.read_sheet(path, None)


TINY = {"subjects": 3, "videos": 1, "seconds": 3.6, "fps": 15.0, "macros": 1, "micros": 1, "talks": 0, "size": 32}


@pytest.mark.parametrize(("layout", "read", "column"), [("samm_lv", samm_lv, 4), ("cas_me2", cas_me2, 3)])
def test_tables_of_long_videos_are_brought_the_same_ways(tmp_path, layout, read, column):
    folder = write_long_corpus(LongCorpusConfig(layout=layout, **TINY), tmp_path / layout)
    expected = [video.intervals for video in read.survey(folder).clips]
    path = next(folder.glob("*.xlsx"))
    book = openpyxl.load_workbook(path)
    page = book.worksheets[0]
    first = 11 if layout == "samm_lv" else 1
    page.cell(first, column).value += 0.4000000000001
    page.cell(first, column + 1).value = "N/A"
    page.append(["Mean", None, None, 30.5])
    book.save(path)
    mine = path.rename(tmp_path / "mine.xlsx")
    found = read.survey(folder, Places(table=mine))
    intervals = [video.intervals for video in found.clips]
    assert found.check.problems == []
    assert [(i.onset, i.offset) for one in intervals for i in one] == [
        (i.onset, i.offset) for one in expected for i in one
    ]
    assert sum(i.apex == -1 for one in intervals for i in one) == 1
    notes = "\n".join(found.check.notes)
    assert "left alone" in notes
    assert "not whole, rounded" in notes
    if layout == "samm_lv":
        save_as_text(mine, "mine.csv")
        assert [v.intervals for v in read.survey(folder, Places(table=tmp_path / "mine.csv")).clips] == intervals
