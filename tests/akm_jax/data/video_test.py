"""Decoding of videos: which frames come, and what is said of files that are none."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from akm_jax.data.video import count_frames, decode_frames, read_frames


@pytest.fixture
def video(tmp_path) -> Path:
    writer = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, (32, 24))
    for k in range(6):
        writer.write(np.full((24, 32, 3), 40 * k, np.uint8))
    writer.release()
    return tmp_path / "clip.avi"


def test_all_frames_are_read_and_numbered_from_0(video, monkeypatch):
    frames, names = read_frames(video)
    assert (frames.shape, frames.dtype, names) == ((6, 24, 32), np.uint8, ("0", "1", "2", "3", "4", "5"))
    np.testing.assert_allclose(frames.mean(axis=(1, 2)), 40 * np.arange(6), atol=3)  # JPEG's rounding
    monkeypatch.chdir(video.parent)
    np.testing.assert_array_equal(read_frames(Path("clip.avi"))[0], frames)


def test_a_part_is_decoded_alone(video):
    whole = read_frames(video)[0]
    np.testing.assert_array_equal(np.stack(list(decode_frames(video, 2, 4))), whole[2:5])
    np.testing.assert_array_equal(np.stack(list(decode_frames(video, 3))), whole[3:])
    assert count_frames(video) == 6


def test_a_video_that_ends_early_is_an_error(video):
    with pytest.raises(ValueError, match=r"clip\.avi: ends after 6 frames, expected frame 6"):
        list(decode_frames(video, 2, 6))


def test_a_file_that_is_no_video_is_an_error(tmp_path):
    (tmp_path / "noise.avi").write_bytes(b"RIFF nothing")
    assert count_frames(tmp_path / "noise.avi") == 0
    with pytest.raises(ValueError, match="no frame can be read"):
        read_frames(tmp_path / "noise.avi")
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        read_frames(tmp_path / "absent.avi")
