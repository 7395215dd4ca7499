"""A whole spotting run on noise: what it writes, going on, that the left-out subject reaches nothing, bad input."""

import dataclasses
import json

import numpy as np
import pytest
from rich.console import Console

from akm_jax.data.long_videos import Interval, LongVideoSet
from akm_jax.spot import run_spotting
from akm_jax.spotting.folds import SpottingOptions
from akm_jax.spotting.submission import read_table
from akm_jax.spotting.training import SpotterConfig

OPTIONS = SpottingOptions(type="micro", flow="dis")
EPOCHS = 2
RECOGNISER = {"recognise": lambda video, crops: "negative", "emotion_class": lambda emotion: "negative"}


def run(videos, run_dir, features, *, options=OPTIONS, **more):
    more |= {"training": SpotterConfig(epochs=EPOCHS, learning_rate=0.01), "console": Console(quiet=True)}
    return run_spotting(videos, run_dir, options=options, features_dir=features, **more)


@pytest.fixture(scope="module")
def videos(make_video):
    made = []
    for subject in range(3):
        intervals = [Interval(first, first + 4, first + 8 + subject, "micro", "sadness") for first in (10, 40)]
        made.append(make_video(f"v{subject}", str(subject), 70, *intervals, seed=subject))
    return LongVideoSet("noise", tuple(made))


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def finished(videos, features, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("run")
    return run(videos, run_dir, features, **RECOGNISER), run_dir


def test_a_run_writes_scores_tables_and_a_page(finished, videos):
    summary, run_dir = finished
    assert summary == json.loads((run_dir / "summary.json").read_text())
    counts = summary["scores"]["micro"]
    assert counts["tp"] + counts["fn"] == 6
    found, truth = read_table(run_dir / "predictions.csv").rows, read_table(run_dir / "truth.csv").rows
    assert len(found) == counts["tp"] + counts["fp"]
    assert truth["onset"].tolist() == [10, 40] * 3
    assert set(found["emotion"]) <= {"negative"}
    assert set(summary["baselines"]) == {"motion", "random"}
    assert sum(row["micro"]["tp"] for row in summary["per_subject"].values()) == counts["tp"]
    page = (run_dir / "report.html").read_text()
    assert all(video.video_id in page for video in videos)
    assert page.count("<svg role") == len(videos)
    assert summary["strs"]["spotting"]["tp"] == counts["tp"]


def test_submissions_count_frames_from_1(finished):
    _, run_dir = finished
    found = read_table(run_dir / "predictions.csv").rows
    for name in ("submission_megc2022.csv", "submission_strs2025.csv"):
        assert read_table(run_dir / name).rows["onset"].tolist() == (found["onset"] + 1).tolist()


def test_a_finished_run_trains_nothing_and_a_lost_fold_is_trained_anew(finished, videos, features, tmp_path):
    _, run_dir = finished
    written = {path: path.stat().st_mtime_ns for path in run_dir.glob("folds/*/*.scores")}
    before = (run_dir / "predictions.csv").read_bytes()
    (run_dir / "folds" / "micro" / "s1.scores").unlink()
    (run_dir / "folds" / "micro" / "weights" / "1.npz").unlink()
    run(videos, run_dir, features, **RECOGNISER)
    assert (run_dir / "predictions.csv").read_bytes() == before
    again = {path for path, stamp in written.items() if path.stat().st_mtime_ns != stamp}
    assert {path.name for path in again} == {"s1.scores"}


def test_the_subject_left_out_reaches_nothing_that_is_trained(videos, features, tmp_path, finished):
    """Other pictures and another annotation of subject 1 leave the network that reads subject 1 as it is."""
    _, run_dir = finished
    other = dataclasses.replace(
        videos.videos[1],
        crops=videos.videos[0].crops,
        checksum=8,
        intervals=(Interval(20, 22, 29, "micro", "sadness"),),
    )
    changed = LongVideoSet("noise", (videos.videos[0], other, videos.videos[2]))
    run(changed, tmp_path, features)
    with np.load(run_dir / "folds/micro/weights/1.npz") as one, np.load(tmp_path / "folds/micro/weights/1.npz") as two:
        names = [name for name in one.files if name != "identity"]
        assert len(names) > 8
        assert all(np.array_equal(one[name], two[name]) for name in names)
    with np.load(run_dir / "folds/micro/weights/0.npz") as one, np.load(tmp_path / "folds/micro/weights/0.npz") as two:
        assert not all(np.array_equal(one[name], two[name]) for name in names)


def test_a_directory_of_other_settings_is_refused(finished, videos, features):
    with pytest.raises(ValueError, match="threshold: there 0.55, now 0.6"):
        run(videos, finished[1], features, options=dataclasses.replace(OPTIONS, threshold=0.6))


@pytest.mark.parametrize(
    ("subjects", "options", "message"),
    [
        (1, OPTIONS, "two or more"),
        (3, dataclasses.replace(OPTIONS, type="macro"), "half length of macro-expressions"),
        (3, dataclasses.replace(OPTIONS, threshold=2.0), "--threshold=2.0: expected a number from 0 to 1"),
    ],
)
def test_what_no_run_can_be_made_of_is_refused_before_anything_is_written(
    videos, features, tmp_path, subjects, options, message
):
    chosen = LongVideoSet("noise", videos.videos[:subjects])
    with pytest.raises(ValueError, match=message):
        run(chosen, tmp_path / "run", features, options=options)
    assert not (tmp_path / "run").exists()


def test_all_videos_that_are_too_short_are_named(videos, make_video, features, tmp_path):
    short = [make_video(f"short{i}", "0", 12) for i in range(2)]
    with pytest.raises(ValueError, match=r"(?s)short0.*short1"):
        run(LongVideoSet("noise", (*videos.videos, *short)), tmp_path / "run", features)
