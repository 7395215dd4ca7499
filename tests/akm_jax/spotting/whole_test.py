"""The parts together: labels in place of a network's scores find what was labelled."""

import numpy as np
import pytest

from akm_jax.data.long_videos import Interval, LongVideoSet
from akm_jax.spotting.baselines import random_intervals
from akm_jax.spotting.evaluation import evaluate_tables
from akm_jax.spotting.intervals import find_intervals
from akm_jax.spotting.labels import annotated_spans, frame_labels, half_lengths, used_videos
from akm_jax.spotting.submission import annotated_table, read_table, spotted_table, write_table


@pytest.fixture
def videos(make_video):
    made = []
    for subject in range(3):
        onsets = 40 + 60 * np.arange(5) + 7 * subject
        intervals = [Interval(int(onset), -1, int(onset) + 11 + subject, "micro", "sad") for onset in onsets]
        made += [
            make_video(f"{subject}_1", str(subject), 400, *intervals),
            make_video(f"{subject}_2", str(subject), 90),
        ]
    return LongVideoSet("drawn", tuple(made))


def spot(videos, variant):
    lengths = half_lengths(videos, "micro", variant)
    for video in used_videos(videos, "micro", variant):
        k = lengths[video.subject]
        scores = frame_labels(annotated_spans(video, "micro", variant), video.num_frames, k)
        yield video, "micro", find_intervals(scores, k, variant)


@pytest.mark.parametrize("variant", ["megc", "code"])
def test_labels_find_what_was_labelled(videos, variant, tmp_path):
    write_table(tmp_path / "found.csv", spotted_table(spot(videos, variant)))
    found = read_table(tmp_path / "found.csv").rows
    scores = evaluate_tables(found, annotated_table(videos, ["micro"], variant), variant)
    assert scores["types"]["overall"]["f1"] == 1
    assert scores["types"]["micro"]["ap50"] == 1


def test_chance_finds_little(videos):
    rng = np.random.default_rng(0)
    chance = [(video, kind, random_intervals(rng, found, 6)) for video, kind, found in spot(videos, "code")]
    scores = evaluate_tables(spotted_table(chance), annotated_table(videos, ["micro"]))["types"]["overall"]
    assert scores["tp"] + scores["fp"] == 15
    assert scores["f1"] < 0.5
