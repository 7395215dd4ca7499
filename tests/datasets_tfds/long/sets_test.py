"""CAS(ME)^2 and SAMM Long Videos: what the survey makes of table and folders, and what it finds wrong."""

import dataclasses
import shutil

import openpyxl
import pytest

from datasets_tfds.cas_me2 import description as cas_me2
from datasets_tfds.samm_lv import description as samm_lv

SURVEYS = {"cas_me2": cas_me2.survey, "samm_lv": samm_lv.survey}
FIRST_ROW = {"cas_me2": 1, "samm_lv": 11}
COLUMNS = {"cas_me2": {"onset": 3, "apex": 4, "offset": 5, "type": 8}, "samm_lv": {"onset": 4, "offset": 6, "type": 8}}


def survey(one):
    return SURVEYS[one.dataset](one.folder)


def top(one):
    return next(path for path in one.folder.rglob("*") if path.name == path.parent.name)


def problems(one):
    found = survey(one)
    found.check_numbers()
    return found.check.problems


def test_what_is_planted_is_read_as_the_truth(drawn):
    found = survey(drawn)
    found.check_numbers()
    assert found.check.problems == []
    videos = {video.clip_id: video for video in found.clips}
    assert videos.keys() == drawn.videos.keys()
    for name, truth in drawn.videos.items():
        assert videos[name].subject == truth["subject"]
        assert len(videos[name].frames) == truth["num_frames"]
        expected = [{k: v for k, v in one.items() if k != "name"} for one in truth["intervals"]]
        assert [dataclasses.asdict(one) for one in videos[name].intervals] == expected


@pytest.mark.parametrize(
    ("layout", "notes", "handled"),
    [
        (
            "cas_me2",
            ("offset 0, the apex", "apex 0, the middle", "apex outside onset..offset", "'happyiness' read as"),
            ("23_0502funnyerrors: subject 19's, by the folder it lies in", "videos without an interval: s19_0502"),
        ),
        (
            "samm_lv",
            ("not whole, rounded", "onset 0, taken as unknown", "offset past the last frame", "apex outside onset"),
            ("no apex: ", "frame numbers of 4 to 5 digits"),
        ),
    ],
)
def test_irregularities_are_told(drawn_sets, layout, notes, handled):
    found = survey(drawn_sets[layout])
    found.check_numbers()
    found.note_uncommon()
    for text in notes:
        assert any(text in note for note in found.check.notes), text
    for text in (*handled, "lies in a folder repeated in itself", "Thumbs.db: not a frame"):
        assert any(text in line for line in found.check.handled), text
    assert any("clips 7/98" in n or "clips 6/147" in n for n in found.check.notes)
    assert any(n.startswith("numbers of intervals differ") for n in found.check.notes)


def test_figures_are_of_videos_and_intervals(drawn):
    figures = survey(drawn).describe()
    assert figures["intervals"]["macro"]["found"] == figures["intervals"]["micro"]["found"] == 6
    assert figures["intervals"]["macro"]["published"] in (300, 343)
    assert figures["clips"]["found"] == len(drawn.videos)
    assert figures["fps"] == [drawn.truth["videos"][0]["fps"]]


@pytest.mark.parametrize("layout", sorted(SURVEYS))
@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"onset": 30, "offset": 20}, "onset 30 comes after offset 20"),
        ({"onset": 9000, "offset": 9010}, "9000..9010 lies outside the video, which has frames 1.."),
        ({"type": "medium"}, "type is 'medium'; expected macro or micro"),
        ({"onset": "soon"}, "onset is 'soon'; expected the number of a frame"),
        ({"offset": None}, "onset or offset is not given"),
    ],
)
def test_a_row_that_cant_be_right_is_a_problem_of_its_video(copied, layout, cells, message):
    one = copied(layout)
    for field, value in cells.items():
        one.edit(FIRST_ROW[layout] + 1, COLUMNS[layout][field], value)
    found = survey(one)
    assert len(found.check.problems) == 1
    assert message in found.check.problems[0]
    assert found.check.problems[0].endswith("-> repair the row")
    assert len(found.usable) == len(one.videos) - 1


