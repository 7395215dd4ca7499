"""Drawn clips: same order same bytes, strength moves skin and nothing else, and the truth is what flow measures."""

import dataclasses

import cv2
import numpy as np
import pytest

from datasets_tfds.synthetic import ClipSpec, draw_clip
from datasets_tfds.synthetic.clips import draw_face, draw_timing, locate_landmarks
from datasets_tfds.synthetic.expressions import ACTION_UNITS, EMOTIONS, compose, draw_expression, profile
from datasets_tfds.synthetic.painting import LEFT, TOP
from datasets_tfds.synthetic.rendering import View, displacement, render_frame
from datasets_tfds.synthetic.shapes import blob

SPEC = ClipSpec(seed=3, subject=1, index=2, emotion="surprise", max_frames=20)


def test_same_spec_gives_same_bytes():
    first, again = draw_clip(SPEC), draw_clip(SPEC)
    np.testing.assert_array_equal(first.frames, again.frames)
    assert first.frames.dtype == np.uint8
    assert first.frames.shape[1:] == (128, 128)
    assert first.expression == again.expression


@pytest.mark.parametrize("change", [{"seed": 4}, {"subject": 2}, {"index": 3}])
def test_seed_subject_and_index_change_the_clip(change):
    other = draw_clip(dataclasses.replace(SPEC, **change))
    first = draw_clip(SPEC)
    assert first.frames.shape != other.frames.shape or np.any(first.frames != other.frames)


def test_strength_changes_nothing_but_the_expression():
    moved, still = draw_clip(SPEC), draw_clip(dataclasses.replace(SPEC, strength=0.0))
    assert (moved.onset, moved.apex, moved.offset) == (still.onset, still.apex, still.offset)
    assert moved.expression == still.expression
    assert still.peak_displacement_px == 0
    np.testing.assert_array_equal(moved.frames[[0, -1]], still.frames[[0, -1]])  # at rest: same noise, pose and light
    assert np.any(moved.frames[moved.apex] != still.frames[still.apex])


def test_at_strength_zero_the_emotion_leaves_no_trace():
    clips = [draw_clip(dataclasses.replace(SPEC, strength=0.0, emotion=emotion)) for emotion in EMOTIONS]
    for clip in clips[1:]:
        np.testing.assert_array_equal(clip.frames, clips[0].frames)


def test_peak_has_one_distribution_for_all_emotions():
    for seed in range(5):
        peaks = {draw_expression(np.random.default_rng(seed), emotion).peak for emotion in EMOTIONS}
        assert len(peaks) == 1
        assert 3.5 / 128 <= peaks.pop() <= 7.5 / 128


@pytest.mark.parametrize("emotion", sorted(EMOTIONS))
def test_painted_dots_move_by_the_true_displacement(emotion):
    face, view = draw_face(0, 0, 128), View.cropped(128)
    motion = compose(draw_expression(np.random.default_rng(1), emotion), face.identity, view.x, view.y, strength=1.0)
    motion = dataclasses.replace(motion, wrinkles=np.zeros_like(motion.wrinkles))  # folds are light, not motion
    dx, dy, gap = displacement(motion, 1.0, face.identity, view)
    length = np.hypot(dx, dy) * _is_plain_skin(view, gap, face.identity)
    places = np.argsort(length, axis=None)[-1200::150]  # from well moved skin up to the best moved
    for row, column in zip(*np.unravel_index(places, length.shape), strict=True):
        rest_x, rest_y = view.x[row, column] - dx[row, column], view.y[row, column] - dy[row, column]
        dotted = dataclasses.replace(face, texture=_dot(face, rest_x, rest_y))
        # A dot of 1 pixel where the motion's gradient is up to 0.6: its centroid is good to a fifth of a pixel.
        rest, moved = np.array([rest_x, rest_y]), np.array([view.x[row, column], view.y[row, column]])
        assert _miss(render_frame(dotted, motion, 0.0, view), view, rest) < 0.05
        assert _miss(render_frame(dotted, motion, 1.0, view), view, moved) < 0.2


def _miss(picture, view, expected):
    """Distance in pixels between the centroid of a dot and where it should be; sees 6 pixels around only."""
    weight = np.where(np.hypot(view.x - expected[0], view.y - expected[1]) < 6 / 128, picture, 0)
    centroid = np.array([(weight * view.x).sum(), (weight * view.y).sum()]) / weight.sum()
    return 128 * np.hypot(*(centroid - expected))


def _is_plain_skin(view, gap, identity):
    """1 away from the eyes (lids slide over the ball), the lips' gap and the picture's border."""
    eyes = (np.abs(np.abs(view.x - identity.center_x) - identity.eye_x) < 0.16) & (
        np.abs(view.y - identity.eye_y) < 0.11
    )
    lips = cv2.dilate((gap > 0).astype(np.uint8), np.ones((13, 13))) > 0
    inner = (np.abs(view.x - 0.5) < 0.44) & (np.abs(view.y - 0.5) < 0.44)
    return inner & ~eyes & ~lips


def _dot(face, x, y):
    rows, columns = np.indices(face.texture.shape, dtype=np.float32)
    at_x, at_y = (columns + 0.5) / face.pixels_per_unit + LEFT, (rows + 0.5) / face.pixels_per_unit + TOP
    return blob(at_x, at_y, (x, y), (1 / 128, 1 / 128)).astype(np.float32)


