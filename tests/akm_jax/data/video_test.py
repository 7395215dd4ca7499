"""Decoding of videos: which frames come, which are missing in damaged files, what is said of files that are none."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from akm_jax.data import containers
from akm_jax.data.video import decode, decode_frames, look_through

COUNT, FPS = 40, 25
# Container, codec, and how far a number read off a frame may be off: codecs patch the frame before a damaged one.
KINDS = [("a.avi", "MJPG", 0), ("x.avi", "XVID", 2), ("a.mp4", "mp4v", 2), ("a.mkv", "MJPG", 0), ("a.webm", "VP80", 1)]


def write(path: Path, code: str, count: int = COUNT) -> Path:
    """Frame i has a band of grey 6 i above a texture that moves, so that frames need bytes."""
    noise = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8), (0, 0), 2)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), FPS, (128, 96))
    for i in range(count):
        frame = np.roll(noise, 2 * i, 1)
        frame[:32] = 6 * i
        writer.write(frame)
    writer.release()
    return path


def numbers_shown(path: Path) -> np.ndarray:
    return np.array([round(float(frame[4:20].mean()) / 6) for frame in decode(path)])


def overwrite(path: Path, start: float, length: int) -> None:
    content = bytearray(path.read_bytes())
    at = int(start * len(content))
    content[at : at + length] = bytes(length)
    path.write_bytes(content)


def put_index_first(path: Path) -> None:
    """Move an MP4's box `moov` before its pictures, as for streaming."""
    content, boxes, at = path.read_bytes(), {}, 0
    while at < len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        boxes[content[at + 4 : at + 8]] = content[at : at + size]
        at += size
    moov = bytearray(boxes.pop(b"moov"))
    at = moov.index(b"stco") + 8
    (count,) = struct.unpack_from(">I", moov, at)
    for place in range(at + 4, at + 4 + 4 * count, 4):
        struct.pack_into(">I", moov, place, struct.unpack_from(">I", moov, place)[0] + len(moov))
    path.write_bytes(boxes.pop(b"ftyp") + moov + b"".join(boxes.values()))


@pytest.fixture
def video(tmp_path) -> Path:
    return write(tmp_path / "clip.avi", "MJPG", 6)


@pytest.mark.parametrize(("name", "code", "off"), KINDS)
def test_whole_files_lack_nothing(tmp_path, name, code, off):
    seen = look_through(write(tmp_path / name, code))
    assert (seen.missing, seen.note, seen.stated, seen.width, seen.height) == ("", "", COUNT, 128, 96)
    np.testing.assert_array_equal(seen.numbers, np.arange(COUNT))
    np.testing.assert_allclose(seen.times, np.arange(COUNT) / FPS, atol=1e-3)
    assert np.abs(numbers_shown(seen.path) - seen.numbers).max() <= off


