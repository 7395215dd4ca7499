"""Sets with a table: editions and trees, and what is said about a table that can't be right."""

import re
import shutil
from pathlib import Path

import openpyxl
import pytest

from datasets_tfds import annotated, tables
from datasets_tfds.casme.description import CASME
from datasets_tfds.casme2.description import CASME2
from datasets_tfds.samm.description import SAMM
from datasets_tfds.survey import Survey
from datasets_tfds.synthetic.sheets import write_workbook

SETS = {"casme": CASME, "casme2": CASME2, "samm": SAMM}


def survey(corpus, tree: str = "original") -> Survey:
    found = annotated.survey(SETS[corpus.dataset], tree, corpus.folder)
    found.read_frames()
    return found


def table(corpus) -> Path:
    return next(path for path in corpus.folder.iterdir() if path.suffix in (".xls", ".xlsx"))


def edit(corpus, change) -> None:
    """Change the cells of an xlsx table; `change` gets the sheet."""
    book = openpyxl.load_workbook(table(corpus))
    change(book[book.sheetnames[-1]])
    book.save(table(corpus))


def set_cell(place: str, value):
    return lambda page: page.__setitem__(place, value)


@pytest.mark.parametrize(
    ("dataset", "edition", "name"),
    [
        ("casme", 1, "CASME.xls"),
        ("casme", 2, "CASME-coded-20190721.xls"),
        ("casme2", 1, "CASME2-coding-20140508.xlsx"),
        ("casme2", 2, "CASME2-coding-20190701.xlsx"),
        ("samm", 1, "SAMM_Micro_FACS_Codes_v2.xlsx"),
    ],
)
def test_every_edition_of_the_table_is_read(regular, dataset, edition, name):
    corpus = regular(dataset, edition=edition)
    found = survey(corpus)
    assert found.table is not None
    assert found.table.path.name == name
    assert found.check.problems == []
    assert {c.clip_id: c.label for c in found.clips} == {c["clip"]: c["emotion"] for c in corpus.truth["clips"]}


@pytest.mark.parametrize("dataset", ["casme", "casme2"])
def test_the_raw_tree_is_a_configuration_of_its_own(regular, dataset):
    corpus = regular(dataset, variant="raw")
    assert len(survey(corpus, "raw").clips) == 9
    with pytest.raises(FileNotFoundError, match=r"does not hold Cropped.*It does hold CASME.*: --data_config=raw"):
        survey(corpus)


def test_a_wrong_suffix_and_a_copy_number_do_not_matter(regular):
    corpus = regular("casme2")
    table(corpus).rename(corpus.folder / "CASME2-coding-20140508 (1).xls")
    assert len(survey(corpus).clips) == 9


def test_the_table_is_found_when_the_tree_itself_is_given(regular):
    corpus = regular("casme2")
    assert len(annotated.survey(CASME2, "original", corpus.folder / "Cropped").clips) == 9


def test_of_two_editions_the_first_counts(regular):
    corpus = regular("casme2")
    shutil.copy(table(corpus), corpus.folder / "CASME2-coding-20190701.xlsx")
    assert survey(corpus).table.version.name == "20140508"


def test_no_table_is_an_error_that_names_other_workbooks(regular):
    corpus = regular("casme2")
    table(corpus).rename(corpus.folder / "SAMM_Micro_FACS_Codes_v2.xlsx")
    with pytest.raises(FileNotFoundError, match=r"no annotation table .*Excel files there: SAMM_Micro_FACS_Codes_v2"):
        survey(corpus)


def test_an_unknown_edition_is_an_error(regular):
    corpus = regular("casme2")
    table(corpus).rename(corpus.folder / "CASME2-coding-20310101.xlsx")
    with pytest.raises(ValueError, match=r"20310101.xlsx: unknown edition .*known editions: 20140508, 20190701"):
        survey(corpus)


def test_another_sets_table_under_this_sets_name_is_an_error(regular, tmp_path):
    casme2, samm, casme = regular("casme2"), regular("samm"), regular("casme")
    own = table(casme2)
    shutil.copy(table(casme), own)
    with pytest.raises(ValueError, match="no column OnsetFrame, .*it has Subject, Filename, OnsetF"):
        survey(casme2)
    shutil.copy(table(samm), own)
    with pytest.raises(ValueError, match="no header row.*another set's table"):
        survey(casme2)
    book = openpyxl.load_workbook(own)
    del book["FULL"]
    book.save(own)
    with pytest.raises(ValueError, match=r"clips are called 006_1_1, .*not how CASME II calls them"):
        survey(casme2)


def test_a_missing_sheet_is_an_error_that_names_those_there(regular):
    corpus = regular("samm")
    book = openpyxl.load_workbook(table(corpus))
    book["MICRO_ONLY"].title = "Sheet2"
    book.save(table(corpus))
    with pytest.raises(ValueError, match="no sheet MICRO_ONLY; it has FULL, Sheet2"):
        survey(corpus)


def test_a_missing_column_is_an_error_that_names_those_there(regular):
    corpus = regular("casme2")
    edit(corpus, set_cell("E1", "Peak"))
    with pytest.raises(ValueError, match="no column ApexFrame; it has Subject, Filename, OnsetFrame, Peak"):
        survey(corpus)


