"""Held and streamed sets: the same clips, batches and predictions; what streaming keeps in memory; broken records."""

import concurrent.futures
import contextlib
import dataclasses
import shutil
import threading
import time

import jax
import numpy as np
import pytest

from akm_jax.data.batching import BatchPlan, plan_batches
from akm_jax.data.sized import SizedClips, choose_threads, size_clips
from akm_jax.data.stream import StreamedData, place_data
from datasets_tfds.source import load_clip_set

SIZES = (32, 36)


SIZES = (32, 36)
CLIPS_PER_STEP = 3


def plan_of(clips: SizedClips, num_steps: int = 5) -> BatchPlan:
    """Four steps, the last of fewer clips, and empty ones; a clip may come twice."""
    groups = [np.array(group) for group in ([3, 0, 7], [11, 5, 5], [1, 2, 4], [10, 6])]
    return plan_batches(
        groups, clips.starts, clips.lengths, capacity=22, clips_per_step=CLIPS_PER_STEP, num_steps=num_steps
    )


def test_a_streamed_set_is_the_held_set_without_its_frames(held, streamed):
    assert streamed.streamed
    assert not held.streamed
    assert streamed.frames.nbytes == streamed.large_frames.nbytes == 0
    assert held.gib == streamed.gib == (held.frames.nbytes + held.large_frames.nbytes) / 2**30
    for clip, (start, length) in enumerate(zip(held.starts, held.lengths, strict=True)):
        for clips in (held, streamed):
            frames, large_frames = clips.read(clip)
            np.testing.assert_array_equal(frames, held.frames[start : start + length])
            np.testing.assert_array_equal(large_frames, held.large_frames[start : start + length])
            frames, large_frames = clips.read(clip, large=False)
            assert (frames.shape, large_frames.shape) == ((length, 32, 32), (0, 36, 36))


def test_frames_that_are_not_used_are_in_neither(held, streamed):
    used = [np.arange(int(length))[::2] for length in held.lengths]
    for clips in (held, streamed):
        some = dataclasses.replace(clips, used=used)
        assert some.lengths.tolist() == [len(frames) for frames in used]
        for clip, start in enumerate(held.starts):
            frames, large_frames = some.read(clip)
            np.testing.assert_array_equal(frames, held.frames[start + used[clip]])
            np.testing.assert_array_equal(large_frames, held.large_frames[start + used[clip]])
            assert len(some.read(clip, large=False)[1]) == 0


def test_a_set_is_held_up_to_the_limit(held):
    assert not size_clips(held.clips, *SIZES, memory_gib=held.gib).streamed
    assert size_clips(held.clips, *SIZES, memory_gib=0.99 * held.gib).streamed


def test_image_sizes_below_one_pixel_are_an_error(held):
    with pytest.raises(ValueError, match="at least 1 pixel, got 0 and 144"):
        size_clips(held.clips, 0, 144)


def test_labels_are_those_given(held, streamed):
    labels = np.arange(len(held.lengths), dtype=np.int32)
    for clips in (held, streamed):
        data, _ = next(place_data(clips).labelled(labels).batches(plan_of(held), 1))
        np.testing.assert_array_equal(data.labels, labels)


@pytest.mark.parametrize("large", [True, False])
def test_held_and_streamed_give_the_same_batches(held, streamed, large):
    plan = plan_of(held)
    calls = [list(place_data(s).batches(plan, 2, large=large)) for s in (held, streamed)]
    assert len(calls[0]) == len(calls[1]) == 2
    for (all_clips, part), (clips, local) in zip(*calls, strict=True):
        np.testing.assert_array_equal(part.clip_ids, local.clip_ids)
        np.testing.assert_array_equal(part.clip_rows, local.clip_rows)
        np.testing.assert_array_equal(all_clips.labels, clips.labels)
        assert local.frame_rows.dtype == part.frame_rows.dtype
        real = part.clip_ids < part.clip_rows.shape[1]
        for name in ("frames", "large_frames") if large else ("frames",):
            expected, got = (
                np.asarray(getattr(d, name))[p.frame_rows[real]] for d, p in ((all_clips, part), (clips, local))
            )
            np.testing.assert_array_equal(got, expected)
        assert clips.frames.shape == (plan.frame_rows[:2].size, 32, 32)
        assert clips.large_frames.shape == (plan.frame_rows[:2].size if large else 0, 36, 36)


