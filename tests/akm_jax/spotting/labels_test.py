import numpy as np
import pytest

from akm_jax.data.long_videos import Interval
from akm_jax.spotting.labels import (
    HALF_LENGTH_S,
    annotated_spans,
    counted_intervals,
    frame_labels,
    half_length,
    half_length_of_rate,
    half_lengths,
    used_videos,
)


def iou_above_zero(spans, num_frames, k):
    """The rule in words: frames i .. i + k - 1 share a frame with (onset, offset]."""
    return [
        int(any(set(range(i, i + k)) & set(range(onset + 1, offset + 1)) for onset, offset in spans))
        for i in range(num_frames - k)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_labels_are_those_of_the_rule_in_words(seed):
    rng = np.random.default_rng(seed)
    num_frames, k = int(rng.integers(10, 60)), int(rng.integers(1, 9))
    onsets = rng.integers(-1, num_frames, int(rng.integers(0, 5)))
    spans = np.stack([onsets, np.minimum(onsets + rng.integers(1, 12, len(onsets)), num_frames)], axis=1)
    labels = frame_labels(spans, num_frames, k)
    assert labels.tolist() == iou_above_zero(spans, num_frames, k)
    np.testing.assert_array_equal(frame_labels(spans[::-1], num_frames, k), labels)


def test_an_expression_of_one_frame_counts_where_it_is_passed(spans):
    """Nothing is left of it without its onset; the released formula does not have this case in mind."""
    assert np.flatnonzero(frame_labels(spans((14, 14)), 30, 3)).tolist() == [13, 14]


def test_labels_need_more_frames_than_k(spans):
    assert frame_labels(spans(), 6, 5).tolist() == [0]
    with pytest.raises(ValueError, match="5 frames have no labels at half length 5"):
        frame_labels(spans(), 5, 5)


def test_half_length_does_not_count_the_onset(spans):
    assert half_length([spans((0, 11), (5, 16)), spans()]) == 6
    assert half_length([spans((0, 10))]) == 5
    with pytest.raises(ValueError, match="no expressions"):
        half_length([spans()])
    with pytest.raises(ValueError, match="expressions of one frame"):
        half_length([spans((3, 3))])


@pytest.fixture
def videos(make_video):
    micro, macro = (lambda a, b, kind=kind: Interval(a, -1, b, kind) for kind in ("micro", "macro"))
    return (
        make_video("a", "1", 40, micro(3, 9), macro(-1, 30)),
        make_video("b", "1", 40, macro(5, 29)),
        make_video("c", "2", 40, micro(-1, 20)),
        make_video("d", "3", 40),
    )


def test_onsets_that_are_not_known(videos):
    assert annotated_spans(videos[0], "macro").tolist() == [[0, 30]]
    assert annotated_spans(videos[0], "macro", "code").tolist() == []
    assert annotated_spans(videos[2], "micro").tolist() == [[0, 20]]
    assert annotated_spans(videos[2], "micro", "code").tolist() == [[-1, 20]]
    assert annotated_spans(videos[0], "macro", "code", unknown_onset="as given").tolist() == [[-1, 30]]
    assert counted_intervals(videos[0], "macro")[0] == Interval(0, -1, 30, "macro")


def test_videos_that_count(videos):
    assert used_videos(videos, "micro") == videos
    assert [one.video_id for one in used_videos(videos, "micro", "code")] == ["a", "c"]
    assert [one.video_id for one in used_videos(videos, "macro", "code")] == ["b"]


def test_the_subject_left_out_has_no_say_in_the_half_length(videos):
    # Lengths: 6 of subject 1, 20 or 21 of subject 2.
    assert half_lengths(videos, "micro") == {"1": 10, "2": 3, "3": 7}
    assert half_lengths(videos, "micro", "code") == {"1": 7, "2": 7}
    with pytest.raises(ValueError, match="half length of macro-expressions without subject '1': no expressions"):
        half_lengths(videos, "macro")


def test_half_length_of_a_rate():
    assert [half_length_of_rate(30, HALF_LENGTH_S[kind]) for kind in ("micro", "macro")] == [6, 18]
    assert [half_length_of_rate(200, seconds) for seconds in (0.185, 0.87)] == [37, 174]
    for fps in (1, 0, float("nan")):
        with pytest.raises(ValueError, match="are no frame"):
            half_length_of_rate(fps, 0.2)
