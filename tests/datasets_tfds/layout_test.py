"""Frame listing, subject names, roots, and the report of everything that is wrong with a folder."""

import io
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from akm_jax.data import pictures
from akm_jax.data.pictures import inspect_pictures
from datasets_tfds import layout
from datasets_tfds.disk_check import DiskCheck, KnownDefect
from datasets_tfds.layout import ClipFolder


def encode(shape: tuple[int, int] = (10, 12), kind: str = "BMP", seed: int = 0) -> bytes:
    """A noisy picture: uncompressible, so that every cut-off byte matters."""
    picture = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind)
    return file.getvalue()


def make_clip(root: Path, clip_id: str = "s1_ne_01", numbers: tuple[int, ...] = (7, 8, 9)) -> Path:
    folder = root / clip_id
    folder.mkdir(parents=True)
    for number in numbers:
        (folder / f"image{number:06d}.bmp").write_bytes(encode(seed=number))
    return folder


def as_clip(folder: Path) -> ClipFolder:
    return ClipFolder(folder.name, "1", "negative", folder, pictures.list_frames(folder))


def run_check(root: Path, folders: list[Path], known: dict[str, KnownDefect] | None = None) -> DiskCheck:
    check = DiskCheck("SET", root)
    check.check_clips([as_clip(folder) for folder in folders], known or {})
    return check


@pytest.mark.parametrize("name", ["1", "01", "sub01", "sub1", "s1", "s01", "S01", "001", " 1 ", 1, 1.0])
def test_subject_names_of_all_sets_are_one(name):
    assert layout.normalise_subject(name) == "1"


def test_subject_zero_and_longer_numbers():
    assert [layout.normalise_subject(name) for name in ("006", "s20", "0", "sub100")] == ["6", "20", "0", "100"]


@pytest.mark.parametrize("name", ["", "negative", "s", "1a", "EP01", "-1", "1.5"])
def test_what_is_not_a_subject_is_an_error(name):
    with pytest.raises(ValueError, match="not a subject"):
        layout.normalise_subject(name)


def test_frames_are_found_by_suffix_and_ordered_by_their_number(tmp_path):
    names = ["EP01_5-10.jpg", "EP01_5-9.JPG", "EP01_5-011.png", "EP01_5-8.jpeg", "EP01_5-12.BMP"]
    for name in [*names, "Thumbs.db", "img1.lnk", "._EP01_5-9.jpg", "notes.txt"]:
        (tmp_path / name).touch()
    frames = pictures.list_frames(tmp_path)
    assert [frame.number for frame in frames] == [8, 9, 10, 11, 12]
    assert [frame.path.name for frame in frames] == [names[3], names[1], names[0], names[2], names[4]]


def test_a_frame_number_twice_is_an_error(tmp_path):
    (tmp_path / "img1.jpg").touch()
    (tmp_path / "img001.bmp").touch()
    with pytest.raises(ValueError, match=r"img001\.bmp and img1\.jpg have the same frame number"):
        pictures.list_frames(tmp_path)


def test_a_picture_without_a_number_is_an_error(tmp_path):
    (tmp_path / "cover.jpg").touch()
    with pytest.raises(ValueError, match="no frame number"):
        pictures.list_frames(tmp_path)


@pytest.mark.parametrize("below", ["TOP/HS", "TOP/TOP/HS", "TOP/HS/HS", "download/set/top/hs", "TOP/TOP/HS/HS"])
def test_the_root_is_found_at_any_level(tmp_path, below):
    root = tmp_path / below
    (root / "s1").mkdir(parents=True)
    (tmp_path / "other" / "HS").mkdir(parents=True)
    (tmp_path / "__MACOSX" / "TOP" / "HS").mkdir(parents=True)
    for start in (tmp_path, *[p for p in [root, *root.parents] if tmp_path in p.parents]):
        assert layout.find_root(start, "TOP", "HS") == root


def test_an_absent_folder_and_a_folder_without_the_set_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist; expected a folder that holds TOP/HS"):
        layout.find_root(tmp_path / "absent", "TOP", "HS")
    with pytest.raises(FileNotFoundError, match="does not hold TOP/HS; it holds nothing"):
        layout.find_root(tmp_path, "TOP", "HS")
    (tmp_path / "CASME2").mkdir()
    with pytest.raises(FileNotFoundError, match="it holds CASME2"):
        layout.find_root(tmp_path, "TOP", "HS")


def test_two_roots_are_an_error(tmp_path):
    for copy in "ab":
        (tmp_path / copy / "TOP" / "HS").mkdir(parents=True)
    with pytest.raises(ValueError, match="more than once"):
        layout.find_root(tmp_path, "TOP", "HS")


def test_unwrap_enters_a_folder_repeated_in_itself_only(tmp_path):
    (tmp_path / "a" / "a").mkdir(parents=True)
    (tmp_path / "b" / "c").mkdir(parents=True)
    assert layout.unwrap(tmp_path / "a") == tmp_path / "a" / "a"
    assert layout.unwrap(tmp_path / "b") == tmp_path / "b"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "file of zero bytes"),
        (b"this is no picture", "unreadable: cannot identify image file"),
        (encode()[:-20], "truncated"),
        (encode()[:30], "unreadable|truncated"),
    ],
)
def test_a_broken_picture_is_named(tmp_path, data, what):
    folder = make_clip(tmp_path)
    (folder / "image000008.bmp").write_bytes(data)
    (problem,) = run_check(tmp_path, [folder]).problems
    assert re.search(f"s1_ne_01: image000008.bmp: ({what}) -> ", problem)


