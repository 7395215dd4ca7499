"""Frames of one's own clips in builders: damaged videos, names whose order is not clear, pictures turned by EXIF."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

from akm_jax.data.video import VideoFile
from datasets_tfds.folder.survey import survey
from datasets_tfds.source import load_clip_set
from datasets_tfds.survey import Survey

HEADER = "path,subject,label,frame_names"


def save_frames(folder: Path, names, **options) -> None:
    folder.mkdir(parents=True)
    for k, name in enumerate(names):
        Image.fromarray(np.full((10, 12), 9 * k, np.uint8)).save(folder / name, **options)


def surveyed(folder: Path, *rows: str) -> Survey:
    (folder / "clips.csv").write_text("\n".join([HEADER, *rows]))
    found = survey(folder)
    found.read_frames()
    return found


@pytest.fixture
def folder(tmp_path) -> Path:
    """A clip of each of two people, numbered from 10."""
    for name in ("1/a", "2/a"):
        save_frames(tmp_path / "own" / name, [f"img{i}.png" for i in (10, 11, 12)])
    return tmp_path / "own"


def test_a_damaged_video_is_a_problem_of_its_clip(folder):
    path = folder / "1" / "take.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for k in range(20):
        writer.write(np.full((48, 64, 3), 12 * k, np.uint8))
    writer.release()
    rows = ("1/a,1,x", "2/a,2,x", "1/take.avi,1,y")
    assert surveyed(folder, *rows).check.problems == []
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    found = surveyed(folder, *rows)
    (problem,) = found.check.problems
    assert "clips.csv row 4: take: " in problem
    assert " of 20 frames can be read; missing: " in problem
    assert "as when a copy is broken off -> repair or replace it" in problem
    assert len(found.usable) == 2


def test_a_video_whose_frames_come_unevenly_is_noted(folder, monkeypatch):
    (folder / "1" / "phone.mp4").touch()
    times = np.cumsum([0, 0.03, 0.03, 0.1, 0.03, 0.03])
    seen = VideoFile(
        folder / "1" / "phone.mp4", np.arange(6), times, 8, 27.0, 64, 48, note="phone.mp4: its header lies"
    )
    monkeypatch.setattr("akm_jax.data.video.look_through", lambda path: seen)
    found = surveyed(folder, "1/a,1,x", "2/a,2,x", "1/phone.mp4,1,y")
    assert found.check.problems == []
    assert (
        "phone.mp4: frames come unevenly, 30 to 100 ms apart, 30 usually; frames per second are a mean"
        in found.check.notes
    )
    assert "phone.mp4: its header lies" in found.check.notes


def test_a_column_says_which_names_are_frames(folder):
    save_frames(folder / "1" / "faces", ["frame_det_00_0001.png", "frame_det_00_0002.png", "frame_det_01_0001.png"])
    rows = ("1/a,1,x", "2/a,2,x")
    (problem,) = surveyed(folder, *rows, "1/faces,1,y").check.problems
    assert (
        "faces: 3 names such as frame_det_00_0001.png, frame_det_01_0001.png differ in their numbers 1 and 2" in problem
    )
    assert "; or write frame_det_00_#.png into a column frame_names of clips.csv -> repair or replace it" in problem
    found = surveyed(folder, *rows, "1/faces,1,y,frame_det_00_#.png")
    assert found.check.problems == []
    (clip,) = [clip for clip in found.clips if clip.clip_id == "faces"]
    assert [(frame.number, frame.path.name) for frame in clip.frames] == [
        (1, "frame_det_00_0001.png"),
        (2, "frame_det_00_0002.png"),
    ]
    (problem,) = surveyed(folder, *rows, "1/faces,1,y,face#.png").check.problems
    assert "no name fits the pattern 'face#.png'" in problem


def test_copies_are_named_as_copies(folder):
    (folder / "1" / "a" / "img11 (2).png").write_bytes((folder / "1" / "a" / "img11.png").read_bytes())
    problem = surveyed(folder, "1/a,1,x", "2/a,2,x").check.problems[0]
    assert "1_a: img11 (2).png: by the name a copy of another frame; delete it" in problem


def test_pictures_are_turned_as_exif_says_and_transparent_ones_noted(folder, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    save_frames(folder / "1" / "b", ["img1.png", "img2.png"], exif=exif)
    Image.fromarray(np.zeros((10, 12, 4), np.uint8)).save(folder / "2" / "a" / "img10.png")
    found = surveyed(folder, "1/a,1,x", "1/b,1,y", "2/a,2,x")
    assert found.check.problems == []
    assert "2_a: transparent, shown on white: img10.png" in found.check.notes
    clip_set = load_clip_set("folder", manual_dir=folder, data_dir=tmp_path / "built")
    shapes = dict(zip(clip_set.clip_ids, (clip_set.read(i).shape for i in range(3)), strict=True))
    assert shapes == {"1_a": (3, 10, 12), "b": (2, 12, 10), "2_a": (3, 10, 12)}
    assert clip_set.read(clip_set.clip_ids.index("2_a"))[0].min() == 255


def test_each_kind_of_unfit_picture_has_its_remedy(folder):
    Image.fromarray(np.zeros((10, 12), np.uint16)).save(folder / "1" / "a" / "img10.png")
    Image.fromarray(np.zeros((10, 12), bool)).save(folder / "2" / "a" / "img10.png")
    (folder / "2" / "a" / "img11.png").write_bytes(b"")
    problems = surveyed(folder, "1/a,1,x", "2/a,2,x").check.problems
    assert "1/a: img10.png: 16 bits or more a pixel (I;16) -> convert all frames alike to 8 bits" in problems[0]
    assert (
        "2/a: img10.png: 1-bit picture, black and white as masks are -> put the grey or coloured frames" in problems[1]
    )
    assert "2/a: img11.png: file of zero bytes -> copy from the archive again" in problems[2]


def test_a_set_of_a_version_that_read_pictures_otherwise_is_made_anew(folder, tmp_path, monkeypatch, caplog):
    surveyed(folder, "1/a,1,x", "2/a,2,x")
    monkeypatch.setattr("datasets_tfds.layout.READING", 1)
    load_clip_set("folder", manual_dir=folder, data_dir=tmp_path / "built")
    monkeypatch.undo()
    load_clip_set("folder", manual_dir=folder, data_dir=tmp_path / "built")
    assert "it was made from other files, or these have changed since" in caplog.text