@pytest.mark.parametrize(
    ("place", "value", "what"),
    [
        ("D4", "about 60", r"onset is 'about 60' instead of a number"),
        ("F4", None, r"offset is 'an empty cell' instead of a number"),
        ("E4", "6 1", r"apex is '6 1' instead of a number"),
        ("D4", 100_000, r"onset 100000 comes after offset \d+"),
        ("I4", "joyful", r"unknown emotion 'joyful'; expected happiness"),
        ("A4", "nobody", r"not a subject: 'nobody'"),
    ],
)
def test_a_cell_that_cant_be_right_is_named_with_its_row(regular, place, value, what):
    corpus = regular("casme2")
    edit(corpus, set_cell(place, value))
    problems = survey(corpus).check.problems
    assert sum(bool(re.search(rf"^CASME2-coding-20140508.xlsx row 4: .*{what}.* -> repair", p)) for p in problems) == 1


def test_a_spoilt_row_is_left_out_alone(regular):
    corpus = regular("casme2")
    edit(corpus, set_cell("D4", "about 60"))
    found = survey(corpus)
    assert len(found.check.problems) == 1
    assert len(found.check.finish(found.clips, allow_missing=True)) == 8


def test_the_same_row_twice_is_a_problem(regular):
    corpus = regular("casme2")
    edit(corpus, lambda page: page.append([cell.value for cell in page[3]]))
    found = survey(corpus)
    (problem,) = found.check.problems
    assert re.search(r"row 11: sub01_\S+: the same subject, file name and onset as row 3 -> delete one", problem)
    assert len(found.usable) == 8


def test_a_clip_folder_twice_is_a_problem(regular):
    corpus = regular("casme")
    clip = next((corpus.folder / "Cropped" / "sub01").iterdir())
    shutil.copytree(clip, corpus.folder / "Cropped" / "sub1" / clip.name)
    (problem,) = survey(corpus).check.problems
    assert re.search(rf"sub1/{clip.name}: the same clip as sub01/{clip.name} -> keep one", problem)


def test_an_unreadable_picture_is_named(regular):
    corpus = regular("samm")
    picture = sorted((corpus.folder / corpus.truth["clips"][0]["path"]).iterdir())[0]
    picture.write_bytes(b"no picture")
    (problem,) = survey(corpus).check.problems
    assert re.search(rf"006/006_1_1: {picture.name}: unreadable", problem)


def test_frames_outside_the_interval_are_not_stored(regular):
    corpus = regular("casme2")
    truth = corpus.truth["clips"][0]
    folder = corpus.folder / truth["path"]
    picture = next(folder.iterdir())
    for number in (truth["onset"] - 1, truth["offset"] + 4):
        shutil.copy(picture, folder / f"reg_img{number}.jpg")
    found = survey(corpus)
    assert found.check.problems == []
    clip = next(clip for clip in found.clips if clip.clip_id == truth["clip"])
    assert [frame.number for frame in clip.frames] == truth["frame_numbers"]


def test_no_frame_of_the_interval_is_not_an_empty_folder(regular):
    corpus = regular("casme2")
    truth = corpus.truth["clips"][0]
    edit(corpus, lambda page: (set_cell("D2", 900)(page), set_cell("F2", 903)(page)))
    (problem,) = survey(corpus).check.problems
    assert f"{truth['clip'].split('_', 1)[1]}: lacks 4 of its frames 900..903: 900, 901, 902 and 1 more" in problem


def test_two_pictures_of_one_number_spoil_their_clip(regular):
    corpus = regular("casme2")
    folder = corpus.folder / corpus.truth["clips"][0]["path"]
    picture = next(folder.iterdir())
    shutil.copy(picture, folder / picture.name.replace("reg_img", "img"))
    found = survey(corpus)
    assert "names of 2 kinds: 3 such as reg_img" in found.check.problems[0]
    assert len(found.usable) == 8


@pytest.mark.parametrize("data", [b"", b"Subject,Filename", b"PK\x03\x04 cut off", b"\xd0\xcf\x11\xe0 cut off"])
def test_a_file_that_is_no_workbook_is_an_error(tmp_path, data):
    path = tmp_path / "CASME.xls"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="copy the table from the archive again"):
        tables.read_table(path, CASME.versions[0], None, CASME.columns)


def test_a_table_without_rows_is_an_error(tmp_path):
    write_workbook(tmp_path / "CASME.xls", {"Sheet1": [list(CASME.columns.values())]})
    with pytest.raises(ValueError, match="no rows below the header"):
        tables.read_table(tmp_path / "CASME.xls", CASME.versions[0], None, CASME.columns)


@pytest.mark.parametrize(("cell", "number"), [(46, 46), (46.0, 46), ("46", 46), (" 46.0 ", 46), ("-3", -3)])
def test_whole_numbers_in_any_form(cell, number):
    assert tables.read_number(cell) == (number, False)


@pytest.mark.parametrize(("cell", "number"), [(566.4000000000001, 566), (566.5, 567), ("566,6", 567), ("-0.4", 0)])
def test_what_a_formula_made_of_a_frame_number_is_rounded(cell, number):
    assert tables.read_number(cell) == (number, True)


@pytest.mark.parametrize("cell", [None, "", "46a", "1e3", "nan", "4+7"])
def test_what_is_no_number_is_an_error(cell):
    with pytest.raises(ValueError, match="instead of a number"):
        tables.read_number(cell)


def test_cells_as_text():
    assert [tables.as_text(cell) for cell in (None, 4, 4.0, " R4+R10 ", 1.5)] == ["", "4", "4", "R4+R10", "1.5"]
