"""Labels, intervals and counts against the released SoftNet-SpotME."""

import numpy as np
import pytest

from akm_jax.data.long_videos import Interval
from akm_jax.spotting.average_precision import released_average_precision
from akm_jax.spotting.counting import Counts, count_spans
from akm_jax.spotting.intervals import find_intervals
from akm_jax.spotting.labels import annotated_spans, frame_labels, half_length

# The released program holds average precisions in float32.
FLOAT32 = 1e-6


@pytest.fixture(scope="module")
def spot(recorded):
    return recorded("softnet_spot")


@pytest.fixture(scope="module")
def softnet(recorded):
    return recorded("softnet")


def test_predictions_counts_and_average_precision(spot, spans):
    for name, case in spot.meta["cases"].items():
        at, k, counts, found, annotated = spot.meta["prefix"] + name, case["k"], Counts(), [], []
        for i, videos in enumerate(case["subjects"]):
            for j, video in enumerate(videos):
                scores = spot[f"{at}/scores/{i}_{j}"]
                assert len(scores) == video["frames"] - k
                found.append(find_intervals(scores, k, "code", threshold=spot.meta["p"]).spans)
                annotated.append(spans(*video["intervals"]))
                # The recording's frames begin at the k-th of the video.
                np.testing.assert_array_equal(found[-1] - k, spot[f"{at}/predictions/{i}_{j}"], name)
                counts += count_spans(found[-1], annotated[-1], "code")
            assert [counts.tp, counts.fp, counts.fn] == spot[f"{at}/counts_after_subject/{i}"].tolist(), name
        precision = released_average_precision(found, annotated)
        np.testing.assert_allclose(precision, spot[f"{at}/ap_50_95_soft"], rtol=0, atol=FLOAT32, err_msg=name)


def test_labels(spot, spans):
    for i, case in enumerate(spot.meta["pseudo"]):
        labels = frame_labels(spans(*case["intervals"]), case["frames"], case["k"])
        np.testing.assert_array_equal(labels, spot[f"pseudo/{i}"])


def rows_of_type(table):
    return [row for row in table["rows"] if table["type"].split("-")[0] in row[5].lower()]


def interval(row, table):
    """A row as a builder makes an interval of it; offset 0 stands for the apex."""
    _, _, onset, apex, offset, _ = row
    return Interval(onset - 1, apex - 1, (offset or apex) - 1, table["type"].split("-")[0])


def is_left_out(row, table):
    return table["dataset"] == "SAMMLV" and row[5] == "Macro" and row[2] == 0 and row[4] != 0


def test_annotations(spot, make_video):
    for i, table in enumerate(spot.meta["annotations"]):
        rows = [row for row in rows_of_type(table) if not is_left_out(row, table)]
        kept, labels, frames = [], [], []
        for subject, videos, lengths in zip(table["subjects"], table["videos"], table["frames"], strict=True):
            for video_id, num_frames in zip(videos, lengths, strict=True):
                intervals = [interval(row, table) for row in rows if row[:2] == [subject, video_id]]
                video = make_video(video_id, subject, num_frames, *intervals)
                if intervals:
                    kept.append(annotated_spans(video, intervals[0].type, "code", unknown_onset="as given"))
                    frames.append(num_frames)
        assert frames == [table["frames"][a][b] for a, b in places(table)]
        assert [one.tolist() for one in kept] == [one for subject in table["samples"] for one in subject]
        assert half_length(kept) == table["k"]
        labels = [frame_labels(one, n, table["k"]) for one, n in zip(kept, table["kept_frames"], strict=True)]
        np.testing.assert_array_equal(np.concatenate(labels), spot[f"annotations/{i}/pseudo_labels"])


def places(table):
    """Where the videos that the released program kept stand in the lists of all."""
    subjects = [table["subjects"].index(one) for one in table["kept_subjects"]]
    return [
        (a, table["videos"][a].index(video))
        for a, kept in zip(subjects, table["kept_videos"], strict=True)
        for video in kept
    ]


def test_two_subjects(softnet, spans):
    k, p, counts, labels = softnet.meta["k"], softnet.meta["p"], Counts(), []
    for i, videos in enumerate(softnet.meta["videos"]):
        for j, (num_frames, intervals) in enumerate(videos):
            found = find_intervals(softnet[f"spot/scores/{i}_{j}"], k, "code", threshold=p)
            counts += count_spans(found.spans, spans(*intervals), "code")
            labels.append(frame_labels(spans(*intervals), num_frames, k))
        assert [counts.tp, counts.fp, counts.fn] == softnet[f"spot/counts_after_subject/{i}"].tolist()
        np.testing.assert_array_equal(found.spans[:, 0], softnet[f"spot/last_video_peaks/{i}"])
    np.testing.assert_array_equal(np.concatenate(labels), softnet["spot/pseudo_labels"])
