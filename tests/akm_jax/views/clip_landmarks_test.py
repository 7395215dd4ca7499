"""Landmarks of clips from a file: what MDMO makes of them, when kept views are taken, and every way it is refused."""

import csv
import dataclasses

import numpy as np
import pytest

from akm_jax.classifier import load_classifier
from akm_jax.data.clip_set import ClipSet
from akm_jax.descriptors.regions import fixed_face
from akm_jax.descriptors.svm import SVMConfig
from akm_jax.methods._support_vectors import Frames
from akm_jax.methods.mdmo import MDMO, MDMOView
from akm_jax.prepare.given_landmarks import BOX_COLUMNS, POINT_COLUMNS
from akm_jax.run import run_loso
from akm_jax.views.cache import compute_views, describe_view
from akm_jax.views.view import Clip

SHAPE, SIZE = (24, 40), 32
NAMES = [f"s{i // 2}/clip {i % 2}" for i in range(6)]
MEAN = MDMOView(Frames(SIZE), flow="farneback", landmarks="mean")


def on_frames(points):
    """Points of a square of SIZE in the pixels of the clips."""
    return (points + 0.5) * SHAPE[::-1] / SIZE - 0.5


def write(path, faces, **other):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["video", "frame", *BOX_COLUMNS, *POINT_COLUMNS])
        writer.writeheader()
        for name, points in faces.items():
            cells = dict(zip(POINT_COLUMNS, np.ravel(points).tolist(), strict=True))
            writer.writerow({"video": name, **dict(zip(BOX_COLUMNS, (0, 0, 9, 9), strict=True)), **cells, **other})
    return path


@pytest.fixture
def clips():
    """Six clips of a texture that moves to the left or the right, of three subjects."""
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 256, (6, SHAPE[0], SHAPE[1] + 8), dtype=np.uint8)
    frames = [
        np.stack([one[:, 4 + s * t : 4 + s * t + SHAPE[1]] for t in range(3)])
        for one, s in zip(texture, [1, -1] * 3, strict=True)
    ]
    return ClipSet.from_frames(frames, ["left", "right"] * 3, [n[:2] for n in NAMES], clip_ids=NAMES)


@pytest.fixture
def table(tmp_path):
    return write(tmp_path / "faces.csv", dict.fromkeys([*NAMES, "of another set"], on_frames(fixed_face(SIZE))))


@pytest.fixture
def given(table):
    return dataclasses.replace(MEAN, landmarks=str(table))


def views(view, clips, folder):
    return compute_views(view, clips.without_labels(), clips.clip_ids, folder=folder / "views")


def test_points_count_in_pixels_of_the_clip(given, clips, tmp_path):
    """The fixed face, told in the pixels of the clips, gives what the fixed face gives."""
    expected, found = views(MEAN, clips, tmp_path), views(given, clips, tmp_path)
    np.testing.assert_allclose(found.stack(np.arange(6)), expected.stack(np.arange(6)), atol=1e-6)


def test_each_clip_has_its_own(table, given, clips, tmp_path):
    face = on_frames(fixed_face(SIZE))
    write(table, {name: face + np.array([i, 0]) for i, name in enumerate(reversed(NAMES))})  # rows in another order
    found = views(given, clips, tmp_path)
    for i in range(6):
        frames = clips.read(i)
        np.testing.assert_array_equal(found[i], given(Clip(frames, 0, -1, face + np.array([5 - i, 0]))))
    assert not np.array_equal(found[0], views(MEAN, clips, tmp_path)[0])


def test_another_content_is_computed_anew(table, given, clips, tmp_path):
    first = views(given, clips, tmp_path)[0]
    assert describe_view(given)["landmarks_checksum"] != ""
    assert "landmarks_checksum" not in describe_view(MEAN)
    write(table, dict.fromkeys(NAMES, on_frames(fixed_face(SIZE) * 0.7)))
    second = views(given, clips, tmp_path)[0]
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(views(given, clips, tmp_path)[0], second)


def test_a_run_goes_on_with_the_same_content_only_and_predicts_no_other_clip(table, given, clips, tmp_path):
    def run():
        method = MDMO(view=given, svm=SVMConfig(costs=(1.0,)))
        return run_loso(method, clips, tmp_path / "run", rules="last", views_dir=tmp_path / "views")

    assert run() == run()
    with pytest.raises(ValueError, match=r"run is a run on landmarks from .*faces.csv \(--view.landmarks\)"):
        load_classifier(tmp_path / "run")
    write(table, dict.fromkeys(NAMES, on_frames(fixed_face(SIZE) * 0.7)))
    with pytest.raises(ValueError, match="config.view.landmarks_checksum: there"):
        run()


def test_bad_files_are_refused_before_anything_is_written(table, given, clips, tmp_path):
    def run(view=given):
        return run_loso(MDMO(view=view), clips, tmp_path / "run", rules="last", views_dir=tmp_path / "views")

    face = on_frames(fixed_face(SIZE))
    write(table, dict.fromkeys(NAMES[:-2], face))
    with pytest.raises(ValueError, match="faces.csv: no row of 2 of 6 clips: s2/clip 0, s2/clip 1; .* column video"):
        run()
    write(table, dict.fromkeys(NAMES, face), frame=3)
    with pytest.raises(ValueError, match=r"video 's0/clip 0' has rows for frames \[3\]; expected one, for frame 0"):
        run()
    write(table, dict.fromkeys(NAMES, face), x5="left")
    with pytest.raises(ValueError, match="6 bad rows"):
        run()
    table.write_text("clip,x0,y0\n")
    with pytest.raises(ValueError, match="lacks the columns video, box_x"):
        run()
    table.unlink()
    for call in (run, lambda: describe_view(given)):
        with pytest.raises(FileNotFoundError, match="faces.csv"):
            call()
    with pytest.raises(ValueError, match="landmarks=average: expected mesh, mean, or a CSV file"):
        MDMOView(landmarks="average")
    assert not (tmp_path / "run").exists()


def test_points_that_lie_elsewhere_name_the_clip(table, given, clips, tmp_path):
    face = on_frames(fixed_face(SIZE))
    write(table, {name: face + 500 * (name == NAMES[2]) for name in NAMES})
    with pytest.raises(ValueError, match="view MDMOView, clip s1/clip 0: no landmark lies in the picture of 32 x 32"):
        views(given, clips, tmp_path)
    with pytest.raises(ValueError, match="no landmarks of this clip were given"):
        given(Clip(clips.read(0), 0, -1))
