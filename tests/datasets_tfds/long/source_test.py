"""Sets of long videos built by TFDS and read back as a `LongVideoSet`."""

import dataclasses
import shutil

import cv2
import numpy as np
import pytest

from akm_jax.data.long_videos import LongVideoSet
from akm_jax.prepare.face import Box
from akm_jax.prepare.landmarks import crop_points
from datasets_tfds.long import faces
from datasets_tfds.long.faces import Face
from datasets_tfds.long.source import RecordCrops, load_long_videos, long_builder_class


def test_a_built_set_is_the_truth(drawn, built):
    videos = load_long_videos(drawn.dataset, data_dir=built)
    assert isinstance(videos, LongVideoSet)
    assert {video.video_id for video in videos} == drawn.videos.keys()
    assert list(videos.subjects) == sorted(videos.subjects, key=int)
    for video in videos:
        truth = drawn.videos[video.video_id]
        assert (video.subject, video.fps, video.num_frames) == (truth["subject"], truth["fps"], truth["num_frames"])
        expected = [{k: v for k, v in one.items() if k != "name"} for one in truth["intervals"]]
        assert [dataclasses.asdict(one) for one in video.intervals] == expected
        points = crop_points(np.array(truth["landmarks"]), Box(*truth["box"]), decimals=None)
        np.testing.assert_allclose(video.landmarks, points, atol=1e-4)  # float32
    assert len({video.checksum for video in videos}) == len(videos)


def test_crops_are_those_of_the_pictures_in_their_order(drawn, built):
    video = load_long_videos(drawn.dataset, data_dir=built).videos[1]
    truth = drawn.videos[video.video_id]
    left, top, width, height = truth["box"]
    files = sorted((drawn.folder / truth["path"]).glob("*.jpg"))
    assert len(files) == video.num_frames
    for start, stop in ((0, 3), (20, 22), (video.num_frames - 1, video.num_frames)):
        got = video.crops.read(start, stop)
        assert got.dtype == np.uint8
        for crop, path in zip(got, files[start:stop], strict=True):
            box = cv2.resize(cv2.imread(str(path))[top : top + height, left : left + width], (128, 128))
            expected = cv2.imdecode(cv2.imencode(".jpg", box)[1], cv2.IMREAD_GRAYSCALE)
            np.testing.assert_array_equal(crop, expected)


def test_records_hold_what_the_features_say(drawn, built):
    builder = long_builder_class(drawn.dataset)(data_dir=built)
    video = load_long_videos(drawn.dataset, data_dir=built).videos[0]
    record = builder.as_data_source("train")[0]
    assert record["video_id"].decode() == video.video_id
    assert list(record["frame_numbers"]) == list(range(1, video.num_frames + 1))
    assert list(record["intervals"]["onset"]) == [interval.onset for interval in video.intervals]
    np.testing.assert_array_equal(record["landmarks"], video.landmarks)


def test_no_record_is_read_before_a_crop_is(built, monkeypatch):
    videos = load_long_videos("samm_lv", data_dir=built)
    read = []
    records = videos.videos[0].crops.reader._records
    counting = type("Counting", (), {"__getitem__": lambda _, row: read.append(row) or records[row]})()
    monkeypatch.setattr(videos.videos[0].crops.reader, "_records", counting)
    assert read == []
    for row in (0, 0, 1, 0):
        videos.videos[row].crops.read(2, 5)
    assert read == [0, 1, 0]


def test_a_record_of_another_video_is_an_error(built):
    videos = load_long_videos("samm_lv", data_dir=built)
    reader = videos.videos[0].crops.reader
    reader._video_ids = ["other", *reader._video_ids[1:]]
    with pytest.raises(ValueError, match=r"frames 0 to 2 of video other .* cannot be read .* delete that folder"):
        RecordCrops(reader, 0).read(0, 3)


