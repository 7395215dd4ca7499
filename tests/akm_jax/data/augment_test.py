import jax
import jax.numpy as jnp
import numpy as np

from akm_jax.data.augment import draw_frames, to_unit_range


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
