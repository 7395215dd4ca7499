"""What is wrong with a user's own data is told with its place and its remedy, all of it in one report."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from akm_jax.data.clip_set import ClipSet
from datasets_tfds import text_tables
from datasets_tfds.folder import columns
from datasets_tfds.folder.survey import survey
from datasets_tfds.source import load_clip_set
from datasets_tfds.survey import Survey

HEADER = "path,subject,label,clip_id,onset,apex,offset,fps"
ROWS = ("1/a,1,x", "1/b,1,y", "2/a,2,x", "2/b,2,y")


def load(folder: Path, **options) -> ClipSet:
    return load_clip_set(
        "folder",
        manual_dir=folder,
        data_dir=folder.with_name("built"),
        **options,
    )


@pytest.fixture
def folder(tmp_path) -> Path:
    """Four clips of frames 10 to 13 of two people, without a table."""
    for name in ("1/a", "1/b", "2/a", "2/b"):
        clip = tmp_path / "own" / name
        clip.mkdir(parents=True)
        for number in range(10, 14):
            pixels = np.random.default_rng([number, *name.encode()]).integers(0, 256, (10, 12), np.uint8)
            Image.fromarray(pixels).save(clip / f"img{number}.png")
    return tmp_path / "own"


@pytest.fixture
def tabled(folder) -> Callable[..., Survey]:
    """Surveys the folder with a table of the given rows."""

    def check(*rows: str, header: str = HEADER) -> Survey:
        (folder / "clips.csv").write_text("\n".join([header, *rows]))
        found = survey(folder)
        found.read_frames()
        return found

    return check


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("1/c,1,x", "clips.csv row 6: c: 1/c does not exist -> repair the path; it starts at"),
        (",1,x", "clips.csv row 6: empty path -> repair the row"),
        ("1/c,1, ", "clips.csv row 6: c: empty label -> write the clip's class"),
        ("1/c,,x", "clips.csv row 6: c: empty subject -> write a number or a name"),
        ("1/c,a/b,x", "clips.csv row 6: c: subject 'a/b' holds a slash"),
        ("1/c,1,x,,10,11", None),
        (
            "1/c,1,x,,9,11,12",
            "clips.csv row 6: c: onset 9 lies outside its frames 10..13 -> repair the number; numbers",
        ),
        ("1/c,1,x,,10,11,14", "clips.csv row 6: c: offset 14 lies outside its frames 10..13"),
        ("1/c,1,x,,12,,11", "clips.csv row 6: c: onset 12 comes after offset 11 -> repair the numbers"),
        ("1/c,1,x,,1o,,11", "clips.csv row 6: onset is '1o' instead of a number -> repair the row"),
        ("1/c,1,x,,,,,-5", "clips.csv row 6: fps is '-5'; expected a number above 0"),
        ("1/c,1,x,,,,,fast", "clips.csv row 6: fps is 'fast'; expected a number above 0"),
        ("1/c,1,x,,,,,,,7", "clips.csv row 6: 10 fields, but the header has 8 -> put fields that hold a separator"),
        ("1/a,1,x", "clips.csv row 6: 1_a_2: the same frames as clips.csv row 2 -> keep one of them"),
        ("1/a,1,x,again,10,,13", "clips.csv row 6: again: the same frames as clips.csv row 2 -> keep one of them"),
        ("1/a,1,y,again", "again: the same frames as clips.csv row 2, as another subject or label -> keep one of them"),
        ("1/a/img10.png,1,x", "clips.csv row 6: img10: a single picture; expected a folder of frames or a video file"),
        (
            "1/empty,1,x",
            "clips.csv row 6: empty: no frames (jpg, bmp, png, tif or webp); it holds nothing -> put the frames there",
        ),
        (
            "1/note.avi,1,x",
            "clips.csv row 6: note: no frame can be read; expected a video that OpenCV decodes (mp4",
        ),
        (
            "1/twice,1,x",
            "have the same frame number; or write img#.png into a column frame_names of clips.csv -> repair or",
        ),
    ],
)
def test_what_is_wrong_with_a_row_is_one_line(folder, tabled, row, line):
    if row.startswith("1/c,1,x,,"):
        shutil.copytree(folder / "1" / "a", folder / "1" / "c")
    (folder / "1" / "empty").mkdir()
    (folder / "1" / "note.avi").write_text("no video")
    shutil.copytree(folder / "1" / "a", folder / "1" / "twice")
    shutil.copy(folder / "1" / "a" / "img10.png", folder / "1" / "twice" / "img010.png")
    found = tabled(*ROWS, row)
    if line is None:
        assert found.check.problems == []
        return
    problems = [problem for problem in found.check.problems if line in problem]
    assert len(problems) == 1, found.check.problems
    disagree = "another" in line
    assert len(found.usable) == 4 - disagree


def test_one_clip_id_for_two_clips_spoils_both(tabled):
    found = tabled("1/a,1,x,one", "1/b,1,y", "2/a,2,x,one", "2/b,2,y")
    (problem,) = found.check.problems
    assert problem == "clips.csv row 4: the same clip_id one as clips.csv row 2 -> give each clip a clip_id of its own"
    assert [clip.clip_id for clip in found.usable] == ["1_b", "2_b"]


def test_unreadable_pictures_are_told_by_clip(folder, tabled):
    (folder / "2" / "a" / "img11.png").write_bytes(b"")
    (folder / "2" / "b" / "img12.png").write_bytes(b"no picture")
    problems = "\n".join(tabled(*ROWS).check.problems)
    assert "2/a: img11.png: file of zero bytes -> " in problems
    assert "2/b: img12.png: unreadable" in problems


def test_all_problems_come_together_and_the_clips_concerned_can_be_left_out(folder, caplog):
    rows = [*ROWS, "1/absent,1,x", "2/b,,y,other,10,,12"]
    (folder / "clips.csv").write_text("\n".join([HEADER, *rows]))
    with pytest.raises(ValueError, match="Data folder: 2 problems in") as error:
        load(folder)
    assert "1/absent does not exist" in str(error.value)
    assert "other: empty subject" in str(error.value)
    assert "--allow_missing" in str(error.value)
    clip_set = load(folder, allow_missing=True)
    assert clip_set.clip_ids == ("1_a", "1_b", "2_a", "2_b")
    caplog.clear()
    load(folder, allow_missing=True)
    assert "preparing" not in caplog.text


def test_one_subject_is_not_enough(folder, tabled):
    (problem,) = tabled("1/a,1,x", "1/b,sub01,y").check.problems
    assert "only one subject, 1: leave-one-subject-out needs at least two -> add clips of other people" in problem


def test_what_is_uncommon_is_noted(folder, tabled):
    (folder / "1" / "a" / "img11.png").unlink()
    rows = ("1/a,01,x,,,11", "1/b,s1,X,,10,13,12", "2/a,2,x", "2/b,2,y")
    notes = "\n".join(tabled(*rows).check.notes)
    for line in (
        "gaps in the frame numbers, taken as they are: 1_a",
        "apex not among the clip's frames, taken as absent: 1_a (11), 1_b (13)",
        "subject 1 is written as 01, s1: taken as one person",
        "labels X, x are different classes, as their spelling differs",
        "class X is shown by subject 1 only: it can't be learnt without them",
        "class y is shown by subject 2 only",
    ):
        assert line in notes


def test_an_interval_in_a_gap_has_no_frames(folder, tabled):
    for number in (11, 12):
        (folder / "1" / "a" / f"img{number}.png").unlink()
    (problem,) = tabled("1/a,1,x,,11,,12", *ROWS[1:]).check.problems
    assert "no frame in 11..12 -> repair the numbers" in problem


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("path,who,label", "no column subject; its columns are path, who, label. Name the header of each: subject .or"),
        ("a,b,c", "no column path, subject, label; its columns are a, b, c"),
        ("文档,被试,标签", "no column path; its columns are 文档, 被试, 标签.*路径"),
        ("path,subject,emotion,class", "emotion, class may each be the column label; name the right one label"),
        ("path,subject,Label,class", None),
    ],
)
def test_columns_that_are_missing_or_unclear_are_named(tabled, header, message):
    if message is None:
        assert tabled("1/a,1,x,5", "2/a,2,x,5", header=header).check.problems == []
        return
    with pytest.raises(ValueError, match=message):
        tabled("1/a,1,x", header=header)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("clips.csv", b"", "holds no text; expected a header and a row for each clip"),
        ("clips.csv", b" \r\n\r\n", "holds no text"),
        ("clips.csv", b"path,subject,label\r\n,,\r\n", "no rows below the header; expected one for each clip"),
        ("clips.csv", b"path,subject,label\r\n1/a,1,\xff\xff", "neither UTF-8 nor UTF-16 nor GB18030"),
        ("clips.csv", b'path,subject,label\r\n1/a,1,"x', "line 2: .*must stand in quotation marks"),
        ("clips.xlsx", b"path,subject,label", "not an Excel workbook"),
        ("list.txt", b"\n\n", "no text; expected lines `path length label`"),
    ],
)
def test_files_that_hold_no_clips_are_an_error(folder, name, data, message):
    (folder / name).write_bytes(data)
    with pytest.raises(ValueError, match=message):
        survey(folder)


def test_several_tables_are_an_error(folder):
    for name in ("clips.csv", "Clips.xlsx"):
        (folder / name).touch()
    with pytest.raises(ValueError, match=r"several tables of clips: Clips\.xlsx, clips\.csv; keep one of them"):
        survey(folder)


def test_a_folder_of_no_form_is_an_error_that_lists_the_forms(folder, tmp_path):
    with pytest.raises(ValueError, match="no clips that are understood; expected clips.csv .*It holds 1, 2"):
        survey(folder)
    with pytest.raises(FileNotFoundError, match="data folder .*absent does not exist"):
        survey(tmp_path / "absent")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("2/b 5 1", "list.txt line 4: 2_b: its length is written as 5, but it has 4 frames -> repair one of them"),
        ("2/b 4", "list.txt line 4: 2 fields instead of 3 -> write `path length label`, with tabs"),
        ("2/b c 4 1", "list.txt line 4: 4 fields instead of 3"),
        ("2/b four 1", "list.txt line 4: length is 'four' instead of a number of frames"),
        ("2/c 4 1", "list.txt line 4: c: 2/c does not exist"),
        ("1/a 4 0", "list.txt line 4: 1_a_2: the same frames as list.txt line 1 -> keep one of them"),
        ("loose 4 1", "list.txt line 4: loose: no folder above the clip, which would be its subject -> give --data."),
    ],
)
def test_what_is_wrong_with_a_line_is_told(folder, line, told):
    (folder / "list.txt").write_text(f"1/a 4 0\n1/b 4 1\n2/a 4 0\n{line}\n")
    assert any(told in problem for problem in survey(folder).check.problems), survey(folder).check.problems


def test_other_texts_are_lists_if_most_of_their_lines_are_clips(folder):
    (folder / "test_results.txt").write_text("accuracy 50 percent\nof all the clips\nand more\n")
    with pytest.raises(ValueError, match="no clips that are understood"):
        survey(folder)
    (folder / "fold 1.txt").write_text("1/a 4 0\n2/a 4 0\nshort\n")
    found = survey(folder)
    assert "test_results.txt: no list of clips, left alone" in found.check.notes
    assert found.check.problems[0].startswith("fold 1.txt line 3: 1 fields instead of 3")


def test_lists_that_contradict_each_other_leave_the_clip_out(folder):
    (folder / "train.txt").write_text("1/a 4 0\n1/b 4 1\n2/a 4 0\n2/b 4 1\n")
    (folder / "test.txt").write_text("1/a 4 1\n")
    found = survey(folder)
    assert "as another subject or label" in found.check.problems[0]
    assert not any(clip.folder == folder / "1" / "a" for clip in found.usable)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "--data.subject_pattern=.: not a regular expression"),
        (r"s\d+", "it has 0 groups; expected one, or one called subject"),
        (r"(s)(\d+)", "it has 2 groups"),
    ],
)
def test_a_pattern_without_a_subject_is_an_error(folder, pattern, message):
    with pytest.raises(ValueError, match=message):
        survey(folder, pattern)


def test_a_path_without_a_subject_is_told(folder):
    (folder / "list.txt").write_text("1/a 4 0\n2/a 4 0\n1/b 4 1\n")
    found = survey(folder, r"^(\d)/a")
    assert found.check.problems == [
        r"list.txt line 3: 1/b: --data.subject_pattern=^(\d)/a finds no subject in it -> "
        "give --data.subject_pattern=REGEX with one group"
    ]


def test_a_pattern_stands_for_a_column_of_subjects(folder):
    (folder / "clips.csv").write_text("path,label\n1/a,x\n2/a,x\n")
    assert [clip.subject for clip in survey(folder, r"^(\d)/").clips] == ["1", "2"]


def test_another_set_takes_no_pattern(folder):
    with pytest.raises(ValueError, match="--data.subject_pattern=x: smic says who its subjects are"):
        load_clip_set("smic", manual_dir=folder, subject_pattern="x")


def test_what_is_out_of_place_in_a_tree_is_told(folder, tmp_path):
    root = tmp_path / "tree"
    for subject in ("1", "2"):
        shutil.copytree(folder / subject, root / subject / "x")
    (root / "notes").mkdir()
    (root / "1" / "x" / "empty").mkdir()
    shutil.copy(folder / "1" / "a" / "img10.png", root / "1" / "x")
    shutil.copy(folder / "1" / "a" / "img10.png", root / "2")
    assert sorted(survey(root).check.problems) == [
        "1/x/empty: empty: no frames (jpg, bmp, png, tif or webp); it holds nothing -> put the frames there, or take "
        "the clip out",
        "1/x: pictures outside a clip's folder -> move them into <subject>/<label>/<clip>",
        "2: pictures outside a clip's folder -> move them into <subject>/<label>/<clip>",
        "notes: surplus folder, no subject with <label>/<clip> in it -> move it away",
    ]


def test_labels_above_subjects_are_refused(folder, tmp_path):
    for label, subject in (("happiness", "1"), ("Negative", "2")):
        shutil.copytree(folder / subject, tmp_path / "tree" / label / subject)
    (problem,) = survey(tmp_path / "tree").check.problems
    assert "subjects are called Negative, happiness, as classes are; expected <subject>/<label>/<clip>" in problem


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"])
@pytest.mark.parametrize(("separator", "name"), [(",", "commas"), (";", "semicolons"), ("\t", "tabs")])
def test_text_is_read_in_all_encodings(tmp_path, encoding, separator, name):
    rows = [["路径", "被试", "标签"], ["a, b; c", "1", 'say "x"']]
    quoted = separator.join(('"a, b; c"', "1", '"say ""x"""'))
    (tmp_path / "t.csv").write_bytes(f"{separator.join(rows[0])}\r\n{quoted}\r\n".encode(encoding))
    how, found = text_tables.read_text_table(tmp_path / "t.csv", columns.count_known)
    assert found == rows
    assert how.endswith(f"fields separated by {name}")


def test_the_separator_may_be_stated(tmp_path):
    (tmp_path / "t.csv").write_text("sep=|\na|b,c\n")
    assert text_tables.read_text_table(tmp_path / "t.csv", len)[1] == [["a", "b,c"]]
