import numpy as np
import pandas as pd
import pytest

from akm_jax.data.long_videos import Interval
from akm_jax.spotting.intervals import Spotted
from akm_jax.spotting.submission import annotated_table, read_table, spotted_table, write_table


@pytest.fixture
def write(tmp_path):
    def file(text, encoding="utf-8"):
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return file


@pytest.fixture
def rows():
    return pd.DataFrame(
        {
            "subject": ["01", "01", "2"],
            "video": ["0101", "0101", "b"],
            "onset": [3, 50, 7],
            "offset": [9, 90, 8],
            "type": ["micro", "macro", "micro"],
            "emotion": ["happy", "", "sad"],
            "score": [0.5, 0.1, 1e-9],
        }
    )


def test_every_column_comes_back(rows, tmp_path):
    write_table(tmp_path / "all.csv", rows)
    read = read_table(tmp_path / "all.csv")
    pd.testing.assert_frame_equal(read.rows, rows, check_dtype=False)
    assert read.notes == ()
    assert read.rows["onset"].dtype == np.int64


def test_the_form_of_megc_2022(rows, tmp_path):
    write_table(tmp_path / "megc.csv", rows, "megc2022", first_frame=1)
    assert (
        tmp_path / "megc.csv"
    ).read_text() == "vid,pred_onset,pred_offset,type\n0101,4,10,me\n0101,51,91,mae\nb,8,9,me\n"
    read = read_table(tmp_path / "megc.csv").rows
    assert read["video"].tolist() == ["0101", "0101", "b"]
    assert read["type"].tolist() == ["micro", "macro", "micro"]
    assert set(read["subject"]) == {""}


def test_the_form_of_strs_2025(rows, tmp_path):
    write_table(tmp_path / "strs.csv", rows, "strs2025")
    assert (tmp_path / "strs.csv").read_text() == "subject,video,onset,offset,emotion\n01,0101,3,9,happy\n2,b,7,8,sad\n"
    read = read_table(tmp_path / "strs.csv").rows
    assert read["type"].tolist() == ["micro", "micro"]
    assert read["emotion"].tolist() == ["happy", "sad"]
    with pytest.raises(ValueError, match=r"strs.csv: the form strs2025 has a column emotion"):
        write_table(tmp_path / "strs.csv", rows.drop(columns="emotion"), "strs2025")


def test_nothing_found_is_a_table(rows, tmp_path):
    write_table(tmp_path / "none.csv", rows[:0])
    assert read_table(tmp_path / "none.csv").rows.empty


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffvid;pred_onset;pred_offset;type\r\na;3;9;me\r\n",
        "Type , OFFSET, Onset, Video_ID, comment\nMicro-Expression, 9.0, 3, a, whatever\n",
        "video,start,end,type\n,,,\na,3,9,micro\n\n",
    ],
)
def test_forms_of_spreadsheets(write, text):
    read = read_table(write(text)).rows
    assert read[["video", "onset", "offset", "type"]].values.tolist() == [["a", 3, 9, "micro"]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a table"),
        ("\n\n", "not a table"),
        (",,,\n", "no column video, onset, offset, type .* found nothing"),
        ("vid,pred_onset,type\na,3,me\n", r"csv:1: no column offset; found vid, pred_onset, type"),
        ("vid,onset,offset\na,3,9\n", r"no column type \(or emotion"),
        ("vid,video,onset,offset,type\na,a,3,9,me\n", "column video twice"),
        ("vid,onset,offset,type\na,3,9,me,5\n", "not a table"),
        ("vid,onset,offset,type\na,9,3,me\n", "csv:2: onset 9 after offset 3"),
        ("vid,onset,offset,type\na,3,9,me\n\na,3,9,mu\n", "csv:4: type 'mu': expected one of me, micro"),
        ("vid,onset,offset,type\na,3.5,9,me\n", "csv:2: onset '3.5': expected a whole number of frames"),
        ("vid,onset,offset,type\na,,9,me\n", "csv:2: onset '': expected"),
        ("vid,onset,offset,type\na,3,inf,me\n", "csv:2: offset 'inf'"),
        ("vid,onset,offset,type\n,3,9,me\n", "csv:2: the video is empty"),
        ("vid,onset,offset,type,score\na,3,9,me,high\n", "csv:2: score 'high': expected a number"),
        ("vid,onset,offset,type\n" + "a,9,3,x\n" * 30, "and 40 problems more"),
    ],
)
def test_what_is_wrong_is_named(write, text, said):
    with pytest.raises(ValueError, match=said):
        read_table(write(text))


def test_what_is_no_text_or_no_file_is_named(write, tmp_path):
    with pytest.raises(ValueError, match="not UTF-8 text"):
        read_table(write("vid,onset,offset,type\nä,3,9,me\n", "latin-1"))
    with pytest.raises(FileNotFoundError, match="nothing.csv: no such file; expected a table"):
        read_table(tmp_path / "nothing.csv")


def test_rows_that_stand_twice_are_noted(write):
    read = read_table(write("vid,onset,offset,type\na,3,9,me\na,3,9,mae\na,3,9,micro\n"))
    assert len(read.rows) == 3
    (note,) = read.notes
    assert "1 rows stand there before (lines 4)" in note


def test_tables_of_videos(make_video):
    video = make_video("a", "1", 40, Interval(3, -1, 9, "micro", "sad"), Interval(-1, -1, 30, "macro", "happy"))
    assert annotated_table([video], ["macro", "micro"]).values.tolist() == [
        ["1", "a", 0, 30, "macro", "happy"],
        ["1", "a", 3, 9, "micro", "sad"],
    ]
    assert annotated_table([video], ["macro", "micro"], "code")["onset"].tolist() == [3]
    assert annotated_table([], ["micro"]).empty
    found = Spotted(np.array([(3, 15), (20, 32)]), np.array([0.5, 0.7]), np.zeros(20), 0.4)
    made = spotted_table([(video, "micro", found)])
    assert made.values.tolist() == [["1", "a", 3, 15, "micro", 0.5], ["1", "a", 20, 32, "micro", 0.7]]
