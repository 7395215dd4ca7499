"""The page and the annotated video of a watched recording, as Chromium shows them."""

import dataclasses
import errno
import sys

import av
import cv2
import numpy as np
import pytest

from akm_jax import watch
from akm_jax.data.containers import find_break, find_codec
from akm_jax.data.recording import open_recording
from akm_jax.observe import SILENT, Stopwatch
from akm_jax.prepare.face import Box
from akm_jax.prepare.face_track import FaceSpan, FaceTrack
from akm_jax.report.annotated_video import ENCODERS, encoder_notes, label, write_annotated
from akm_jax.report.own_video_page import write_own_video_page
from akm_jax.spotting.own_video import CropFile, FoundInterval, Recognition, SpanCurve, Watched, keep_crops

FRAMES, FPS = 50, 20
ABOUT = {
    "spotters": ["runs/spot/folds/micro/weights/1.npz"],
    "recogniser": "runs/smic",
    "flow": ["dis"],
    "seconds": {"flow": 1.0},
    "frames_per_second": 61.0,
}
JOY = Recognition("joy", {"joy": 0.7, "fear & <awe>": 0.3}, key_frames=(1, 3))


def record(path, fps=FPS, count=FRAMES, times=None):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, (160, 120))
    for i in range(count):
        writer.write(np.full((120, 160, 3), 50 + 2 * (i % 50), np.uint8))
    writer.release()
    return open_recording(path, times=times)


