"""Long videos of one's own: folders of frames and video files with a table of intervals."""

import csv

import cv2
import numpy as np
import pytest

from akm_jax.data.long_videos import Interval
from akm_jax.prepare.face import Box
from akm_jax.prepare.given_landmarks import BOX_COLUMNS, POINT_COLUMNS
from datasets_tfds.long.faces import Face
from datasets_tfds.long.source import load_long_videos
from datasets_tfds.long_folder.survey import survey

HEADER = ("Video", "Subject", "Onset", "Apex", "Offset", "Type", "Emotion", "FPS")
ROWS = (
    ("anna/first", "", "3", "5", "9", "macro", "happiness", "25"),
    ("anna/first", "anna", "11", "", "12", "Micro", "", ""),
    ("films/second.avi", "s02", "1", "2", "20", "micro", "disgust", ""),
    ("films/third", "2", "", "", "", "", "", "30"),
)
SIZE = (64, 48)


class Middle:
    """A finder: the middle of the picture."""

    def __repr__(self):
        return "Middle()"

    def __call__(self, picture):
        return Face(Box(8, 4, 40, 40), np.full((68, 2), 20.0))


def write_table(folder, rows=ROWS, header=HEADER, name="intervals.csv"):
    with (folder / name).open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture
def folder(tmp_path):
    """Two folders of 12 and 5 frames, numbered from 7, and a video of 20 frames."""
    rng = np.random.default_rng(0)
    root = tmp_path / "own"
    for name, count in (("anna/first", 12), ("films/third", 5)):
        (root / name).mkdir(parents=True)
        for k in range(count):
            picture = cv2.resize(rng.integers(0, 255, (6, 8)).astype(np.uint8), SIZE)
            cv2.imwrite(str(root / name / f"f{k + 7}.png"), picture)
    film = cv2.VideoWriter(str(root / "films" / "second.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, SIZE)
    for k in range(20):
        film.write(np.full((SIZE[1], SIZE[0], 3), 10 * k + 20, np.uint8))
    film.release()
    write_table(root)
    return root


def test_videos_and_folders_are_built(folder, tmp_path, caplog):
    options = {"manual_dir": folder, "data_dir": tmp_path / "out", "data_config": "png", "find_face": Middle()}
    videos = {video.video_id: video for video in load_long_videos("long_folder", **options)}
    assert list(videos) == ["second", "third", "first"]  # subjects that are numbers come first
    described = [(video.subject, video.fps, video.num_frames) for video in videos.values()]
    assert described == [("2", 25, 20), ("2", 30, 5), ("anna", 25, 12)]
    assert videos["first"].intervals == (Interval(2, 4, 8, "macro", "happiness"), Interval(10, -1, 11, "micro"))
    assert videos["second"].intervals == (Interval(0, 1, 19, "micro", "disgust"),)
    assert videos["third"].intervals == ()
    levels = videos["second"].crops.read(0, 20).mean((1, 2))
    np.testing.assert_allclose(levels, 10 * np.arange(20) + 20, atol=2)  # what Motion JPEG loses
    picture = cv2.imread(str(folder / "anna" / "first" / "f9.png"))[4:44, 8:48]
    expected = cv2.cvtColor(cv2.resize(picture, (128, 128)), cv2.COLOR_BGR2GRAY)
    np.testing.assert_array_equal(videos["first"].crops.read(2, 3)[0], expected)
    caplog.clear()
    load_long_videos("long_folder", **options)
    assert "preparing" not in caplog.text
    write_table(folder, [ROWS[0]])
    again = load_long_videos("long_folder", **options, counting="from0")
    assert again.videos[0].intervals == (Interval(3, 5, 9, "macro", "happiness"),)


def test_faces_come_from_a_table(folder, tmp_path):
    with (folder / "landmarks.csv").open("w", newline="") as file:
        rows = [[name, 8, 4, 40, 40, *[20] * 136] for name in ("first", "second", "third")]
        csv.writer(file).writerows([("video", *BOX_COLUMNS, *POINT_COLUMNS), *rows])
    videos = load_long_videos("long_folder", manual_dir=folder, data_dir=tmp_path / "out")
    np.testing.assert_allclose(videos.videos[0].landmarks, [[(12.5 * 3.2) - 0.5, (16.5 * 3.2) - 0.5]] * 68)


def test_times_in_seconds(folder):
    write_table(folder, [("anna/first", "anna", "0.08", "0,2", "0.40", "macro", "", "25")])
    found = survey(folder, "seconds")
    assert found.check.problems == []
    assert found.clips[0].intervals == (Interval(2, 5, 10, "macro"),)


def test_headers_may_be_called_otherwise(folder):
    write_table(
        folder, [("anna/first", "1", "4", "macro", "25")], header=("文件夹", "start frame", "end", "kind", "帧率")
    )
    found = survey(folder, "from1")
    assert found.clips[0].intervals == (Interval(0, -1, 3, "macro"),)
    assert found.clips[0].subject == "anna"
    assert any("recognised a table of intervals, intervals.csv" in note for note in found.check.notes)


def test_names_that_come_again_are_told_apart_by_their_path(folder):
    (folder / "ben").mkdir()
    (folder / "films" / "third").rename(folder / "ben" / "first")
    write_table(folder, [ROWS[0], ("ben/first", "", "", "", "", "", "", "30")])
    assert [clip.clip_id for clip in survey(folder, "from1").clips] == ["anna_first", "ben_first"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("anna/gone", "a", "1", "2", "3", "macro", "", "25"), "gone does not exist -> repair the path"),
        (("anna/first", "ben", "1", "2", "3", "macro", "", "25"), "rows disagree: subjects ['anna', 'ben']"),
        (("anna/first", "anna", "1", "2", "3", "macro", "", "50"), "frames per second [25.0, 50.0]"),
        (("anna/first", "anna", "1", "2", "3", "macro", "", "fast"), "fps is 'fast'"),
        (
            ("anna/first", "anna", "1", "2", "13", "macro", "", "25"),
            "1..13 lies outside the video, which has",
        ),
        (("anna/first", "anna", "0", "2", "3", "macro", "", "25"), "0..3 lies outside"),
        (("anna/first", "anna", "5", "2", "3", "macro", "", "25"), "onset 5 comes after offset 3"),
        (("anna/first", "anna", "5", "", "", "macro", "", "25"), "onset or offset is not given"),
        (("anna/first", "anna", "5", "6", "7", "", "", "25"), "type is ''; expected macro or micro"),
        (("", "anna", "5", "6", "7", "micro", "", "25"), "row 6: empty video"),
        (("films/empty", "b", "", "", "", "", "", "25"), "no frames (jpg, bmp, png, tif or webp); it holds nothing"),
        (
            ("films/text.avi", "b", "", "", "", "", "", "25"),
            "no frame can be read; expected a video that OpenCV decodes",
        ),
        (("films/unknown", "b", "", "", "", "", "", ""), "frames per second are not known -> add a column fps"),
    ],
)
def test_what_is_wrong_is_a_problem(folder, row, message):
    (folder / "films" / "empty").mkdir()
    (folder / "films" / "text.avi").write_text("no video")
    (folder / "films" / "unknown").mkdir()
    write_table(folder, [*ROWS, row])
    found = survey(folder, "from1")
    found.check_numbers()
    assert len(found.check.problems) == 1, found.check.problems
    assert message in found.check.problems[0]


def test_a_folder_that_cant_be_used_is_an_error(folder):
    with pytest.raises(ValueError, match="--counting=from2: expected one of from0, from1, seconds"):
        survey(folder, "from2")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        survey(folder / "absent", "from1")
    write_table(folder, [])
    with pytest.raises(ValueError, match="no rows below the header; expected one an expression"):
        survey(folder, "from1")
    write_table(folder, ROWS, header=("video", *HEADER[1:5], "what", *HEADER[6:]))
    with pytest.raises(ValueError, match=r"no column type; .* type \(or expressiontype"):
        survey(folder, "from1")
    (folder / "intervals.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"holds no intervals\.csv"):
        survey(folder, "from1")


def test_the_environment_says_how_stock_commands_count(folder, monkeypatch):
    from datasets_tfds.long_folder.long_folder_dataset_builder import Builder

    assert Builder.survey(folder).clips[-1].intervals[0].onset == 2
    monkeypatch.setenv("AKM_COUNTING", "from0")
    assert Builder.survey(folder).clips[-1].intervals[0].onset == 3
