"""Drawn long videos: files and tables of both layouts, what happens in a video, the truth about it."""

import dataclasses
import hashlib
import itertools
import json
import re
import subprocess
import sys

import cv2
import numpy as np
import openpyxl
import pytest

from datasets_tfds.synthetic import LongCorpusConfig, write_long_corpus
from datasets_tfds.synthetic.clips import draw_face
from datasets_tfds.synthetic.landmarks import face_box, find_landmarks, place_landmarks
from datasets_tfds.synthetic.long_videos import LongSpec, draw_frames, plan_video
from datasets_tfds.synthetic.rendering import Pose, _at_rest

TINY = {"subjects": 2, "videos": 1, "seconds": 3.6, "fps": 15.0, "macros": 1, "micros": 1, "talks": 0, "size": 32}
NAMES = {
    "cas_me2": r"rawpic/s(15|16)/\1_0101disgustingteeth/img\d{3}\.jpg|CAS\(ME\)\^2code_final\.xlsx",
    "samm_lv": r"SAMM_longvideos/(006_1|007_1)/\1_\d{4}\.jpg|SAMM_LongVideos_V1_Release\.xlsx",
}


def digests(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("layout", sorted(NAMES))
def test_names_are_those_of_the_set_and_bytes_those_of_the_seed(tmp_path, layout):
    first = digests(write_long_corpus(LongCorpusConfig(layout=layout, **TINY), tmp_path / "a"))
    for name in first.keys() - {"truth.json"}:
        assert re.fullmatch(NAMES[layout], name), name
    assert digests(write_long_corpus(LongCorpusConfig(layout=layout, **TINY), tmp_path / "b")) == first
    truth = json.loads((tmp_path / "a" / "truth.json").read_text())
    for video in truth["videos"]:
        assert len(list((tmp_path / "a" / video["path"]).iterdir())) == video["num_frames"]
        assert len(video["head_shift_px"]) == video["num_frames"]
        assert np.shape(video["landmarks"]) == (68, 2)


def test_tables_are_those_of_the_sets(tmp_path):
    for layout in NAMES:
        write_long_corpus(LongCorpusConfig(layout=layout, **TINY), tmp_path / layout)
    cas = openpyxl.load_workbook(tmp_path / "cas_me2" / "CAS(ME)^2code_final.xlsx")
    assert cas.sheetnames == ["CASFEcode_final", "naming rule1", "naming rule2"]
    row = [cell.value for cell in cas.worksheets[0][1]]
    assert row[:2] == [1, "disgust1_1"]
    assert row[7] in ("macro-expression", "micro-expression")
    assert [cell.value for cell in cas.worksheets[1][1]][1:] == ["s15", 1]
    assert [cell.value for cell in cas.worksheets[2][1]] == ["0101", "disgust1"]
    sheet = openpyxl.load_workbook(tmp_path / "samm_lv" / "SAMM_LongVideos_V1_Release.xlsx").worksheets[0]
    assert [sheet.cell(10, k).value for k in (1, 2, 4, 6, 8)] == ["Subject", "Filename", "Onset", "Offset", "Type"]
    assert [sheet.cell(11, k).value for k in (1, 2)] == ["006", "006_1_1"]


SPEC = LongSpec(0, 1, 0, seconds=9.0, fps=20.0, macros=2, micros=1, talks=1, size=32)


@pytest.fixture(scope="module")
def plan():
    return plan_video(SPEC)


def test_events_do_not_overlap_and_fill_the_video(plan):
    spans = [(interval.onset, interval.offset) for _, interval in plan.expressions] + list(plan.talking)
    spans.sort()
    assert len(spans) == 4
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(spans))
    assert spans[0][0] >= 0
    assert spans[-1][1] < plan.num_frames
    assert sorted(interval.type for _, interval in plan.expressions) == ["macro", "macro", "micro"]
    assert all(interval.onset < interval.apex < interval.offset for _, interval in plan.expressions)


