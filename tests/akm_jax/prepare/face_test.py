"""Alignment: drawn faces, turned and scaled, land with their eyes on target; one transform for a whole clip."""

import math

import cv2
import numpy as np
import pytest

from akm_jax.prepare.face import AlignConfig, Box, Eyes, align_clip, box_transform, eyes_transform, find_eyes, move_eyes
from akm_jax.prepare.haar import HaarEyes, find_irises
from akm_jax.prepare.mesh_landmarks import MeshEyes
from datasets_tfds.synthetic import ClipSpec, draw_clip
from datasets_tfds.synthetic.clips import draw_face

CONFIG = AlignConfig(width=128, height=128)
SIZE = 160  # pixels of a face unit in the camera's picture
EMOTIONS = ("happiness", "surprise", "disgust")


def draw_camera_clip(seed, *, turn_deg=0.0, scale=1.0, num_frames=5):
    """A raw clip turned and scaled about its middle, and the true eyes of the head at rest.

    Head motion of up to 1 % of the face within a clip and lid motion are part of the error that is allowed.
    """
    emotion = EMOTIONS[seed % len(EMOTIONS)]
    options = {"min_frames": num_frames, "max_frames": num_frames, "fps": 30.0, "size": SIZE, "raw": True}
    spec = ClipSpec(11, seed, 0, emotion, 0.06, **options)
    frames, person = draw_clip(spec).frames, draw_face(11, seed, SIZE).identity
    height, width = frames.shape[1:]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, scale)
    matrix[:, 2] += 0.15 * width, 0.15 * height
    size = (round(1.3 * width), round(1.3 * height))
    frames = np.stack([cv2.warpAffine(f, matrix, size, borderMode=cv2.BORDER_REPLICATE) for f in frames])
    xs = (person.center_x - person.eye_x, person.center_x + person.eye_x)
    left, right = (((x + 0.4) * SIZE - 0.5, (person.eye_y + 0.22) * SIZE - 0.5) for x in xs)
    return frames, move_eyes(Eyes(left, right), matrix)


def eye_error(found, truth, config=CONFIG):
    """Distance of the worse eye from its target in the aligned picture, pixels."""
    landed = move_eyes(truth, eyes_transform(found, config.target))
    return max(math.dist(landed.left, config.target.left), math.dist(landed.right, config.target.right))


@pytest.fixture(scope="module")
def turned_clips():
    """20 people with heads turned and scaled, each with the true eyes."""
    rng = np.random.default_rng(0)
    return [
        draw_camera_clip(seed, turn_deg=rng.uniform(-15, 15), scale=1.3 ** rng.uniform(-1, 1)) for seed in range(20)
    ]


def test_eyes_land_on_target_whatever_turn_and_scale(turned_clips):
    errors = []
    for seed, (frames, truth) in enumerate(turned_clips):
        names = [f"clip {seed}, frame {i}" for i in range(len(frames))]
        errors.append(eye_error(find_eyes(frames, HaarEyes(), config=CONFIG, names=names), truth))
    assert np.mean(np.array(errors) < 3) >= 0.95, np.sort(errors)[-5:]


def test_eyes_of_drawn_faces_by_the_mesh(turned_clips):
    """Midway between the corners, 0.03 eye distances above the drawn irises, and there in all clips alike."""
    places = []
    for frames, truth in turned_clips:
        found = find_eyes(frames, MeshEyes(), config=CONFIG, names=range(len(frames)))
        assert found.certainty > 0.6
        landed = move_eyes(truth, eyes_transform(found, CONFIG.target))
        places.append((*landed.left, *landed.right))
    offset = np.array(places) - np.ravel(CONFIG.target[:2])
    assert np.abs(offset.mean(axis=0)).max() < 2.5  # pixels of 128
    assert offset.std(axis=0).max() < 1.8


@pytest.mark.parametrize(("turn_deg", "scale"), [(0, 1), (15, 1.3), (-15, 0.77)])
def test_aligned_picture_shows_the_eyes_where_the_config_says(turn_deg, scale):
    frames, _ = draw_camera_clip(3, turn_deg=turn_deg, scale=scale)
    config = AlignConfig(width=120, height=150, eye_x=0.28, eye_y=0.4)
    aligned = align_clip(frames, HaarEyes(), config=config)
    assert aligned.shape == (len(frames), 150, 120)
    again = find_irises(aligned[0], config.target)
    assert max(math.dist(again.left, config.target.left), math.dist(again.right, config.target.right)) < 1.5


def test_all_frames_go_through_one_transform():
    """A still clip stays still, and each frame is what it would be with the eyes of the first one given."""
    frames, _ = draw_camera_clip(5, turn_deg=8)
    aligned = align_clip(np.repeat(frames[:1], 4, axis=0), HaarEyes(), config=CONFIG)
    np.testing.assert_array_equal(aligned, np.repeat(aligned[:1], 4, axis=0))
    eyes = find_eyes(frames, HaarEyes(), names=range(len(frames)))
    given = align_clip(frames, HaarEyes(), config=CONFIG, face=eyes)
    np.testing.assert_array_equal(align_clip(frames, HaarEyes(), config=CONFIG), given)


