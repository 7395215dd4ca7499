"""Clips of one's own: folders, videos and single pictures, and what is wrong with them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from akm_jax.data.frame_names import FrameOrderError
from akm_jax.data.own_clip import open_clip, read_frames


@pytest.fixture
def video(tmp_path) -> Path:
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, (32, 24))
    for k in range(6):
        writer.write(np.full((24, 32, 3), 40 * k, np.uint8))
    writer.release()
    return tmp_path / "clip.avi"


def save_frames(folder: Path, names) -> Path:
    """A frame for each name, whose grey is its place in the list."""
    folder.mkdir(exist_ok=True)
    for k, name in enumerate(names):
        Image.fromarray(np.full((24, 32), k, np.uint8)).save(folder / name)
    return folder


def test_all_frames_are_read_and_numbered_from_0(video, monkeypatch):
    frames, names = read_frames(video)
    assert (frames.shape, frames.dtype, names) == ((6, 24, 32), np.uint8, ("0", "1", "2", "3", "4", "5"))
    np.testing.assert_allclose(frames.mean(axis=(1, 2)), 40 * np.arange(6), atol=3)  # JPEG's rounding
    monkeypatch.chdir(video.parent)
    np.testing.assert_array_equal(read_frames(Path("clip.avi"))[0], frames)


def test_frames_are_decoded_when_they_are_asked_for(video):
    clip = open_clip(video)
    np.testing.assert_allclose([clip[i].mean() for i in (0, 3, 1, 5)], [0, 120, 40, 200], atol=3)
    assert [frame.shape for frame in clip[2:4]] == [(24, 32)] * 2
    np.testing.assert_allclose(clip.times, np.arange(6) / 25)
    with pytest.raises(IndexError):
        clip[6]


def test_folders_go_by_number_or_by_a_pattern(tmp_path):
    folder = save_frames(tmp_path / "a", ["img9.tif", "img10.webp", "img11.png"])
    frames, names = read_frames(folder)
    assert names == ("img9.tif", "img10.webp", "img11.png")
    np.testing.assert_array_equal(frames[:, 0, 0], [0, 1, 2])
    folder = save_frames(tmp_path / "b", ["t0.8s.png", "t0.85s.png", "t0.9s.png", "mask1.png"])
    with pytest.raises(FrameOrderError, match="names of 2 kinds"):
        open_clip(folder)
    assert open_clip(folder, pattern="t#s.png").names == ("t0.8s.png", "t0.85s.png", "t0.9s.png")


def test_a_single_picture_is_a_clip_of_one_frame(tmp_path):
    folder = save_frames(tmp_path / "a", ["face.png"])
    assert open_clip(folder / "face.png").names == ("face.png",)


def test_a_clip_is_cut_by_the_numbers_of_its_frames(tmp_path, video):
    clip = open_clip(save_frames(tmp_path / "a", [f"img{i}.png" for i in (9, 10, 12, 13)]))
    assert clip.cut(10, 12).names == ("img10.png", "img12.png")
    assert [frame[0, 0] for frame in clip.cut(offset=12)] == [0, 1, 2]
    part = open_clip(video).cut(2, 4)
    assert part.names == ("2", "3", "4")
    np.testing.assert_allclose(part.times, np.array([2, 3, 4]) / 25)
    np.testing.assert_allclose([frame.mean() for frame in part], [80, 120, 160], atol=3)
    with pytest.raises(ValueError, match="onset 8: frames of .* are numbered from 9 to 13"):
        clip.cut(8)
    with pytest.raises(ValueError, match="has no frame in 11..11"):
        clip.cut(11, 11)


def test_uneven_times_are_noted_and_kept(video, monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Uneven)
    clip = open_clip(video)
    np.testing.assert_allclose(clip.times, Uneven.times)
    assert clip.missing == ""
    assert clip.notes == ("clip.avi: frames come unevenly, 30 to 100 ms apart, 30 usually",)


def test_a_length_that_a_header_states_is_no_count_where_frames_come_unevenly(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Uneven)
    monkeypatch.setattr(Uneven, "stated", 9)
    (tmp_path / "phone.mkv").write_bytes(b"\x1a\x45\xdf\xa3 and so on")
    assert open_clip(tmp_path / "phone.mkv").missing == ""
    (tmp_path / "phone.mp4").write_bytes(b"\0\0\0\x10ftypisom0000\0\0\0\x08moov")
    clip = open_clip(tmp_path / "phone.mp4")
    assert (clip.missing, clip.notes[0]) == ("", "phone.mp4: its header states 9 frames, it has 6")


class Uneven:
    """A reader that gives times of a camera with a pause."""

    times = (0.0, 0.03, 0.06, 0.16, 0.19, 0.22)
    stated = 6

    def __init__(self, path):
        self.at = -1

    def grab(self):
        self.at += 1
        return self.at < 6

    def retrieve(self):
        return True, np.zeros((24, 32, 3), np.uint8)

    def get(self, what):
        return {cv2.CAP_PROP_POS_MSEC: 1000 * self.times[min(self.at, 5)], cv2.CAP_PROP_FRAME_COUNT: self.stated}.get(
            what, 25
        )

    def release(self):
        pass


def test_damaged_videos_are_opened_but_not_read_whole(video):
    content = bytearray(video.read_bytes())
    for at in [i for i in range(len(content)) if content[i : i + 4] == b"00dc"][3:5]:  # the first is in a header
        content[at : at + 8] = bytes(8)
    video.write_bytes(content)
    clip = open_clip(video)
    assert clip.missing == "4 of 6 frames can be read; missing: 2 to 3, counted from 0"
    assert clip.names == ("0", "1", "4", "5")
    np.testing.assert_allclose([frame.mean() for frame in clip], [0, 40, 160, 200], atol=3)
    with pytest.raises(ValueError, match=r"clip.avi: 4 of 6 frames can be read; missing: 2 to 3.*; copy or record it"):
        read_frames(video)


def test_what_is_no_clip_is_an_error(tmp_path, video):
    with pytest.raises(FileNotFoundError, match="no such file or folder; expected a folder of frames or a video file"):
        open_clip(tmp_path / "absent.avi")
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone" / "IMG_1.heic").touch()
    with pytest.raises(ValueError, match="no frames .*; it holds 1 heic -> pass the folder that holds the frames"):
        open_clip(tmp_path / "phone")
    with pytest.raises(ValueError, match="clip.avi is a file; a pattern"):
        open_clip(video, pattern="#.png")
    folder = save_frames(tmp_path / "a", ["1.png", "2.png"])
    Image.fromarray(np.zeros((24, 32), np.uint16)).save(folder / "2.png")
    with pytest.raises(ValueError, match=r"clip .*a:\n  2.png: 16 bits or more a pixel .* -> convert all frames"):
        open_clip(folder)
