"""Spotting in a recording: faces that come and go, spans too short, features streamed, intervals in its own frames."""

import dataclasses
import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from akm_jax.data.recording import open_recording
from akm_jax.observe import Stopwatch
from akm_jax.prepare.face import Box
from akm_jax.prepare.landmarks import LandmarkedFace
from akm_jax.prepare.mesh_landmarks import MeshLandmarks
from akm_jax.prepare.model_files import are_installed
from akm_jax.spotting import own_video
from akm_jax.spotting.own_video import CropFile, Recognition, find_face, keep_crops, spot_recording
from akm_jax.spotting.spotters import Spotter

FPS = 20
BOX = Box(30, 10, 100, 100)


@dataclasses.dataclass(frozen=True)
class BrightFaces:
    """Finds a face in a frame that is not dark, and a smaller one beside it where wanted."""

    points: np.ndarray
    count: int = 1
    name = "bright"

    def __call__(self, frame):
        if frame.mean() < 40:
            return []
        faces = [LandmarkedFace(BOX, self.points, 0.9), LandmarkedFace(Box(0, 0, 20, 20), self.points / 5, 0.8)]
        return faces[::-1][2 - self.count :]


def still_flow(first, second):
    """Flow whose strength is the change of brightness, down everywhere but at the nose."""
    change = (second.astype(np.float32).mean((1, 2)) - first.astype(np.float32).mean((1, 2))) / 10
    flow = np.zeros((*first.shape, 2), np.float32)
    flow[:, 80:, :, 1] = np.abs(change)[:, None, None]
    return flow


def moved(features):
    return features[..., 1].mean((1, 2))


@pytest.fixture
def source(landmarks):
    """Landmarks as they lie in the frame."""
    return BrightFaces(landmarks * 100 / 128 + (BOX.x, BOX.y))


@pytest.fixture
def record(tmp_path):
    """Records frames of the grey levels given."""

    def record(levels, name="own.avi"):
        path = tmp_path / name
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), FPS, (160, 120))
        for level in levels:
            writer.write(np.full((120, 160, 3), level, np.uint8))
        writer.release()
        return open_recording(path)

    return record


@pytest.fixture
def spotter():
    return Spotter(moved, "micro", "made up", "tvl1", 0.55, 0.2)  # 4 frames


@pytest.fixture
def watch(tmp_path, source, spotter):
    """Watches a recording."""

    def watch(recording, *, spotters=(spotter,), source=source, recognise=None):
        track = find_face(recording, source, Stopwatch())
        with CropFile(tmp_path) as crops:
            keep_crops(recording, track, crops, Stopwatch(), own_video.SILENT)
            return spot_recording(
                recording, track, crops, spotters, lambda _: still_flow, watch=Stopwatch(), recognise=recognise
            )

    return watch


def step(count, at):
    """Brighter from a frame on."""
    return np.where(np.arange(count) < at, 100, 140)


def test_what_moves_is_found_where_it_is(record, watch):
    found = watch(record(step(60, 30)))
    # Brightness changes from frame 29 to 30, so flow over 4 frames shows it in frames 26 to 29.
    (one,) = found.intervals
    assert (one.type, one.offset - one.onset) == ("micro", 8)
    assert one.onset <= 26
    assert one.offset >= 29
    assert (one.onset_s, one.offset_s) == pytest.approx((one.onset / FPS, one.offset / FPS))
    (curve,) = found.curves
    assert (curve.first, len(curve.values)) == (4, 60 - 12)
    assert curve.values[one.peak - curve.first] == pytest.approx(one.score)
    assert found.half_lengths == {"micro": 4}
    assert found.notes == ()


def test_pieces_change_nothing(record, watch, monkeypatch):
    recording = record(step(60, 30))
    whole = watch(recording)
    monkeypatch.setattr(own_video, "PAIRS_AT_ONCE", 7)
    np.testing.assert_array_equal(watch(recording).curves[0].values, whole.curves[0].values)


