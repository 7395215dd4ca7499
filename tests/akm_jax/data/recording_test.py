"""Videos of one's own: true length, times, turned and uneven ones, frames by index."""

import cv2
import numpy as np
import pytest

from akm_jax.data.recording import FramesByIndex, open_recording
from akm_jax.data.video import VideoFile


def write_video(path, count, *, size=(64, 48), fps=25, code="MJPG"):
    """Frames of one grey each, 8 levels apart."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), fps, size)
    for i in range(count):
        writer.write(np.full((size[1], size[0], 3), 8 * i, np.uint8))
    writer.release()
    return path


def turn(path, degrees):
    """Say in an MP4 file that its pictures are to be turned, as phones do: the matrix of the track's header."""
    a, b = {90: (0, 1), 180: (-1, 0)}[degrees]
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40
    values = (a, b, 0, -b, a, 0, 0, 0, 1)
    ones = [0x10000] * 8 + [0x40000000]
    content[at : at + 36] = b"".join(
        (v * one).to_bytes(4, "big", signed=True) for v, one in zip(values, ones, strict=True)
    )
    path.write_bytes(content)
    return path


def greys(frames):
    return [round(float(frame.mean()) / 8) for frame in frames]


@pytest.mark.parametrize(
    ("name", "code", "fps"), [("a.avi", "MJPG", 25), ("a.mp4", "mp4v", 200), ("a.webm", "VP80", 15)]
)
def test_length_rate_size_and_times(tmp_path, name, code, fps):
    found = open_recording(write_video(tmp_path / name, 12, fps=fps, code=code))
    assert (found.num_frames, found.width, found.height) == (12, 64, 48)
    assert found.fps == pytest.approx(fps, rel=0.02)  # WebM keeps whole milliseconds
    np.testing.assert_allclose(found.times, np.arange(12) / fps, atol=1e-3)
    assert found.duration_s == pytest.approx(12 / fps, rel=0.02)
    assert found.notes == ()
    assert greys(found.frames()) == list(range(12))


def test_a_phone_held_upright_gives_upright_frames(tmp_path):
    path = write_video(tmp_path / "phone.mp4", 3, code="mp4v")
    found = open_recording(turn(path, 90))
    assert (found.width, found.height) == (48, 64)
    assert next(found.frames()).shape == (64, 48, 3)


def test_uneven_times_are_kept_and_told(tmp_path):
    path = write_video(tmp_path / "a.avi", 12)
    even = np.arange(12) / 25
    times = even + np.where(np.arange(12) % 3, 0.0, 0.02)
    found = open_recording(path, times=times)
    np.testing.assert_allclose(found.times, times - times[0])
    assert found.fps == pytest.approx(11 / (times[-1] - times[0]))
    assert "frames come unevenly, 20 to 60 ms apart" in found.notes[0]
    assert open_recording(path, times=even + 1e-3 * (np.arange(12) % 2)).notes == ()


def test_a_damaged_video_is_told_and_keeps_its_times(tmp_path):
    path = write_video(tmp_path / "a.avi", 30)
    content = bytearray(path.read_bytes())
    middle = content.index(b"00dc", len(content) // 2)
    content[middle : middle + 8] = bytes(8)
    path.write_bytes(content)
    found = open_recording(path)
    assert found.num_frames == len(list(found.frames())) < 30
    assert found.times[-1] == pytest.approx(29 / 25)
    assert f"a.avi: {found.num_frames} of 30 frames can be read; missing: " in found.notes[0]


def test_a_rate_that_is_given_counts(tmp_path):
    found = open_recording(write_video(tmp_path / "a.avi", 12), fps=50)
    assert (found.fps, found.times[-1], found.notes) == (50, 11 / 50, ())


def test_without_times_the_rate_of_the_header_counts_and_is_told(tmp_path):
    path = write_video(tmp_path / "a.avi", 12)
    found = open_recording(path, times=np.zeros(12))
    assert found.fps == pytest.approx(25)
    np.testing.assert_allclose(found.times, np.arange(12) / 25)
    assert "25 frames/s are taken from its header" in found.notes[0]


def test_what_says_no_rate_is_refused(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.avi", 12)
    seen = VideoFile(path, np.arange(12), np.zeros(12), 12, 0.0, 64, 48)
    monkeypatch.setattr("akm_jax.data.recording.look_through", lambda _: seen)
    with pytest.raises(ValueError, match="neither when its frames were taken.*--fps"):
        open_recording(path)
    assert open_recording(path, fps=30).fps == 30


def test_bad_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.mp4: no such file; expected a video, or the number of a camera"):
        open_recording(tmp_path / "gone.mp4")
    (tmp_path / "noise.mp4").write_bytes(b"RIFF nothing")
    with pytest.raises(ValueError, match="noise.mp4: no frame can be read; expected a video"):
        open_recording(tmp_path / "noise.mp4")
    with pytest.raises(ValueError, match="empty.avi: no frame can be read"):
        open_recording(write_video(tmp_path / "empty.avi", 0))
    with pytest.raises(ValueError, match="fps 0: expected a number above 0"):
        open_recording(write_video(tmp_path / "a.avi", 2), fps=0)


def test_a_file_that_shrinks_is_noticed(tmp_path):
    path = write_video(tmp_path / "a.avi", 12)
    found = open_recording(path)
    write_video(path, 5)
    with pytest.raises(ValueError, match="had 12 frames, now ends after 5"):
        list(found.frames())


def test_frames_by_index_forward_back_and_far_back(tmp_path):
    frames = FramesByIndex(open_recording(write_video(tmp_path / "a.avi", 30)), keep=4)
    assert len(frames) == 30
    order = [0, 5, 3, 2, 9, 8, 7, 6, 10, 1, 29, 26, 0]
    assert greys(frames[i] for i in order) == order
    assert greys(frames[3:6]) == [3, 4, 5]
    with pytest.raises(IndexError):
        frames[30]
    frames.close()
