"""A drawn video watched from the command line, and what it says to bad input."""

import csv
import json

import cv2
import h5py
import numpy as np
import pytest

from akm_jax.prepare.given_landmarks import BOX_COLUMNS, POINT_COLUMNS
from datasets_tfds.synthetic.long_videos import LongSpec, draw_frames, plan_video


def write_weights(path):
    """Random weights as the released program keeps them."""
    rng = np.random.default_rng(0)
    shapes = {"conv2d": (5, 5, 1, 3), "conv2d_1": (5, 5, 1, 5), "conv2d_2": (5, 5, 1, 8)}
    shapes |= {"dense": (784, 400), "dense_1": (400, 1)}
    with h5py.File(path, "w") as file:
        for layer, shape in shapes.items():
            file[f"{layer}/{layer}/kernel:0"] = rng.normal(0, 0.05, shape).astype(np.float32)
            file[f"{layer}/{layer}/bias:0"] = np.zeros(shape[-1], np.float32)


def write_video(path, frames):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30, frames[0].shape[::-1])
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    writer.release()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A drawn video with its landmarks, weights, and files that are none."""
    folder = tmp_path_factory.mktemp("watch")
    plan = plan_video(LongSpec(0, 1, 0, seconds=3, macros=0, micros=1, talks=0, size=80))
    frames = list(draw_frames(plan))
    write_video(folder / "drawn.mp4", frames)
    write_video(folder / "short.mp4", frames[:18])
    with (folder / "landmarks.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["video", *BOX_COLUMNS, *POINT_COLUMNS])
        rows.writerows([video, *plan.box, *plan.landmarks.ravel()] for video in ("drawn", "short"))
    write_weights(folder / "s1.hdf5")
    with h5py.File(folder / "other.hdf5", "w") as file:
        file["conv2d/conv2d/kernel:0"] = np.zeros((3, 3, 1, 4), np.float32)
    (folder / "noise.mp4").write_bytes(b"RIFF nothing")
    return folder


@pytest.fixture(scope="module")
def watch(workplace, warm_command):
    """Runs the command there."""
    given = ("--landmarks=landmarks.csv", "--flow=dis")
    return lambda *arguments: warm_command("watch", *given, *arguments, cwd=workplace)


def test_a_drawn_video_gives_all_files(workplace, watch, finished):
    done = watch("drawn.mp4", "--spotter=s1.hdf5", f"--recogniser={finished / 'run'}", "--run_dir=out")
    assert done.returncode == 0, done.stderr
    assert "micro: half length 0.2 s, 6 frames at 30 frames/s" in done.stderr
    assert "the flow is dis, but the spotter was trained on tvl1" in done.stderr
    for part in ("frames/s; seconds:", "face", "decode", "flow", "network", "video"):
        assert part in done.stderr
    out = workplace / "out"
    assert {path.name for path in out.iterdir()} == {"annotated.mp4", "intervals.csv", "report.html", "result.json"}
    result = json.loads((out / "result.json").read_text())
    total = result["video"]["num_frames"]
    assert (result["video"]["fps"], result["half_lengths"]) == (pytest.approx(30), {"micro": 6})
    (curve,) = result["curves"]
    assert (curve["first_frame"], len(curve["values"])) == (6, total - 18)
    assert result["intervals"]
    for one in result["intervals"]:
        assert one["offset"] - one["onset"] == 12
        assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert one["emotion"] in ("negative", "positive", "surprise")
        assert all(one["onset"] <= frame <= one["offset"] for frame in one["key_frames"])
    assert len(done.stdout.splitlines()) == len(result["intervals"])
    rows = list(csv.DictReader((out / "intervals.csv").read_text().splitlines()))
    assert [int(row["onset"]) for row in rows] == [one["onset"] for one in result["intervals"]]
    assert rows[0]["emotion"] == result["intervals"][0]["emotion"]


def test_options_reach_what_they_are_for(workplace, watch):
    options = ("--type=macro", "--half_length_s=0.1", "--threshold=0", "--fps=60", "--no-annotate", "--run_dir=plain")
    done = watch("drawn.mp4", "--spotter=s1.hdf5", *options)
    assert done.returncode == 0, done.stderr
    result = json.loads((workplace / "plain/result.json").read_text())
    assert (result["video"]["fps"], result["half_lengths"]) == (60, {"macro": 6})
    assert result["files"] == {"annotated": None, "page": "report.html"}
    assert not (workplace / "plain/annotated.mp4").exists()
    values = np.array(result["curves"][0]["values"])
    assert result["curves"][0]["threshold"] == pytest.approx(values.mean(), abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("gone.mp4 --spotter=s1.hdf5", "gone.mp4: no such file; expected a video, or the number of a camera"),
        ("noise.mp4 --spotter=s1.hdf5", "noise.mp4: no frame can be read"),
        ("short.mp4 --spotter=s1.hdf5", "18 frames with a face are too few for micro-expressions"),
        ("97 --spotter=s1.hdf5", "camera 97 cannot be opened"),
        ("drawn.mp4 --spotter=other.hdf5", "does not hold the weights of a SOFTNet"),
        ("drawn.mp4 --spotter=gone", "expected a run of experiments.spot or a Keras file"),
        ("drawn.mp4 --spotter=runs/spto --fold=3", "expected a run of experiments.spot or a Keras file"),
        ("drawn.mp4 --spotter=s1.hdf5 --half_length_s=0", "--half_length_s=0: expected seconds above 0"),
        ("drawn.mp4 --spotter=s1.hdf5 --threshold=2", "--threshold=2: expected a number from 0 to 1"),
    ],
)
def test_errors_fit_on_one_screen_and_say_what_to_do(watch, arguments, message):
    done = watch(*arguments.split())
    assert done.returncode == 1, done.stdout
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
