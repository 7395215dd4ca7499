"""CK+ in the folders it is distributed in; the pictures are noise."""

import cv2
import numpy as np
import pytest

from datasets_tfds.source import load_clip_set
from experiments import check_data


@pytest.fixture
def ck_plus(tmp_path):
    """Three people with two sequences each, and one without an emotion."""
    rng, root = np.random.default_rng(0), tmp_path / "ck"
    for person in ("S005", "S010", "S011"):
        for number, code in (("001", 3), ("002", 5), ("003", None)):
            folder = root / "cohn-kanade-images" / person / number
            folder.mkdir(parents=True)
            for frame in range(1, 13):
                picture = rng.integers(0, 255, (16, 16), np.uint8)
                cv2.imwrite(str(folder / f"{person}_{number}_{frame:08d}.png"), picture)
            if code is not None:
                labels = root / "Emotion" / person / number
                labels.mkdir(parents=True)
                (labels / f"{person}_{number}_00000012_emotion.txt").write_text(f"   {code}.0000000e+00\n")
    (root / "cohn-kanade-images" / "S005" / ".DS_Store").write_text("")
    (root / "ReadMe_CohnKanadeDatabase_website.txt").write_text("Please cite")
    return root


def test_sequences_with_an_emotion_are_clips(ck_plus, tmp_path):
    found = load_clip_set("folder", manual_dir=ck_plus, data_dir=tmp_path / "built")
    assert found.class_names == ("disgust", "happiness")
    assert found.clip_ids == ("S005_001", "S005_002", "S010_001", "S010_002", "S011_001", "S011_002")
    assert len(set(found.subjects)) == 3
    assert found.lengths.tolist() == [12] * 6
    assert found.labels.tolist() == [0, 1] * 3
    survey = check_data.find("folder", ck_plus)
    assert any("6 sequences with an emotion, 3 without, left out" in note for note in survey.check.notes)


def test_emotions_that_are_none_are_named(ck_plus):
    emotions = ck_plus / "Emotion"
    (emotions / "S005/001/S005_001_00000012_emotion.txt").write_text("9")
    (emotions / "S010/002/S010_002_00000013_emotion.txt").write_text("5")
    problems = "\n".join(check_data.find("folder", ck_plus).check.problems)
    assert "S005_001_00000012_emotion.txt: emotion '9', expected 1 anger, 2 contempt" in problems
    assert "a second emotion beside S010_002_00000012_emotion.txt -> keep one of them" in problems
