"""Folders of still pictures: classes, formats, what is refused and how it is said."""

import numpy as np
import pytest
from PIL import Image

from datasets_tfds.stills import load_stills


def write(folder, name, *, size=(7, 5), mode="L", value=100):
    folder.mkdir(parents=True, exist_ok=True)
    colour = value if mode in ("L", "P") else (value,) * 3 + (255,) * (mode == "RGBA")
    Image.new(mode, size, colour).save(folder / name)


@pytest.fixture
def stills(tmp_path):
    """Two classes of two pictures."""
    for label in ("happy", "angry"):
        for i in range(2):
            write(tmp_path / label, f"{i}.png", value=100 + i)
    return tmp_path


def test_classes_are_the_folders_sorted_and_pictures_clips_of_one_frame(stills):
    clip_set = load_stills(stills)
    assert clip_set.class_names == ("angry", "happy")
    assert clip_set.labels.tolist() == [0, 0, 1, 1]
    assert clip_set.clip_ids == ("angry/0.png", "angry/1.png", "happy/0.png", "happy/1.png")
    assert clip_set.lengths.tolist() == [1] * 4
    assert clip_set.read(1).shape == (1, 5, 7)
    assert (clip_set.read(1) == 101).all()


@pytest.mark.parametrize(
    "names", [("positive", "negative", "surprise", "others"), ("negative", "positive", "surprise")]
)
def test_classes_of_a_scheme_come_in_its_order(tmp_path, names):
    for name in names:
        for i in range(2):
            write(tmp_path / name, f"{i}.png")
    assert load_stills(tmp_path).class_names == names


def test_the_same_share_of_every_class_is_held_out_with_some_people(tmp_path):
    for label, count in (("a", 4), ("b", 8)):
        for i in range(count):
            write(tmp_path / label, f"{i}.png")
    clip_set = load_stills(tmp_path)
    of_person = np.array(clip_set.subjects) == sorted(set(clip_set.subjects))[0]
    assert clip_set.labels[of_person].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.jpg", "RGB"),
        ("b.png", "RGBA"),
        ("c.bmp", "L"),
        ("d.gif", "P"),
        ("e.tiff", "L"),
        ("f.webp", "RGB"),
        ("G.JPEG", "L"),
    ],
)
def test_any_format_is_read_as_grey(stills, name, mode):
    write(stills / "happy", name, mode=mode, value=200)
    clip_set = load_stills(stills)
    picture = clip_set.read(clip_set.clip_ids.index(f"happy/{name}"))
    assert (picture.dtype, picture.shape) == (np.uint8, (1, 5, 7))
    if mode != "P":
        assert np.abs(picture.astype(int) - 200).max() <= 1  # lossy formats round


def test_one_class_is_too_few(tmp_path):
    write(tmp_path / "happy", "0.png")
    with pytest.raises(
        ValueError, match=r"holds one class folder, happy; .*two classes or more.*expected one folder a class"
    ):
        load_stills(tmp_path)


def test_pictures_without_class_folders_are_no_classes(tmp_path):
    write(tmp_path, "0.png")
    with pytest.raises(ValueError, match="holds no class folders"):
        load_stills(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone: no such folder; expected one folder a class"):
        load_stills(tmp_path / "gone")


def test_a_class_of_one_picture_is_named(stills):
    write(stills / "sad", "0.png")
    with pytest.raises(ValueError, match="fewer than 2 pictures of class sad"):
        load_stills(stills)


def test_folders_within_a_class_are_refused(stills):
    write(stills / "happy" / "more", "0.png")
    with pytest.raises(ValueError, match="happy holds folders, more"):
        load_stills(stills)


def test_all_pictures_that_cannot_be_read_are_named(stills):
    (stills / "happy" / "empty.png").touch()
    (stills / "happy" / "text.jpg").write_text("no picture")
    whole = (stills / "angry" / "0.png").read_bytes()
    (stills / "angry" / "cut.png").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.full((4, 4), 900, np.uint16)).save(stills / "angry" / "deep.png")
    with pytest.raises(ValueError, match="4 pictures cannot be read; replace or remove them") as error:
        load_stills(stills)
    for part in (
        "angry/cut.png: ",
        "angry/deep.png: ",
        "happy/empty.png: ",
        "zero bytes",
        "happy/text.jpg: unreadable",
    ):
        assert part in str(error.value)


def test_what_is_no_picture_is_told(stills, caplog):
    (stills / "happy" / "labels.csv").write_text("a,b\n")
    assert len(load_stills(stills)) == 4
    assert "1 files that are no pictures are left out: labels.csv" in caplog.text


def test_a_picture_that_went_away_is_named(stills):
    clip_set = load_stills(stills)
    (stills / "angry" / "0.png").unlink()
    with pytest.raises(ValueError, match=r"angry/0\.png: unreadable"):
        clip_set.read(0)


def test_what_network_drives_leave_behind_is_no_class_and_no_picture(stills):
    write(stills / "@eaDir", "0.png")
    write(stills / "happy" / "@eaDir", "0.png")
    assert load_stills(stills).class_names == ("angry", "happy")