def test_folders_that_disagree_with_the_table_are_reported_together(copied):
    one = copied("samm_lv")
    folders = {name: top(one) / name for name in one.videos}
    absent, empty, gappy, again, *_ = folders.values()
    shutil.rmtree(absent)
    for path in empty.iterdir():
        path.unlink()
    sorted(gappy.iterdir())[7].unlink()
    (top(one) / "New folder").mkdir()
    (top(one) / f"0{again.name}").mkdir()
    text = "\n".join(problems(one))
    for message in (
        f"video {absent.name} is annotated (2 rows), but is not there -> unzip this video again",
        f"{empty.name}: no frames (jpg, bmp, png, tif or webp); it holds nothing -> unzip this clip again",
        f"{gappy.name}: 1 missing in the frame numbers: none between 7 and 9",
        "New folder: surplus folder; a video is called 006_1",
        f"{again.name}: the same video as 0{again.name}",
    ):
        assert message in text, message


def test_a_table_without_rows_is_an_error(copied):
    for layout, message in (
        ("cas_me2", "no rows; expected one an expression"),
        ("samm_lv", "no rows below the header"),
    ):
        one = copied(layout)
        path = next(one.folder.glob("*.xlsx"))
        book = openpyxl.load_workbook(path)
        book.worksheets[0].delete_rows(FIRST_ROW[layout], 100)
        book.save(path)
        with pytest.raises(ValueError, match=message):
            survey(one)


def test_rows_of_no_naming_rule_are_problems(copied):
    one = copied("cas_me2")
    one.edit(1, 1, 77)
    one.edit(2, 2, "boredom1_1")
    one.edit(3, 8, "")
    text = "\n".join(problems(one))
    assert "subject '77' is in no naming rule" in text
    assert "video 'boredom1_1' is in no naming rule" in text


def test_codes_may_be_numbers_and_names_misspelled(copied):
    one = copied("cas_me2")
    one.edit(1, 1, 101, sheet=2)  # 0101 as a number
    one.edit(1, 2, "Disgust 1", sheet=2)
    expected = {name: len(video["intervals"]) for name, video in one.videos.items()}
    assert {video.clip_id: len(video.intervals) for video in survey(one).clips} == expected


def test_a_name_that_is_no_interval_is_a_problem(copied):
    one = copied("samm_lv")
    one.edit(11, 2, "006-1")
    assert any("interval '006-1'; expected a name such as 006_1_2" in line for line in problems(one))


def test_a_table_of_too_few_columns_is_reported(copied):
    one = copied("cas_me2")
    path = next(one.folder.glob("*.xlsx"))
    book = openpyxl.load_workbook(path)
    book.worksheets[0].delete_cols(8, 2)
    book.save(path)
    assert sum("7 cells, expected at least 8" in line for line in problems(one)) == 12


def test_pictures_without_a_number_are_a_problem(copied):
    one = copied("samm_lv")
    path = next(top(one).glob("*/*.jpg"))
    path.rename(path.with_name("cover.jpg"))
    assert any("no frame number in the name" in line for line in problems(one))


def test_another_folder_is_refused(tmp_path):
    for read, name in ((cas_me2.survey, "rawpic"), (samm_lv.survey, "SAMM_longvideos")):
        with pytest.raises(FileNotFoundError, match=f"does not hold {name}"):
            read(tmp_path)


def test_names_of_the_table(copied):
    one = copied("cas_me2")
    path = next(one.folder.glob("*.xlsx"))
    for name in ("code_final.xlsx", "CAS(ME)2code_final.xlsx"):
        path = path.rename(path.with_name(name))
        assert survey(one).sources[0] == path