def test_several_threads_may_stream_at_once_and_to_a_device(held, streamed):
    plan, device = plan_of(held), jax.devices()[-1]
    data = place_data(streamed, decode_threads=2).to(device)

    def total(_):
        return sum(int(np.asarray(clips.large_frames).sum()) for clips, _ in data.batches(plan, 1))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(total, range(4)))) == 1
    for placed in (data, place_data(held, device=device), place_data(held).to(device)):
        clips, _ = next(placed.batches(plan, 1))
        assert {a.device for a in jax.tree.leaves(clips)} == {device}


class CountingPictures:
    """Counts the clips that were read."""

    def __init__(self, pictures):
        self._pictures, self.count, self.checksum = pictures, 0, pictures.checksum
        self._lock = threading.Lock()

    def read(self, clip):
        with self._lock:
            self.count += 1
        return self._pictures.read(clip)


def becomes_true(condition, seconds=20):
    """Whether `condition()` holds within some time."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def grain_threads():
    return [thread for thread in threading.enumerate() if "grain" in thread.name]


def test_reading_ahead_is_bounded_and_ends_with_the_iteration(held, streamed):
    plan = plan_of(held)
    long = dataclasses.replace(plan, **{k: np.tile(v, (10, 1)) for k, v in vars(plan.steps(0, 2)).items()})
    reader = CountingPictures(streamed.clips.pictures)
    counted = dataclasses.replace(streamed, clips=dataclasses.replace(streamed.clips, pictures=reader))
    data = StreamedData(counted, np.zeros(len(streamed.lengths), np.int32), threads=2)
    with contextlib.closing(data.batches(long, 1)) as batches:
        for used in range(1, 5):
            next(batches)
            # In use, ready and being placed; one more call of 3 clips or two clips a thread lie decoded.
            assert becomes_true(lambda used=used: reader.count >= 3 * (used + 2))
            time.sleep(0.2)
            assert reader.count <= 3 * (used + 2) + 4
        assert grain_threads()
    assert becomes_true(lambda: not grain_threads())
    assert reader.count < 40


def test_a_record_that_breaks_during_a_run_is_named(prepared_smic, tmp_path):
    shutil.copytree(prepared_smic, tmp_path / "prepared")
    clip_set = load_clip_set("smic", data_dir=tmp_path / "prepared").without_labels()
    clips = size_clips(clip_set, *SIZES, memory_gib=0)
    file = max(tmp_path.rglob("*.array_record*"), key=lambda path: path.stat().st_size)
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.seek(size // 4)
        opened.write(b"\xff" * (size // 2))
    message = (
        rf"clip s\d+_\w+ of the prepared set in {file.parent} cannot be read .*delete that folder and give the same"
    )
    with pytest.raises(ValueError, match=message):
        list(place_data(clips).batches(plan_of(clips), 2))
    assert becomes_true(lambda: not grain_threads())
    with pytest.raises(ValueError, match="cannot be read"):
        load_clip_set("smic", data_dir=tmp_path / "prepared")


def test_a_record_of_another_clip_is_refused(streamed):
    reader = streamed.clips.pictures
    swapped = dataclasses.replace(reader, rows=reader.rows[::-1])
    with pytest.raises(ValueError, match=r"its record holds \d frames of s\w+, expected"):
        swapped.read(0)


def test_threads_are_as_asked_or_one_a_core_up_to_sixteen(monkeypatch):
    assert choose_threads(40) == 40
    for cores, threads in ((1, 1), (6, 6), (64, 16)):
        monkeypatch.setattr("akm_jax.data.sized.num_cores", lambda cores=cores: cores)
        assert choose_threads(0) == threads
