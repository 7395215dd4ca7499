"""The order of frames by their names: what is taken, and what is refused rather than guessed."""

import random

import pytest

from akm_jax.data.frame_names import FrameOrderError, number_names


def order(names, pattern=""):
    """Names in the order found, from a shuffled listing; and their numbers."""
    shuffled = list(names)
    random.Random(0).shuffle(shuffled)
    found = number_names(shuffled, pattern)
    return [name for _, name in found], [number for number, _ in found]


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["img8.jpg", "img9.JPG", "img10.png", "img011.jpeg"], [8, 9, 10, 11]),
        (["006_1_2_05562.jpg", "006_1_2_05563.jpg"], [5562, 5563]),
        ([f"frame_{i}_of_12.png" for i in (1, 2, 10, 12)], [1, 2, 10, 12]),
        ([f"{i:04d}_mask.png" for i in (1, 2, 10)], [1, 2, 10]),
        ([f"img ({i}).png" for i in (1, 2, 10)], [1, 2, 10]),
        (["s01.0008.png", "s01.0010.png"], [8, 10]),
        (["clip.8.png", "clip.10.png"], [8, 10]),
        (["12-30-58-90.png", "12-30-58-110.png"], [90, 110]),
        ([f"frame_det_00_{i:06d}.bmp" for i in (1, 2, 10)], [1, 2, 10]),
        (["f_1700000000999.png", "f_1700000001033.png"], [0, 1]),
        (["only_7_this.png"], [7]),
        ([], []),
    ],
)
def test_one_number_that_differs_is_the_frames(names, numbers):
    assert order(names) == (names, numbers)


@pytest.mark.parametrize(
    ("names", "message", "pattern"),
    [
        (["12-30-58-0110.png", "12-30-59-0010.png"], "differ in their numbers 3 and 4", "12-30-58-#.png"),
        (["t0.8s.png", "t0.9s.png", "t1.0s.png"], "differ in their numbers 1 and 2", "t0.#s.png"),
        (["t0.8s.png", "t0.85s.png", "t0.9s.png"], "may count with decimals", "t0.#s.png"),
        (
            ["frame_det_00_000001.bmp", "frame_det_01_000001.bmp", "frame_det_00_000002.bmp"],
            "3 names such as frame_det_00_000001.bmp, frame_det_01_000001.bmp differ in their numbers 1 and 2",
            "frame_det_00_#.bmp",
        ),
        (["img10.png", "img11.png", "img11 (2).png"], r"img11 \(2\).png: by the name a copy of another fr", "img#.png"),
        (["img10.png", "img11.png", "img11 - Copy.png", "Copy of img10.png"], "by the name a copy", "img#.png"),
        (["img10.png", "img11.png", "img11 - Kopie (2).png", "img10 copy 2.png"], "by the name a copy", "img#.png"),
        (["reg_image000101 (1).bmp", "reg_image000101.bmp", "reg_image000102.bmp"], "a copy", "reg_image#.bmp"),
        (
            ["0001.png", "0002.png", "0003.png", "0001_mask.png", "0002_mask.png"],
            "names of 2 kinds: 3 such as 0001.png; 2 such as 0001_mask.png",
            "#.png",
        ),
        (["onset.png", "apex.png", "offset.png"], "apex.png, offset.png, onset.png: no frame number in the name", ""),
        (["img1.png", "img2.png", "cover.png"], "cover.png: no frame number", "img#.png"),
        (["img1.png", "img001.bmp"], "img001.bmp and img1.png have the same frame number", "img#.bmp"),
        (["img1.png", "img1.jpg", "img2.png", "img2.jpg"], "img1.jpg and img1.png have the same", "img#.jpg"),
    ],
)
def test_what_is_not_clear_is_refused_with_a_pattern_that_settles_it(names, message, pattern):
    with pytest.raises(FrameOrderError, match=message) as error:
        order(names)
    assert error.value.pattern == pattern


@pytest.mark.parametrize(
    ("names", "pattern", "numbers"),
    [
        (["img9.png", "img10.png"], "img#.png", [9, 10]),
        (["12-30-58-0110.png", "12-30-59-0010.png"], "*-#-#-#.png", [0, 1]),
        (["t0.8s.png", "t0.85s.png", "t0.9s.png", "t1.0s.png", "t10.0s.png"], "t#s.png", [0, 1, 2, 3, 4]),
        (["frame_det_00_000001.bmp", "frame_det_00_000002.bmp"], "*_00_#.bmp", [1, 2]),
        (["a12_34.PNG", "b12_35.png"], "*_#.png", [34, 35]),
    ],
)
def test_a_pattern_settles_it_and_leaves_other_names_alone(names, pattern, numbers):
    found, numbered = number_names([*names, "frame_det_01_000001.bmp", "cover.jpg"], pattern), numbers
    assert [name for _, name in found] == names
    assert [number for number, _ in found] == numbered


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("img*.png", r"pattern 'img\*.png': expected a file name with # in place"),
        ("pic#.png", r"no name fits the pattern 'pic#.png'; there are img1.png, img10.jpg, img10.png"),
        ("img#.*", "img10.jpg and img10.png have the same frame number"),
    ],
)
def test_patterns_that_do_not_fit_are_refused(pattern, message):
    with pytest.raises(ValueError, match=message):
        order(["img1.png", "img10.png", "img10.jpg"], pattern)
