"""Faces of whole videos: lost and found again to the frame, the largest of two, and refused where there is none."""

import numpy as np
import pytest

from akm_jax.prepare.face import Box
from akm_jax.prepare.face_track import FaceSpan, FaceTrack, TrackConfig, find_landmarks
from akm_jax.prepare.given_landmarks import GivenLandmarks
from akm_jax.prepare.landmarks import LandmarkedFace
from akm_jax.prepare.mesh_landmarks import MeshLandmarks

POINTS = np.linspace(10, 40, 136).reshape(68, 2)
HOME, AWAY, SMALL = Box(10, 10, 40, 40), Box(60, 10, 40, 40), Box(70, 60, 20, 20)


def frames_of(length):
    """Frames that only say their number, in their first two pixels."""
    frames = np.zeros((length, 100, 120), np.uint8)
    frames[:, 0, 0], frames[:, 0, 1] = np.divmod(np.arange(length), 256)
    return frames


class Scripted:
    """A source that is told by frame number which boxes, and how certain, to answer."""

    name = "scripted"

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def __call__(self, frame):
        number = 256 * int(frame[0, 0]) + int(frame[0, 1])
        self.asked.append(number)
        return [LandmarkedFace(box, POINTS + box.x, certainty) for box, certainty in self.answer(number)]


def track(answer, length=100, fps=10.0, **config):
    source = Scripted(answer)
    return find_landmarks(frames_of(length), source, fps=fps, video="v1", config=TrackConfig(**config)), source


def spans(found):
    return [(span.start, span.stop, span.box) for span in found.spans]


def test_a_face_that_stays_is_one_span_and_few_looks():
    found, source = track(lambda i: [(HOME, 0.9)], length=1001)
    assert spans(found) == [(0, 1001, HOME)]
    assert (found.lost, found.notes, found.source) == ((), (), "scripted")
    assert len(source.asked) < 110  # one a second


@pytest.mark.parametrize("gone", [(50, 70), (51, 53), (1, 99), (0, 37), (64, 100)])
def test_a_lost_face_is_lost_to_the_frame(gone):
    start, stop = gone
    found, _ = track(lambda i: [] if start <= i < stop else [(HOME, 0.9)], check_every_s=0.2)
    assert found.lost == (gone,)
    assert spans(found) == [(a, b, HOME) for a, b in ((0, start), (stop, 100)) if a < b]


def test_what_the_source_is_unsure_of_is_no_face():
    found, _ = track(lambda i: [(HOME, 0.4 if 30 <= i < 60 else 0.5)])
    assert found.lost == ((30, 60),)


def test_a_face_that_has_moved_away_begins_a_span():
    found, _ = track(lambda i: [(HOME if i < 43 else AWAY, 0.9)])
    assert spans(found) == [(0, 43, HOME), (43, 100, AWAY)]
    assert found.lost == ()
    np.testing.assert_array_equal(found.spans[1].points, POINTS + AWAY.x)
    assert found.longest == found.spans[1]


@pytest.mark.parametrize(("shift", "count"), [(6, 1), (8, 2)])
def test_a_face_may_move_by_a_sixth_of_its_width(shift, count):
    found, _ = track(lambda i: [(HOME if i < 50 else Box(10 + shift, 10, 40, 40), 0.9)])
    assert len(found.spans) == count


def test_of_two_faces_the_largest_is_taken_and_that_is_told():
    found, _ = track(lambda i: [(SMALL, 0.95), (HOME, 0.8)])
    assert spans(found) == [(0, 100, HOME)]
    assert found.notes == ("v1, frame 0: 2 faces; the largest is taken, 40 x 40 pixels at x 10, y 10",)


def test_a_second_face_that_comes_later_takes_nothing_over():
    large = Box(20, 40, 60, 60)
    found, _ = track(lambda i: [(HOME, 0.9), (large, 0.9)] if i > 20 else [(HOME, 0.9)])
    assert spans(found) == [(0, 100, HOME)]
    assert found.notes == ()


def test_no_face_is_an_error_with_frame_and_certainty():
    with pytest.raises(
        ValueError,
        match=r"v1: no face with a certainty of 0.5 in 11 frames looked at, 10 apart: the surest has 0.41, in frame 40",
    ):
        track(lambda i: [(HOME, 0.41)] if i == 40 else [])
    with pytest.raises(ValueError, match="there is nothing like one"):
        track(lambda i: [])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: find_landmarks([], Scripted(None), fps=30, video="v"), "v: expected at least 1 frame .* got 0 and 30"),
        (lambda: find_landmarks(frames_of(3), Scripted(None), fps=0, video="v"), "frame rate above 0, got 3 and 0"),
        (lambda: TrackConfig(check_every_s=0), "check_every_s must be above 0, got 0"),
        (lambda: TrackConfig(min_certainty=1.2), r"min_certainty must be in \[0, 1\]"),
        (lambda: TrackConfig(min_overlap=1), r"min_overlap in \(0, 1\)"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_given_landmarks_are_taken_as_they_are():
    given = GivenLandmarks(((0, HOME, POINTS), (40, Box(100.2, 10, 30, 40), POINTS + 1)), "table.csv")
    found = find_landmarks(frames_of(100), given, fps=30, video="v1")
    assert spans(found) == [(0, 40, HOME), (40, 100, Box(100, 10, 20, 40))]
    assert found.source == "table.csv"
    with pytest.raises(ValueError, match=r"v1, frame 0: a face box .* is not in the picture"):
        find_landmarks(frames_of(3), GivenLandmarks.whole(Box(500, 0, 9, 9), POINTS), fps=30, video="v1")


def test_a_span_crops_its_frames_and_landmarks():
    span = FaceSpan(0, 1, HOME, POINTS, 1.0)
    frame = np.random.default_rng(0).integers(0, 256, (100, 120), np.uint8)
    assert span.crop(frame).shape == (128, 128)
    np.testing.assert_allclose(span.landmarks[0], ((POINTS[0] - 10 + 0.5) * 128 / 40 - 0.5), atol=1e-3)
    assert span.landmarks.dtype == np.float32
    assert FaceTrack(5, "x", (span,)).lost == ((1, 5),)


def test_a_photographed_face_that_leaves_and_returns(astronaut):
    empty = np.full_like(astronaut, 120)
    video = [astronaut] * 7 + [empty] * 6 + [np.roll(astronaut, 120, axis=1)] * 7
    found = find_landmarks(video, MeshLandmarks(), fps=4, video="v", config=TrackConfig())
    assert [(span.start, span.stop) for span in found.spans] == [(0, 7), (13, 20)]
    assert found.lost == ((7, 13),)
    first, second = found.spans
    assert abs(second.box.x - first.box.x - 120) < 4
    assert np.abs(first.landmarks - second.landmarks).mean() < 3  # pixels of the crop
    assert np.abs(first.crop(astronaut).astype(int) - second.crop(video[-1])).mean() < 12
