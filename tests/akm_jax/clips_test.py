import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akm_jax.clips import PackedClips, frame_positions, from_padded, pack, pad, unpack


def make_clips(lengths=(3, 1, 4), size=5, **options):
    rng = np.random.default_rng(0)
    frames = [rng.uniform(0, 1, (n, size, size)).astype(np.float32) for n in lengths]
    return frames, pack(frames, range(len(lengths)), **options)


def test_unpack_inverts_pack():
    frames, clips = make_clips(num_frames=12, num_clips=5)
    assert clips.frames.shape == (12, 5, 5, 1)
    for ours, expected in zip(unpack(clips.frames[..., 0], clips), frames, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_uint8_frames_are_divided_by_255():
    clips = pack([np.full((2, 3, 3), 51, np.uint8)])
    np.testing.assert_allclose(clips.frames, 0.2, rtol=1e-6)


def test_padded_form_holds_the_same_clips():
    frames, clips = make_clips(num_frames=10, num_clips=4)
    padded, mask = pad(clips.frames, clips)
    assert padded.shape == (4, 4, 5, 5, 1)
    np.testing.assert_array_equal(mask.sum(1), [3, 1, 4, 0])
    again = from_padded(padded, mask, clips.labels)
    np.testing.assert_array_equal(again.clip_mask, clips.clip_mask)
    for ours, expected in zip(unpack(again.frames[..., 0], again), frames, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_pad_moves_kept_frames_to_the_front_in_time_order():
    _, clips = make_clips((4, 2), num_frames=8)
    keep = jnp.array([False, True, False, True, True, False, True, True])
    values = jnp.arange(8.0)
    padded, mask = pad(values, clips, keep)
    np.testing.assert_array_equal(padded, [[1, 3, 0, 0], [4, 0, 0, 0]])
    np.testing.assert_array_equal(mask, [[True, True, False, False], [True, False, False, False]])
    np.testing.assert_array_equal(frame_positions(clips, keep), [4, 0, 4, 1, 0, 4, 4, 4])


def test_reductions_are_those_of_each_clip():
    _, clips = make_clips(num_frames=11, num_clips=4)
    values = jax.random.normal(jax.random.key(0), (11, 3))
    values = values.at[8:].set(1e30)  # padding must not count
    parts = [np.asarray(values[:3]), np.asarray(values[3:4]), np.asarray(values[4:8])]
    for i, part in enumerate(parts):
        np.testing.assert_allclose(clips.sum(values)[i], part.sum(0), rtol=1e-6)
        np.testing.assert_allclose(clips.mean(values)[i], part.mean(0), rtol=1e-6)
        np.testing.assert_allclose(clips.max(values[:, 0])[i], part[:, 0].max())
    np.testing.assert_array_equal(clips.sum(values)[3], 0)
    np.testing.assert_array_equal(clips.count(), [3, 1, 4, 1])


def test_mean_of_one_frame_is_that_frame_exactly():
    _, clips = make_clips((1, 5))
    values = jax.random.normal(jax.random.key(1), (6,))
    assert clips.mean(values)[0] == values[0]


def test_spread_gives_padding_frames_zero():
    _, clips = make_clips((2, 1), num_frames=5)
    np.testing.assert_array_equal(clips.spread(jnp.array([7.0, 8.0])), [7, 7, 8, 0, 0])


@pytest.mark.parametrize(
    ("clips", "options", "message"),
    [
        ([], {}, "at least one clip"),
        ([np.zeros((0, 4, 4))], {}, "clip 0 has shape"),
        ([np.zeros((2, 4, 4)), np.zeros((2, 4, 5))], {}, "clip 1 has shape"),
        ([np.zeros((2, 4, 4))], {"labels": [0, 1]}, "1 clips but 2 labels"),
        ([np.zeros((2, 4, 4))], {"num_frames": 1}, "do not fit"),
        ([np.zeros((2, 4, 4))], {"max_frames": 1}, "do not fit"),
        ([np.zeros((2, 4, 4))] * 2, {"num_clips": 1}, "do not fit"),
    ],
)
def test_pack_refuses_what_it_cannot_hold(clips, options, message):
    with pytest.raises(ValueError, match=message):
        pack(clips, **options)


def test_from_padded_refuses_shapes_that_do_not_belong_together():
    with pytest.raises(ValueError, match="expected frames"):
        from_padded(jnp.zeros((2, 3, 4, 4, 1)), jnp.ones((2, 4), bool), jnp.zeros(2, int))


def test_packed_clips_is_a_pytree_with_static_length():
    _, clips = make_clips()
    traced = jax.jit(lambda c: c.sum(c.frames[:, 0, 0, 0]))(clips)
    assert traced.shape == (3,)
    assert isinstance(jax.tree.map(lambda x: x, clips), PackedClips)