def test_a_face_that_is_lost_half_way_is_told_and_the_rest_is_watched(record, watch):
    levels = np.concatenate([step(40, 20), np.zeros(15), step(45, 25)])
    found = watch(record(levels))
    assert found.track.lost == ((40, 55),)
    assert [(span.start, span.stop) for span in found.track.spans] == [(0, 40), (55, 100)]
    assert "own.avi, 2.00 to 2.70 s (frames 40 to 54): no face; nothing is looked for there" in found.notes
    first, second = found.intervals
    assert first.onset <= 16
    assert first.offset >= 19
    assert second.onset <= 76
    assert second.offset >= 79
    assert [curve.first for curve in found.curves] == [4, 59]


def test_a_span_too_short_is_told_and_the_rest_is_watched(record, watch):
    found = watch(record(np.concatenate([step(40, 20), np.zeros(15), np.full(12, 100)])))
    assert len(found.curves) == 1
    (note,) = [note for note in found.notes if "too few" in note]
    assert "frames 55 to 66): 12 frames with a face are too few for micro-expressions of half length 4" in note
    assert "need more than 12" in note


def test_a_video_too_short_is_refused(record, watch):
    with pytest.raises(ValueError, match="12 frames with a face are too few .* record longer"):
        watch(record(np.full(12, 100)))


def test_a_type_that_fits_is_watched_beside_one_that_does_not(record, watch, spotter):
    macro = dataclasses.replace(spotter, type="macro", half_length_s=0.6)
    found = watch(record(step(30, 15)), spotters=(spotter, macro))
    assert {curve.type for curve in found.curves} == {"micro"}
    assert any("too few for macro-expressions of half length 12 (0.6 s at 20 frames/s)" in note for note in found.notes)


def test_of_two_faces_the_largest_is_taken_and_told(record, watch, source):
    found = watch(record(step(60, 30)), source=dataclasses.replace(source, count=2))
    assert found.track.spans[0].box == BOX
    assert "2 faces; the largest is taken, 100 x 100 pixels" in found.notes[0]


def test_no_face_is_refused(record, watch):
    with pytest.raises(ValueError, match="own.avi: no face with a certainty of 0.5"):
        watch(record(np.zeros(60)))


def test_landmarks_that_leave_no_picture_are_told(record, watch, source):
    wrong = dataclasses.replace(source, points=np.zeros((68, 2)))
    with pytest.raises(ValueError, match="left out, landmarks leave no picture"):
        watch(record(step(60, 30)), source=wrong)


def test_intervals_are_recognised_by_their_crops(record, watch):
    seen = []

    def recognise(crops, fps):
        seen.append(crops)
        assert fps == FPS
        return Recognition("joy", {"joy": 0.7, "fear": 0.3}, key_frames=(2, 3))

    (one,) = watch(record(step(60, 30)), recognise=recognise).intervals
    assert one.recognition.emotion == "joy"
    assert seen[0].shape == (9, 128, 128)
    assert seen[0][0].mean() < 105
    assert seen[0][-1].mean() > 135


def test_an_interval_that_cannot_be_named_is_kept_and_told(record, watch):
    def recognise(crops, fps):
        raise ValueError("9 frames are too few")

    found = watch(record(step(60, 30)), recognise=recognise)
    assert [one.recognition for one in found.intervals] == [None]
    assert found.notes[-1].endswith("not named, 9 frames are too few")


def test_the_face_of_an_astronaut_is_found_and_lost(tmp_path, spotter):
    found = importlib.util.find_spec("skimage")
    if found is None or not are_installed():
        pytest.skip("scikit-image's photograph or the models of faces are not installed")
    face = cv2.imread(str(Path(found.origin).parent / "data" / "astronaut.png"))[:300, 100:400]
    writer = cv2.VideoWriter(str(tmp_path / "face.avi"), cv2.VideoWriter_fourcc(*"MJPG"), FPS, (300, 300))
    for i in range(60):
        writer.write(face if i < 40 else np.full_like(face, 90))
    writer.release()
    track = find_face(open_recording(tmp_path / "face.avi"), MeshLandmarks(), Stopwatch())
    assert track.lost == ((40, 60),)
    x, y, width, height = track.spans[0].box
    assert x < 203 - 100 < 246 - 100 < x + width
    assert y < 101 < y + height