def test_a_set_is_made_anew_when_its_files_have_changed(copied, built, tmp_path, caplog):
    one = copied("cas_me2")
    first = load_long_videos("cas_me2", manual_dir=one.folder, data_dir=tmp_path / "out", data_config="png")
    caplog.clear()
    again = load_long_videos("cas_me2", manual_dir=one.folder, data_dir=tmp_path / "out", data_config="png")
    assert "preparing" not in caplog.text
    assert [video.checksum for video in again] == [video.checksum for video in first]
    one.edit(1, 5, 0)  # an offset
    changed = load_long_videos("cas_me2", manual_dir=one.folder, data_dir=tmp_path / "out", data_config="png")
    assert "made from other files, or these have changed" in caplog.text
    assert changed.videos[0].intervals != first.videos[0].intervals
    assert changed.videos[0].checksum == first.videos[0].checksum
    jpeg = load_long_videos("cas_me2", data_dir=built)
    assert jpeg.videos[0].checksum != first.videos[0].checksum


@dataclasses.dataclass(frozen=True)
class Middle:
    """A finder: the middle of the picture."""

    margin: int = 4

    def __call__(self, picture):
        height, width = picture.shape[:2]
        box = Box(self.margin, self.margin, width - 2 * self.margin, height - 2 * self.margin)
        return Face(box, np.full((68, 2), width / 2))


def test_faces_that_are_not_known_are_found(copied, tmp_path):
    one = copied("samm_lv")
    (one.folder / "truth.json").unlink()
    options = {"manual_dir": one.folder, "data_dir": tmp_path / "out"}
    with pytest.raises(ValueError, match="6 problems") as error:
        load_long_videos("samm_lv", **options, find_face=faces.MeshFinder(min_certainty=1.1))
    told = str(error.value)
    assert told.count("no face is certain in its first frame") == 6
    assert told.count(f"expected 1.1) -> give its box and landmarks in {faces.FACE_TABLE}") == 6
    first = load_long_videos("samm_lv", **options, find_face=Middle())
    assert first.videos[0].landmarks[0, 0] == pytest.approx(64, abs=2)
    other = load_long_videos("samm_lv", **options, find_face=Middle(margin=6))
    assert other.videos[0].checksum != first.videos[0].checksum


def test_what_is_wrong_is_told_before_frames_are_read(copied, tmp_path):
    one = copied("samm_lv")
    (path,) = one.folder.rglob("006_1")
    shutil.rmtree(path)
    with pytest.raises(ValueError, match="1 problem in .*\n.*video 006_1 is annotated"):
        load_long_videos("samm_lv", manual_dir=one.folder, data_dir=tmp_path / "out")


def test_broken_frames_are_reported_together_or_left_out(copied, tmp_path):
    one = copied("samm_lv")
    broken = [next(one.folder.rglob(f"{name}_*30.jpg")) for name in ("006_1", "007_2")]
    for path in broken:
        path.write_bytes(path.read_bytes()[:-100])
    (small,) = one.folder.rglob("008_1_0*31.jpg")
    cv2.imwrite(str(small), np.zeros((20, 20), np.uint8))
    options = {"manual_dir": one.folder, "data_dir": tmp_path / "out"}
    with pytest.raises(ValueError, match="3 problems") as error:
        load_long_videos("samm_lv", **options)
    assert all(path.name in str(error.value) for path in broken)
    assert "frames of different sizes" in str(error.value)
    left = load_long_videos("samm_lv", **options, allow_missing=True)
    assert len(left) == 3


def test_unknown_names_are_refused(tmp_path):
    with pytest.raises(ValueError, match="unknown set of long videos 'casme'; known: cas_me2, long_folder, samm_lv"):
        load_long_videos("casme")
    with pytest.raises(ValueError, match="has no configuration 'raw'; known: jpeg, png"):
        load_long_videos("cas_me2", data_config="raw")
    with pytest.raises(ValueError, match="--counting=from0: the table of cas_me2 says how it counts"):
        load_long_videos("cas_me2", counting="from0")
    with pytest.raises(FileNotFoundError, match="nothing is prepared there; pass --manual_dir"):
        load_long_videos("cas_me2", data_dir=tmp_path)


def test_a_set_that_lacks_records_is_an_error(built):
    from datasets_tfds.long.source import read_long_records

    builder = long_builder_class("cas_me2")(data_dir=built)
    builder.info.metadata["videos"].pop()
    with pytest.raises(ValueError, match="holds 7 videos, expected 6; delete it"):
        read_long_records(builder)