def test_colour_is_kept():
    frames, _ = draw_camera_clip(2, num_frames=3)
    colour = np.stack([frames // 2, frames, 255 - frames], axis=-1)
    eyes = find_eyes(frames, HaarEyes(), names=range(3))
    aligned = align_clip(colour, HaarEyes(), config=CONFIG, face=eyes)
    assert aligned.shape == (3, 128, 128, 3)
    np.testing.assert_array_equal(aligned[..., 1], align_clip(frames, HaarEyes(), config=CONFIG, face=eyes))


def test_shrinking_averages_instead_of_aliasing():
    stripes = np.tile(np.array([[0, 255]], np.uint8), (240, 120))
    small = align_clip([stripes], HaarEyes(), config=AlignConfig(60, 60), face=Box(0, 0, 240, 240))[0]
    assert np.abs(small[2:-2, 2:-2].astype(int) - 127).max() <= 3


class FixedEyes:
    """A detector that is told what to answer, in turn."""

    def __init__(self, *answers):
        self.answers, self.calls = answers, 0

    def __call__(self, image):
        assert image.ndim == 2
        self.calls += 1
        return self.answers[self.calls - 1]


SURE, UNSURE = Eyes((4.0, 5.0), (10.0, 5.0), 0.5), Eyes((3.0, 5.0), (9.0, 5.0), 0.2)
NOISE = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)


@pytest.mark.parametrize(
    ("answers", "expected", "calls"),
    [
        ((SURE,), SURE, 1),
        ((None, UNSURE, SURE), SURE, 3),
    ],
)
def test_first_usable_frame_counts(answers, expected, calls):
    detector = FixedEyes(*answers)
    assert find_eyes(NOISE, detector, names=range(4)) == expected
    assert detector.calls == calls


def test_an_uncertain_face_is_refused_with_frame_and_certainty():
    surer = Eyes((3.0, 5.0), (9.0, 5.0), 0.3)
    message = r"b: the surest face of 4 frames looked at has a certainty of 0\.30, less than 0\.5; give the clip's eyes"
    with pytest.raises(ValueError, match=message):
        align_clip(NOISE, FixedEyes(UNSURE, surer, None, UNSURE), names="abcd")
    aligned = align_clip(NOISE, FixedEyes(UNSURE), config=AlignConfig(16, 16, min_certainty=0.2))
    assert aligned.shape == (4, 16, 16, 3)


def test_no_face_is_an_error_with_the_frame():
    with pytest.raises(
        ValueError, match=r"sub01/img46\.jpg: no face with two eyes found, nor in 3 more frames up to sub01/img49\.jpg"
    ):
        align_clip(NOISE, HaarEyes(), names=[f"sub01/img{n}.jpg" for n in range(46, 50)])


def test_closed_eyes_are_less_certain_than_open_ones():
    spec = ClipSpec(5, 5, 0, "happiness", min_frames=3, max_frames=3, size=SIZE, raw=True)  # this one blinks
    blinking, (awake, truth) = draw_clip(spec).frames[1], draw_camera_clip(0)
    person = draw_face(5, 5, SIZE).identity
    xs = (person.center_x - person.eye_x, person.center_x + person.eye_x)
    left, right = (((x + 0.4) * SIZE, (person.eye_y + 0.22) * SIZE) for x in xs)
    assert find_irises(blinking, Eyes(left, right)).certainty < CONFIG.min_certainty
    assert find_irises(awake[0], truth).certainty > CONFIG.min_certainty


def test_box_is_shown_whole_and_upright():
    config, box = AlignConfig(100, 140), Box(20.0, 30.0, 50.0, 50.0)
    matrix = box_transform(box, config)
    corners = move_eyes(Eyes((19.5, 29.5), (69.5, 79.5)), matrix)  # the outer edges of the box
    np.testing.assert_allclose(corners.left, (-0.5, 19.5))
    np.testing.assert_allclose(corners.right, (99.5, 119.5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: align_clip([], HaarEyes()), "empty clip"),
        (
            lambda: align_clip([NOISE[0], NOISE[1, :9]], HaarEyes(), names=["a.jpg", "b.jpg"]),
            "b.jpg has shape .9, 16, 3.,",
        ),
        (lambda: align_clip([NOISE[0, ..., :2]], HaarEyes()), r"frame 0 \(0-based\): a frame must be uint8"),
        (lambda: align_clip([NOISE[0].astype(float)], HaarEyes(), names=["a.jpg"]), "a.jpg: a frame must be uint8"),
        (lambda: align_clip(NOISE, HaarEyes(), names=["a"]), "names must have one entry a frame, got 1 for 4 frames"),
        (lambda: align_clip(NOISE, HaarEyes(), face=Eyes((3, 3), (3, 3))), "at least 1 pixel apart"),
        (lambda: AlignConfig(width=4), "at least 8 x 8 pixels, got 4 x 256"),
        (lambda: AlignConfig(eye_x=0.5), r"eye_x must be in \[0, 0.5\)"),
        (lambda: AlignConfig(eye_y=1.2), r"eye_y in \[0, 1\], got 0.3 and 1.2"),
        (lambda: AlignConfig(min_certainty=1.5), r"min_certainty must be in \[0, 1\], got 1.5"),
        (lambda: AlignConfig(max_tries=0), "max_tries must be at least 1, got 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_opencv_without_cascades_is_named(monkeypatch):
    from akm_jax.prepare import haar

    monkeypatch.delattr(cv2, "data")
    with pytest.raises(FileNotFoundError, match="install opencv-contrib-python-headless>=4.10,<5"):
        haar._load_cascade("haarcascade_eye.xml")