def test_blinks_are_where_the_lids_are_not_open(plan):
    closed = np.zeros(plan.num_frames, bool)
    for first, last in plan.blinks:
        closed[first : last + 1] = True
    assert len(plan.blinks) > 0
    np.testing.assert_array_equal(plan.closure > 1e-9, closed)  # rounding of the cosine
    assert not closed[0]


def test_strength_reaches_the_frames_of_expressions_only(plan):
    full, none = (np.stack(list(draw_frames(plan_video(dataclasses.replace(SPEC, strength=s))))) for s in (1.0, 0.0))
    different = np.flatnonzero((full != none).any((1, 2)))
    inside = [set(range(interval.onset + 1, interval.offset)) for _, interval in plan.expressions]
    assert set(different) <= set.union(*inside)
    assert all(interval.apex in different for _, interval in plan.expressions)


def test_macro_expressions_move_more_than_micro_expressions():
    """The mean over people of what changes at the apex against the same frame without expression."""
    change = {"macro": [], "micro": []}
    for subject in range(2):
        spec = dataclasses.replace(SPEC, subject=subject)
        full, none = (list(draw_frames(plan_video(dataclasses.replace(spec, strength=s)))) for s in (1.0, 0.0))
        for _, interval in plan_video(spec).expressions:
            moved = np.abs(full[interval.apex].astype(float) - none[interval.apex])
            change[interval.type].append(moved.mean())
    assert np.mean(change["macro"]) > 1.3 * np.mean(change["micro"])


def test_landmarks_move_as_the_head_does():
    points = find_landmarks(draw_face(0, 3, 32).identity)
    pose = Pose(0.03, -0.02, 0.05, 1.02)
    placed = place_landmarks(points, pose).astype(np.float32)
    np.testing.assert_allclose(np.stack(_at_rest(placed[:, 0], placed[:, 1], pose), 1), points, atol=1e-6)


def test_landmarks_mark_what_they_should():
    identity = draw_face(0, 3, 32).identity
    points = find_landmarks(identity)
    left_eye, right_eye = points[36:42].mean(0), points[42:48].mean(0)
    np.testing.assert_allclose(right_eye[0] + left_eye[0], 2 * identity.center_x, atol=1e-6)
    np.testing.assert_allclose(points[[48, 54], 0].mean(), identity.center_x, atol=1e-6)
    assert points[36, 0] < points[39, 0] < points[42, 0] < points[45, 0]  # corners from left to right
    assert points[19, 1] < points[37, 1] < points[41, 1] < points[33, 1] < points[51, 1] < points[57, 1] < points[8, 1]
    left, top, width, height = face_box(points)
    assert width == height
    assert (points > (left - 1e-9, top)).all()
    assert (points < (left + width + 1e-9, top + height + 1e-9)).all()


def test_eyes_are_dark_where_the_landmarks_say(plan):
    frame = next(draw_frames(plan))
    x, y = np.rint(plan.landmarks[36:42].mean(0)).astype(int)
    cheek = frame[y + 6, x]
    assert frame[y, x] < 0.75 * cheek


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "smic"}, "unknown layout 'smic' of long videos"),
        ({"subjects": 0}, "subjects must be 1..22"),
        ({"videos": 0}, "videos must be at least 1"),
        ({"size": 8}, "size must be at least 32"),
        ({"seconds": 2.0}, "expected at least"),
        ({"strength": -1.0}, "strength must be"),
        ({"micros": -1}, "must be at least 0"),
        ({"irregular": True}, "irregular needs at least 3 subjects"),
    ],
)
def test_bad_orders_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        LongCorpusConfig(**(TINY | options))


def test_the_command_line(tmp_path):
    command = [sys.executable, "-m", "datasets_tfds.synthetic", "--layout=samm_lv", f"--out={tmp_path / 'out'}"]
    sizes = [f"--{name}={value}" for name, value in TINY.items()]
    done = subprocess.run([*command, *sizes], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    picture = next((tmp_path / "out" / "SAMM_longvideos" / "006_1").iterdir())
    assert cv2.imread(str(picture), cv2.IMREAD_UNCHANGED).shape == (43, 48)