@pytest.mark.parametrize("emotion", ["happiness", "sadness", "surprise"])
def test_flow_in_the_written_pixels_follows_the_true_displacement(emotion):
    spec = dataclasses.replace(SPEC, emotion=emotion, index=0)
    face, view = draw_face(spec.seed, spec.subject, spec.size), View.cropped(spec.size)
    moved, still = draw_clip(spec), draw_clip(dataclasses.replace(spec, strength=0.0))
    frames = moved.frames[moved.apex], still.frames[still.apex]  # the same head pose, light and noise
    flow = 0.0 - cv2.calcOpticalFlowFarneback(*frames, None, 0.5, 3, 11, 10, 5, 1.1, 0)
    motion = compose(moved.expression, face.identity, view.x, view.y, strength=1.0)
    dx, dy, gap = displacement(motion, 1.0, face.identity, view)
    truth = 128 * np.dstack([dx, dy])
    length = np.linalg.norm(truth, axis=-1) * _is_plain_skin(view, gap, face.identity)
    well_moved = length > 0.6 * moved.peak_displacement_px
    assert well_moved.sum() > 50
    along = (flow * truth).sum(axis=-1)[well_moved] / length[well_moved]
    # Farneback's window of 11 pixels is as wide as the moving patch, so it blurs the peak by up to a quarter.
    assert 0.75 < np.median(along / length[well_moved]) < 1.25


@pytest.mark.parametrize("strength", [0.06, 0.5, 1.0])
def test_peak_is_the_drawn_amplitude(strength):
    for emotion in ("happiness", "disgust", "surprise"):
        clip = draw_clip(dataclasses.replace(SPEC, emotion=emotion, strength=strength, max_frames=11))
        # The lips' gap is cut at whole pixels, so the extreme point of a lip may be missed by a fraction of one.
        assert clip.peak_displacement_px == pytest.approx(128 * strength * clip.expression.peak, rel=0.05)


def test_peak_grows_with_the_picture():
    small, large = (draw_clip(dataclasses.replace(SPEC, size=size, max_frames=11)) for size in (64, 128))
    assert small.frames.shape[1:] == (64, 64)
    assert large.peak_displacement_px == pytest.approx(2 * small.peak_displacement_px, rel=0.1)


def test_raw_view_shows_the_same_face_smaller_in_the_scene():
    raw = draw_clip(dataclasses.replace(SPEC, raw=True, max_frames=11)).frames
    cropped = draw_clip(dataclasses.replace(SPEC, max_frames=11)).frames
    assert raw.shape[1:] == (173, 230)
    left, top = round(0.4 * 128), round(0.22 * 128)
    inside = raw[0, top : top + 128, left : left + 128].astype(float)
    assert np.corrcoef(inside.ravel(), cropped[0].astype(float).ravel())[0, 1] > 0.98


@pytest.mark.parametrize("raw", [False, True])
def test_landmarks_lie_on_the_first_frame_as_it_is_drawn(raw):
    """Irises are darker than the skin below; of both views the points are the same but for the corner."""
    for subject in range(3):
        spec = ClipSpec(3, subject, 1, "happiness", size=96, raw=raw)
        frame, points = draw_clip(spec).frames[0], locate_landmarks(spec)
        for eye, corner in ((slice(36, 42), 48), (slice(42, 48), 54)):
            middle = points[eye].mean(0)
            iris, cheek = (np.rint(place).astype(int) for place in (middle, (middle + points[corner]) / 2))
            assert int(frame[iris[1], iris[0]]) < int(frame[cheek[1], cheek[0]]) - 40
        other = locate_landmarks(dataclasses.replace(spec, raw=not raw))
        np.testing.assert_allclose(np.ptp(points - other, axis=0), 0, atol=1e-4)


def test_profile_rises_to_the_apex_and_falls_to_the_offset():
    shares = profile(20, 7)
    assert (shares[0], shares[7], shares[-1]) == (0, 1, 0)
    assert np.all(np.diff(shares[:8]) > 0)
    assert np.all(np.diff(shares[7:]) < 0)


def test_lengths_are_those_of_the_set():
    lengths = [draw_timing(dataclasses.replace(SPEC, index=index, max_frames=58))[0] for index in range(400)]
    assert 11 <= min(lengths) <= 14
    assert 54 <= max(lengths) <= 58
    assert np.mean(lengths) == pytest.approx(33.6, abs=1.5)  # published mean; 400 draws of deviation 10


def test_shortest_clip_has_onset_apex_and_offset():
    clip = draw_clip(dataclasses.replace(SPEC, min_frames=3, max_frames=3))
    assert (clip.onset, clip.apex, clip.offset) == (0, 1, 2)


def test_emotions_use_known_action_units():
    assert {unit for options in EMOTIONS.values() for units in options for unit in units} <= set(ACTION_UNITS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strength": -0.1}, "strength must be"),
        ({"strength": float("nan")}, "strength must be"),
        ({"min_frames": 2}, "at least 3 frames"),
        ({"min_frames": 30, "max_frames": 20}, "min_frames <= max_frames"),
    ],
)
def test_bad_spec(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SPEC, **change)


def test_unknown_emotion():
    with pytest.raises(ValueError, match="unknown emotion 'joy'"):
        draw_clip(dataclasses.replace(SPEC, emotion="joy"))
