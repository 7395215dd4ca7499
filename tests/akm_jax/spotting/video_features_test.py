import cv2
import numpy as np
import pytest

from akm_jax.spotting.features import feature_picture
from akm_jax.spotting.video_features import compute_features, require_length, video_features


def difference(one, other):
    """Something like flow that costs nothing."""
    change = (other.astype(np.float32) - one) / 64
    return np.stack([change, change[:, ::-1]], axis=-1)


@pytest.fixture
def counted():
    """The same, with the numbers of pairs it was asked for."""

    def flow(one, other):
        flow.asked.append(len(one))
        return difference(one, other)

    flow.asked = []
    return flow


def test_each_frame_with_the_one_k_later(make_video):
    video = make_video(num_frames=20)
    made = compute_features(video, 4, difference)
    assert made.shape == (16, 42, 42, 3)
    assert made.dtype == np.float32
    frames = video.crops.read(0, 20)
    for i in (0, 15):
        expected = feature_picture(difference(frames[i : i + 1], frames[i + 4 : i + 5])[0], video.landmarks)
        np.testing.assert_array_equal(made[i], expected.astype(np.float32))


def test_pieces_are_bounded_and_change_nothing(make_video, counted):
    video = make_video(num_frames=20)
    made = compute_features(video, 4, counted, pairs_at_once=5)
    assert counted.asked == [5, 5, 5, 1]
    np.testing.assert_array_equal(made, compute_features(video, 4, difference))


def test_with_the_flow_of_opencv(make_video):
    tvl1 = cv2.optflow.DualTVL1OpticalFlow_create(nscales=2, warps=1, outerIterations=1)
    video = make_video(num_frames=5)
    made = compute_features(
        video, 1, lambda a, b: np.stack([tvl1.calc(*pair, None) for pair in zip(a, b, strict=True)])
    )
    assert made.shape == (4, 42, 42, 3)
    assert np.isfinite(made).all()
    assert made[..., :2].min() >= 0


def test_computed_once(make_video, counted, tmp_path):
    video = make_video()
    first = video_features(video, 4, counted, flow_name="difference", folder=tmp_path)
    again = video_features(video, 4, counted, flow_name="difference", folder=tmp_path)
    assert counted.asked == [36]
    np.testing.assert_array_equal(first, again)
    assert again.dtype == np.float32


@pytest.mark.parametrize(
    "other",
    [
        {"k": 5},
        {"flow_name": "another"},
        {"video": {"checksum": 8}},
        {"video": {"video_id": "b"}},
        {"video": {"video_id": "a/"}},
    ],
)
def test_anything_else_is_computed_anew(make_video, counted, tmp_path, other):
    usual = {"k": 4, "flow": counted, "flow_name": "difference", "folder": tmp_path}
    video_features(make_video(), **usual)
    video_features(make_video(**other.pop("video", {})), **(usual | other))
    assert len(counted.asked) == 2


@pytest.mark.parametrize("damage", ["shorter", "empty", "flipped"])
def test_a_damaged_entry_is_made_anew(make_video, counted, tmp_path, damage):
    made = video_features(make_video(), 4, counted, flow_name="difference", folder=tmp_path)
    (path,) = (one for one in tmp_path.rglob("*") if one.is_file() and one.name != ".lock")
    whole = path.read_bytes()
    path.write_bytes({"shorter": whole[:-9], "empty": b"", "flipped": whole[:-9] + b"~" + whole[-8:]}[damage])
    np.testing.assert_array_equal(
        video_features(make_video(), 4, counted, flow_name="difference", folder=tmp_path), made
    )
    assert len(counted.asked) == 2
    assert path.read_bytes() == whole


def test_a_video_that_is_too_short_is_named(make_video):
    require_length(make_video(num_frames=13), 4)
    with pytest.raises(ValueError, match="video 'a' has 12 frames; .* half length 4 needs more than 12"):
        compute_features(make_video(num_frames=12), 4, difference)
    with pytest.raises(ValueError, match="half length of 0 frames"):
        require_length(make_video(), 0)


def test_what_is_wrong_is_said_with_video_and_frames(make_video):
    with pytest.raises(ValueError, match=r"video 'a', frames 0 to 4: optical flow of shape \(128, 128\)"):
        compute_features(make_video(), 4, lambda a, b: difference(a, b)[..., 0], pairs_at_once=5)
    with pytest.raises(ValueError, match="5 pairs of crops gave 4 flows"):
        compute_features(make_video(), 4, lambda a, b: difference(a, b)[:-1], pairs_at_once=5)
