import numpy as np
import pytest

from akm_jax.spotting.emotions import interval_emotions
from akm_jax.spotting.intervals import Spotted


def spotted(*starts, k=4):
    spans = np.array([(start, start + 2 * k) for start in starts], np.int64).reshape(-1, 2)
    return Spotted(spans, np.ones(len(starts)), np.zeros(20), 0.5)


def test_the_rise_decides():
    #                            0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
    frame_emotions = np.array([0, 0, 2, 2, 2, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 2])
    assert interval_emotions(frame_emotions, spotted(2, 6, 10), 4).tolist() == [2, 0, 0]
    assert interval_emotions(frame_emotions, spotted(11), 4).tolist() == [0]  # two of each: the first class
    assert interval_emotions(frame_emotions, spotted(), 4).shape == (0,)


def test_frames_without_a_class_are_named():
    for start in (13, -1):
        with pytest.raises(ValueError, match=f"16 frames with classes, but intervals begin at frames {start}"):
            interval_emotions(np.zeros(16, np.int64), spotted(start), 4)