@pytest.mark.parametrize(("kind", "suffix"), [("BMP", "bmp"), ("JPEG", "jpg"), ("PNG", "png")])
def test_a_picture_cut_off_anywhere_is_found(tmp_path, kind, suffix):
    whole = encode((40, 30), kind)
    folder = make_clip(tmp_path, numbers=())
    cuts = range(1, len(whole) - 24, 37)  # PNG ends with 12 bytes, BMP rows with padding, that hold no pixel
    for number, cut in enumerate(cuts):
        (folder / f"{number}.{suffix}").write_bytes(whole[:cut])
    problems = inspect_pictures(pictures.list_frames(folder)).defects
    broken = {name for what, _ in problems for name in re.findall(r"\d+\.\w+", what)}
    counts = [int(n) for what, _ in problems for n in re.findall(r"and (\d+) more", what)]
    assert len(broken) + sum(counts) == len(cuts)


def test_frames_of_different_sizes_are_named_with_width_and_height(tmp_path):
    folder = make_clip(tmp_path)
    (folder / "image000009.bmp").write_bytes(encode((10, 16)))
    (problem,) = run_check(tmp_path, [folder]).problems
    assert "12 x 10 (image000007.bmp and 1 more), 16 x 10 (image000009.bmp)" in problem


def test_a_clip_of_one_frame_is_valid(tmp_path):
    folder = make_clip(tmp_path, numbers=(3,))
    assert run_check(tmp_path, [folder]).problems == []


def test_a_gap_in_the_frame_numbers_is_a_problem_however_wide(tmp_path):
    folder = make_clip(tmp_path, numbers=(7, 8, 11, 10**9))
    (problem,) = run_check(tmp_path, [folder]).problems
    assert f"{10**9 - 10} missing in the frame numbers: none between 8 and 11, none between 11 and {10**9}" in problem


def test_known_defects_are_notes_up_to_their_extent(tmp_path):
    folders = [
        make_clip(tmp_path, "gap", (7, 9)),
        make_clip(tmp_path, "wide_gap", (7, 19)),
        make_clip(tmp_path, "empty", ()),
        make_clip(tmp_path, "whole"),
    ]
    known = {name: KnownDefect(name, "gap", 2, "seen") for name in ("gap", "wide_gap", "whole")}
    known["empty"] = KnownDefect("empty", "empty", 0, "seen")
    check = run_check(tmp_path, folders, known)
    assert [line.split(":")[0] for line in check.problems] == ["wide_gap"]
    assert len(check.notes) == 2
    assert check.left_out == {"wide_gap", "empty"}


def test_a_clip_id_twice_is_a_problem(tmp_path):
    folders = [make_clip(tmp_path / "a"), make_clip(tmp_path / "b")]
    (problem,) = run_check(tmp_path, folders).problems
    assert "a/s1_ne_01: clip s1_ne_01 again in b/s1_ne_01" in problem


def test_all_problems_are_raised_in_one_report(tmp_path):
    folders = [make_clip(tmp_path, "empty", ()), make_clip(tmp_path, "gap", (1, 3)), make_clip(tmp_path, "whole")]
    check = run_check(tmp_path, folders)
    check.add_problem(tmp_path / "notes", "surplus folder", "move it away")
    with pytest.raises(ValueError, match="SET: 3 problems in ") as error:
        check.finish([as_clip(folder) for folder in folders], allow_missing=False)
    lines = str(error.value).splitlines()
    assert [line.strip().split(":")[0] for line in lines[1:-1]] == ["empty", "gap", "notes"]
    assert "--allow_missing" in lines[-1]


def test_allow_missing_leaves_spoilt_clips_out_and_says_which(tmp_path, caplog):
    folders = [make_clip(tmp_path, "empty", ()), make_clip(tmp_path, "gap", (1, 3)), make_clip(tmp_path, "whole")]
    kept = run_check(tmp_path, folders).finish([as_clip(folder) for folder in folders], allow_missing=True)
    assert [clip.clip_id for clip in kept] == ["whole"]
    assert "Left out: empty, gap" in caplog.text


def test_no_usable_clip_is_an_error_in_any_case(tmp_path):
    folder = make_clip(tmp_path, "empty", ())
    with pytest.raises(ValueError, match="No clip can be used"):
        run_check(tmp_path, [folder]).finish([as_clip(folder)], allow_missing=True)


def test_notes_are_logged(tmp_path, caplog):
    folder = make_clip(tmp_path)
    check = run_check(tmp_path, [folder])
    check.notes.append("numbers differ")
    check.finish([as_clip(folder)], allow_missing=False)
    assert "SET: numbers differ" in caplog.text


def test_the_fingerprint_follows_names_sizes_and_times(tmp_path):
    def now() -> str:
        return layout.fingerprint(tmp_path, [as_clip(folder)])

    folder = make_clip(tmp_path)
    frame = folder / "image000008.bmp"
    first = now()
    assert now() == first
    (folder / "Thumbs.db").touch()
    assert now() == first
    os.utime(frame, ns=(0, frame.stat().st_mtime_ns + 1))
    second = now()
    frame.rename(folder / "image000010.bmp")
    third = now()
    (folder / "image000010.bmp").unlink()
    assert len({first, second, third, now()}) == 4


def test_decoding_is_grey_and_refuses_more_than_8_bits():
    colour, deep = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (4, 3), (255, 0, 0)).save(colour, "BMP")
    Image.fromarray(np.full((3, 4), 40_000, np.uint16)).save(deep, "PNG")
    grey = pictures.decode_grey(colour.getvalue())
    assert grey.shape == (3, 4)
    assert (grey == 76).all()  # 0.299 * 255
    with pytest.raises(ValueError, match="16 bits or more a pixel"):
        pictures.decode_grey(deep.getvalue())