def make_watched(recording):
    """A face for all frames but the last ten, and one interval of each type."""
    span = FaceSpan(0, recording.num_frames - 10, Box(30, 10, 80, 80), np.zeros((68, 2)), 0.9)
    found = [
        FoundInterval("micro", 8, 16, 0.4, 0.8, 0.9, JOY),
        FoundInterval("macro", 10, 34, 0.5, 1.7, 0.5, JOY),
    ]
    curves = [SpanCurve(kind, k, np.sin(np.arange(40 - 3 * k) / 3), 0.4) for kind, k in (("micro", 4), ("macro", 12))]
    track = FaceTrack(recording.num_frames, "drawn", (span,))
    notes = ("own <video>: no face",)
    return Watched(recording, track, {"micro": 4, "macro": 12}, tuple(curves), tuple(found), notes)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A folder with page and video."""
    folder = tmp_path_factory.mktemp("watched")
    watched = make_watched(record(folder / "own.avi"))
    with CropFile(folder) as crops:
        keep_crops(watched.recording, watched.track, crops, Stopwatch(), SILENT)
        video = write_annotated(folder, watched, Stopwatch())
        return write_own_video_page(folder, watched, crops, ABOUT, video)


@pytest.mark.parametrize("width", [1280, 400])
def test_page_shows_curves_intervals_and_a_video_that_plays(browser, page, width):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    browser.get_log("browser")
    browser.get(page.as_uri())
    assert played_through(browser) == [None, 320, 240 + 64, pytest.approx(FRAMES / FPS, abs=0.1)]
    rows = "return [...document.querySelectorAll('#intervals tbody tr')].map(r => [...r.cells].map(c => c.innerText))"
    assert browser.execute_script(rows) == [
        ["micro", "0.40", "0.80", "8\u201316", "0.900", "joy"],
        ["macro", "0.50", "1.70", "10\u201334", "0.500", "joy"],
    ]
    shown = browser.execute_script("return document.body.innerText")
    assert "own <video>: no face" in shown
    assert "fear & <awe> 0.300" in shown
    assert "key frames 9, 11" in shown
    images = browser.execute_script("return [...document.images].map(i => i.naturalWidth)")
    assert images == [128] * 6
    figures = "return [...document.querySelectorAll('figure > svg')].map(s => s.getAttribute('aria-label'))"
    assert [text[:22] for text in browser.execute_script(figures)] == [
        "Averaged scores of mic",
        "Averaged scores of mac",
    ]
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(wide) == 0
    assert browser.get_log("browser") == []


def played_through(browser):
    """Plays the last half second; its error, size and duration."""
    browser.set_script_timeout(30)
    return browser.execute_async_script("""
        const done = arguments[0], video = document.querySelector("video");
        const error = () => video.error && video.error.message;
        const tell = () => done([error(), video.videoWidth, video.videoHeight, video.duration]);
        video.addEventListener("ended", tell);
        video.addEventListener("error", tell, true);  // that of the source inside
        if (video.networkState === video.NETWORK_NO_SOURCE) tell();
        video.currentTime = 2;
        video.play();
    """)


def decoded(path):
    video = cv2.VideoCapture(str(path))
    fps, frames = video.get(cv2.CAP_PROP_FPS), []
    while (read := video.read())[0]:
        frames.append(read[1])
    return fps, frames


def test_label_and_box_last_as_long_as_the_interval(page):
    fps, frames = decoded(page.parent / "annotated.mp4")
    assert (fps, len(frames)) == (pytest.approx(FPS, rel=0.01), FRAMES)
    # The label's corner is blue of micro, brown of macro (blue, green, red), else the grey of the frame.
    corner = np.array([frame[2:5, 2:5].mean((0, 1)) for frame in frames])
    blue = corner[:, 0] - corner[:, 2]
    assert (blue[8:17] > 60).all()
    assert (blue[17:35] < -60).all()
    assert (np.abs(blue[[*range(8), *range(35, 50)]]) < 15).all()
    # The box's upper edge, at row 20 of the enlarged picture: there while the face is.
    edge = np.array([frame[20, 70:150].mean() - frame[30, 70:150].mean() for frame in frames])
    assert (edge[35:40] > 15).all()
    assert (np.abs(edge[41:]) < 5).all()


def test_fast_and_uneven_recordings_play_at_their_own_speed(tmp_path):
    fast = record(tmp_path / "fast.avi", fps=200, count=100)
    fps, frames = decoded(write_annotated(tmp_path, make_watched(fast), Stopwatch()))
    assert (fps, len(frames)) == (pytest.approx(30, rel=0.01), 15)
    times = np.arange(FRAMES) / FPS + np.where(np.arange(FRAMES) >= 25, 1.0, 0.0)
    halting = record(tmp_path / "halting.avi", times=times)
    fps, frames = decoded(write_annotated(tmp_path, make_watched(halting), Stopwatch()))
    assert len(frames) / fps == pytest.approx(halting.duration_s, abs=0.1)


def test_a_label_without_a_recogniser_is_the_type():
    one = FoundInterval("micro", 8, 16, 0.4, 0.8, 0.9)
    assert label(one) == "micro"
    assert one.peak == 12


def test_a_class_that_opencv_has_no_letters_for_is_called_by_its_number():
    scores = {"joy": 0.3, "惊讶": 0.7}
    surprise, by_votes = Recognition("惊讶", scores), Recognition("惊讶", votes=scores)
    assert label(FoundInterval("micro", 8, 16, 0.4, 0.8, 0.9, surprise)) == "micro class 1 70%"
    assert label(FoundInterval("micro", 8, 16, 0.4, 0.8, 0.9, by_votes)) == "micro class 1"
    assert label(FoundInterval("micro", 8, 16, 0.4, 0.8, 0.9, JOY)) == "micro joy 70%"


def test_votes_and_an_interval_without_a_name_are_shown_and_written(tmp_path):
    watched = make_watched(record(tmp_path / "own.avi"))
    by_votes = Recognition("joy", votes={"joy": 2.0, "fear": 1.0})
    intervals = [dataclasses.replace(watched.intervals[0], recognition=said) for said in (by_votes, None)]
    watched = dataclasses.replace(watched, intervals=tuple(intervals))
    with CropFile(tmp_path) as crops:
        keep_crops(watched.recording, watched.track, crops, Stopwatch(), SILENT)
        html = write_own_video_page(tmp_path, watched, crops, ABOUT, None).read_text(encoding="utf-8")
    assert "joy 2," in html
    assert "fear 1 votes" in html
    assert "key frames" not in html
    table = watch._table(watched)
    assert table["emotion"].tolist() == ["joy", ""]
    assert "probability" not in table
    found = watch._describe(watched)
    assert [one.get("votes") for one in found["intervals"]] == [{"joy": 2.0, "fear": 1.0}, None]
    assert [line.split("  ")[-1] for line in watch.describe_result(found)] == ["joy", "0.900"]


def test_the_file_is_what_common_players_take(page):
    path = page.parent / "annotated.mp4"
    assert (find_codec(path), find_break(path)) == ("H.264", "")
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # a player need not have all of it to begin
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.pix_fmt, stream.average_rate) == ("yuv420p", FPS)
    assert not list(page.parent.glob(".partial*"))


def test_without_x264_it_is_vp9_and_a_note_says_so(tmp_path, monkeypatch):
    other = {name: options for name, options in ENCODERS.items() if name != "libx264"}
    monkeypatch.setattr("akm_jax.report.annotated_video.ENCODERS", {"x264 of another build": {}} | other)
    assert [note[:23] for note in encoder_notes()] == ["annotated.mp4 is VP9, a"]
    watched = make_watched(record(tmp_path / "own.avi"))
    path = write_annotated(tmp_path, watched, Stopwatch())
    assert find_codec(path) == "VP9"
    assert len(decoded(path)[1]) == FRAMES


def test_a_pyav_without_any_encoder_is_named(monkeypatch):
    monkeypatch.setattr("akm_jax.report.annotated_video.ENCODERS", {"x264 of another build": {}})
    with pytest.raises(ValueError, match=r"PyAV .* has none of the encoders x264 of another build: .* --no-annotate"):
        encoder_notes()


def test_without_pyav_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ModuleNotFoundError, match=r"PyAV, .* is not installed: pip install av; .* --no-annotate"):
        encoder_notes()


def test_a_video_without_room_leaves_nothing_under_its_name(tmp_path, monkeypatch):
    watched = make_watched(record(tmp_path / "own.avi"))

    def no_room(*_, **__):
        raise av.error.OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as changed:
        changed.setattr(av.VideoFrame, "from_ndarray", no_room)
        with pytest.raises(OSError, match=r"annotated.mp4: .* cannot be written \(.*No space left.*--no-annotate"):
            write_annotated(tmp_path, watched, Stopwatch())
    assert [path.name for path in tmp_path.iterdir()] == ["own.avi"]