@pytest.mark.parametrize(("name", "code", "off"), KINDS)
def test_a_damaged_middle_is_passed_over_and_later_frames_keep_their_numbers(tmp_path, name, code, off):
    path = write(tmp_path / name, code)
    overwrite(path, 0.5, path.stat().st_size // 8)
    seen = look_through(path)
    shown = numbers_shown(path)
    read = len(seen.numbers)
    assert COUNT / 4 < read < COUNT
    assert seen.missing.startswith(f"{read} of {COUNT} frames can be read; missing: ")
    assert seen.numbers[-1] == COUNT - 1
    np.testing.assert_allclose(seen.times, seen.numbers / FPS, atol=1e-3)
    assert len(shown) == read
    assert np.abs(shown - seen.numbers).max() <= off
    (gap,) = np.flatnonzero(np.diff(seen.numbers) > 1)
    assert f"missing: {seen.numbers[gap] + 1} to {seen.numbers[gap + 1] - 1}, counted from 0" in seen.missing


@pytest.mark.parametrize(("name", "code", "off"), KINDS)
def test_a_file_that_is_broken_off_lacks_its_last_frames(tmp_path, name, code, off):
    path = write(tmp_path / name, code)
    if path.suffix == ".mp4":
        put_index_first(path)
        assert look_through(path).missing == ""
    size = path.stat().st_size
    os.truncate(path, size * 6 // 10)
    seen = look_through(path)
    read = len(seen.numbers)
    np.testing.assert_array_equal(seen.numbers, np.arange(read))
    assert seen.missing.startswith(f"{read} of {COUNT} frames can be read; missing: {read} to {COUNT - 1}, counted")
    assert f"it ends after {size * 6 // 10:,} of {size:,} bytes" in seen.missing


def test_a_header_that_overstates_by_a_few_is_noted(tmp_path):
    path = write(tmp_path / "a.avi", "MJPG")
    content = bytearray(path.read_bytes())
    at = content.index(b"strh") + 8 + 32  # the stream's length
    assert struct.unpack_from("<I", content, at) == (COUNT,)
    for more, told in ((2, True), (30, False)):
        struct.pack_into("<I", content, at, COUNT + more)
        path.write_bytes(content)
        seen = look_through(path)
        assert seen.note == (f"a.avi: its header states {COUNT + 2} frames, it has {COUNT}" if told else "")
        assert seen.missing.startswith("" if told else f"{COUNT} of {COUNT + 30} frames can be read; missing: 40 to 69")
        assert bool(seen.missing) != told
        np.testing.assert_array_equal(seen.numbers, np.arange(COUNT))


def test_an_avi_whose_index_is_gone_too_says_that_places_are_not_known(tmp_path):
    path = write(tmp_path / "a.avi", "MJPG")
    content = bytearray(path.read_bytes())
    index = content.index(b"idx1")
    middle = content.index(b"00dc", index // 2)
    content[middle : middle + 3000] = bytes(3000)
    content[index + 24 : index + 24 + 16 * 4] = bytes(16 * 4)  # four entries
    path.write_bytes(content)
    assert "which are missing cannot be seen" in look_through(path).missing


def test_an_mp4_without_its_index_is_called_incomplete(tmp_path):
    path = write(tmp_path / "a.mp4", "mp4v")
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(
        ValueError, match=r"a\.mp4: no frame can be read: its index .* is missing.*copy or record it ag"
    ):
        look_through(path)


@pytest.mark.parametrize(("code", "name"), [(b"av01", "AV1"), (b"vvc1", "VVC"), (b"xyz1", "xyz1")])
def test_a_codec_that_is_not_decoded_is_named(tmp_path, code, name):
    path = write(tmp_path / "a.mp4", "mp4v", 5)
    content = path.read_bytes()
    at = content.rindex(b"mp4v")
    path.write_bytes((content[:at] + code + content[at + 4 :]).replace(b"esds", b"free"))
    with pytest.raises(ValueError, match=rf"its codec is {name}; .*convert it to H\.264, e\.g\. by `ffmpeg -i a\.mp4"):
        look_through(path)


@pytest.mark.parametrize(
    ("name", "code", "found"), [("a.avi", "MJPG", "MJPG"), ("a.mkv", "VP80", "VP8"), ("a.mp4", "mp4v", "MPEG-4")]
)
def test_codecs_are_found_in_every_container(tmp_path, name, code, found):
    assert containers.find_codec(write(tmp_path / name, code, 3)) == found
    (tmp_path / "text.mp4").write_text("no video")
    assert containers.find_codec(tmp_path / "text.mp4") == ""


def test_files_that_are_no_videos_are_errors(tmp_path):
    (tmp_path / "noise.avi").write_bytes(b"RIFF nothing")
    with pytest.raises(ValueError, match=r"no frame can be read; expected a video that OpenCV decodes"):
        look_through(tmp_path / "noise.avi")
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(ValueError, match="no frame can be read: it has zero bytes; copy or record it again"):
        look_through(tmp_path / "empty.mp4")


def test_damaged_blocks_are_not_printed_by_the_decoder(tmp_path):
    path = write(tmp_path / "a.mp4", "mp4v")
    overwrite(path, 0.5, path.stat().st_size // 8)
    program = (
        "import sys, pathlib; from akm_jax.data.video import look_through; look_through(pathlib.Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_part_is_decoded_alone(video):
    whole = list(decode_frames(video))
    assert (len(whole), whole[0].shape, whole[0].dtype) == (6, (96, 128), np.uint8)
    np.testing.assert_array_equal(np.stack(list(decode_frames(video, 2, 4))), whole[2:5])
    np.testing.assert_array_equal(np.stack(list(decode_frames(video, 3))), whole[3:])


def test_a_video_that_ends_early_is_an_error(video):
    with pytest.raises(ValueError, match=r"clip\.avi: has no frame 6 \(numbered from 0\)"):
        list(decode_frames(video, 2, 6))
    (video.parent / "noise.avi").write_bytes(b"RIFF nothing")
    with pytest.raises(ValueError, match="no frame can be read"):
        list(decode_frames(video.parent / "noise.avi"))
