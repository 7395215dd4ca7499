import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akm_jax.data.augment import crop, draw_frames, mirror_turn_darken, to_unit_range, turn


def draw(key, probability, ids):
    rng = np.random.default_rng(0)
    small = jnp.asarray(rng.integers(0, 256, (6, 16, 16)).astype(np.uint8))
    large = jnp.asarray(rng.integers(0, 256, (6, 18, 18)).astype(np.uint8))
    rows = jnp.array([0, 1, 2, 3, 4, 5])
    drawn = draw_frames(
        jax.random.key(key), small, large, rows, jnp.array(ids), num_clips=2, crop_probability=probability
    )
    return np.asarray(drawn[..., 0] * 255).round().astype(np.uint8), np.asarray(small), np.asarray(large)


def offsets_of(frame, large):
    size = frame.shape[0]
    return [(y, x) for y in range(3) for x in range(3) if (large[y : y + size, x : x + size] == frame).all()]


def test_without_crops_frames_are_those_of_the_set():
    drawn, small, _ = draw(0, 0.0, [0, 0, 0, 1, 1, 2])
    np.testing.assert_array_equal(drawn, small)


def test_all_frames_of_a_clip_share_one_crop_and_clips_differ():
    seen, differ = set(), 0
    for key in range(20):
        drawn, _, large = draw(key, 1.0, [0, 0, 0, 1, 1, 1])
        places = [offsets_of(*pair) for pair in zip(drawn, large, strict=True)]
        assert all(len(p) == 1 for p in places)
        assert len({p[0] for p in places[:3]}) == len({p[0] for p in places[3:]}) == 1
        seen.add(places[0][0])
        differ += places[0] != places[3]
    assert len(seen) > 4  # offsets 0..2 both ways, the last included
    assert any(2 in place for place in seen)
    assert differ > 5


def test_about_half_of_the_clips_are_cropped():
    cropped = 0
    for key in range(40):
        drawn, small, _ = draw(key, 0.5, [0, 0, 0, 1, 1, 1])
        cropped += (drawn[0] != small[0]).any() + (drawn[3] != small[3]).any()
        assert (drawn[0] != small[0]).any() == (drawn[2] != small[2]).any()
    assert 25 <= cropped <= 55  # 80 clips; 40 +- 3.4 deviations


def test_grey_levels_become_zero_to_one():
    np.testing.assert_allclose(to_unit_range(jnp.array([[[0, 255]]], jnp.uint8))[..., 0], [[[0, 1]]])


def pictures(count, size):
    """Every pixel another value."""
    return jnp.arange(count * size**2, dtype=jnp.float32).reshape(count, size, size, 1)


def test_without_randomness_the_middle_is_cut():
    given = pictures(2, 10)
    np.testing.assert_array_equal(crop(given, 6, None), given[:, 2:8, 2:8])


def test_every_picture_is_cut_at_a_place_of_its_own_and_all_places_come():
    given, places = pictures(200, 8), []
    for one, whole in zip(np.asarray(crop(given, 6, jax.random.key(0))), np.asarray(given), strict=True):
        y, x = np.argwhere(whole[..., 0] == one[0, 0, 0])[0]
        np.testing.assert_array_equal(one, whole[y : y + 6, x : x + 6])
        places.append((int(y), int(x)))
    assert set(places) == {(y, x) for y in range(3) for x in range(3)}


@pytest.mark.parametrize("degrees", [0, 1, 5])
def test_a_picture_is_turned_as_opencv_turns_it(degrees):
    y, x = np.mgrid[:64, :64]
    picture = (128 + 60 * np.sin(x / 7) + 60 * np.cos(y / 9)).astype(np.float32)
    matrix = cv2.getRotationMatrix2D((32, 32), degrees, 1)
    expected = cv2.warpAffine(picture, matrix, (64, 64))
    # OpenCV rounds places to 1/32 pixel: off by 1/64 each way of a step to the neighbour, 9 within, 248 at the rim.
    difference = np.abs(np.asarray(turn(jnp.asarray(picture), jnp.float32(degrees))) - expected)
    assert difference[6:-6, 6:-6].max() < 2 * 9 / 64
    assert difference.max() < 2 * 248 / 64


def test_half_of_the_pictures_are_mirrored_and_half_darkened_by_whole_levels():
    """A picture whose columns are 100 and 200: turned by at most five degrees, its sides keep theirs."""
    given = jnp.broadcast_to(jnp.where(jnp.arange(64) < 32, 100.0, 200.0)[:, None], (400, 64, 64, 1))
    drawn = np.asarray(mirror_turn_darken(jax.random.key(0), given))[..., 0]
    left, right = drawn[:, 32, 16], drawn[:, 32, 48]
    mirrored = left > 150
    assert 160 < mirrored.sum() < 240  # 200 +- 10
    darker = np.where(mirrored, right, left)
    assert set(np.round(100 - darker, 3)) == set(range(11))
    np.testing.assert_allclose(np.abs(right - left), 100, atol=1e-3)
    assert 140 < (darker < 99.5).sum() < 225  # 10 of 11 of 200


def test_pictures_are_turned_by_whole_degrees_up_to_five():
    white = jnp.full((200, 32, 32, 1), 255.0)
    turned = np.stack([turn(white[0, ..., 0], jnp.float32(degrees)) for degrees in range(6)])
    drawn = np.asarray(mirror_turn_darken(jax.random.key(1), white))[..., 0]
    levels = 255 - drawn[:, 16, 16]
    off = np.abs((drawn + levels[:, None, None])[:, None] - turned).max((2, 3))
    np.testing.assert_allclose(off.min(1), 0, atol=1e-3)
    counts = np.bincount(off.argmin(1), minlength=6)
    assert 90 < counts[0] < 145  # 7 of 12
    assert counts[1:].min() > 5  # 1 of 12 each
