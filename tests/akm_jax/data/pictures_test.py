"""Pictures: orientation, transparency, depth, and what folders without frames hold."""

import io
import re

import numpy as np
import pytest
from PIL import ExifTags, Image

from akm_jax.data.pictures import (
    UnfitPictureError,
    check_picture,
    decode_grey,
    decode_rgb,
    describe_folder,
    inspect_pictures,
    list_frames,
)

GREY = np.arange(12 * 8, dtype=np.uint8).reshape(12, 8) * 2


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_orientation(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [(1, GREY), (3, GREY[::-1, ::-1]), (6, np.rot90(GREY, -1)), (8, np.rot90(GREY)), (2, GREY[:, ::-1])],
)
def test_pictures_are_turned_as_exif_says(orientation, turned):
    data = encode(Image.fromarray(GREY), exif=with_orientation(orientation))
    np.testing.assert_array_equal(decode_grey(data), turned)
    np.testing.assert_array_equal(decode_rgb(data)[..., 0], turned)
    assert check_picture(data)[:2] == turned.shape


def test_a_photo_of_a_phone_is_turned():
    data = encode(Image.fromarray(GREY), "JPEG", quality=95, exif=with_orientation(6))
    np.testing.assert_allclose(decode_grey(data).astype(int), np.rot90(GREY, -1), atol=6)  # JPEG's rounding
    assert check_picture(data) == (8, 12, False)


def test_what_is_transparent_is_shown_on_white_and_noted(tmp_path):
    hidden = np.zeros((6, 5, 4), np.uint8)
    hidden[:, :, 0] = 200  # a colour that nobody sees
    hidden[:3, :, 3] = 255
    colour = int(np.asarray(Image.new("RGB", (1, 1), (200, 0, 0)).convert("L"))[0, 0])
    shown = np.where(np.arange(6)[:, None] < 3, colour, 255) * np.ones((1, 5), int)
    palette = Image.fromarray((GREY[:6, :5] > 20).astype(np.uint8), "P")
    palette.putpalette([200, 0, 0, 9, 9, 9])
    np.testing.assert_array_equal(decode_grey(encode(Image.fromarray(hidden))), shown)
    np.testing.assert_array_equal(
        decode_grey(encode(palette, transparency=0)), np.where(np.asarray(palette) == 0, 255, 9)
    )
    (tmp_path / "f1.png").write_bytes(encode(Image.fromarray(hidden)))
    hidden[..., 3] = 255
    (tmp_path / "f2.png").write_bytes(encode(Image.fromarray(hidden)))
    found = inspect_pictures(list_frames(tmp_path))
    assert found.defects == []
    assert found.notes == ["transparent, shown on white: f1.png"]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK", "LA", "L"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG", "BMP"])
def test_all_colours_of_all_files_give_the_same_grey(mode, kind):
    image = Image.fromarray(GREY).convert(mode)
    try:
        data = encode(image, kind, **({"lossless": True} if kind == "WEBP" else {}))
    except (OSError, ValueError):
        return  # this kind of file does not hold it
    np.testing.assert_allclose(decode_grey(data).astype(int), GREY, atol=14 if kind == "JPEG" else 1)
    assert not check_picture(data).is_transparent


@pytest.mark.parametrize(
    ("image", "kind", "what", "remedy"),
    [
        (Image.fromarray(GREY.astype(np.uint16) * 256), "PNG", "16 bits or more a pixel", "convert .* to 8 bits"),
        (Image.fromarray(GREY.astype(np.int32) * 256), "TIFF", "16 bits or more a pixel", "convert .* to 8 bits"),
        (Image.fromarray(GREY.astype(np.float32)), "TIFF", "floating numbers a pixel", "convert .* to 8 bits"),
        (Image.fromarray(GREY > 20), "PNG", "1-bit picture, black and white as masks are", "put the grey or coloured"),
    ],
)
def test_what_is_no_frame_has_its_own_remedy(tmp_path, image, kind, what, remedy):
    with pytest.raises(UnfitPictureError, match=what) as error:
        decode_grey(encode(image, kind))
    assert re.search(remedy, error.value.remedy)
    (tmp_path / "f1.png").write_bytes(encode(image, kind))
    ((told, advice),) = inspect_pictures(list_frames(tmp_path)).defects
    assert told.startswith(f"f1.png: {what}")
    assert advice == error.value.remedy


def test_several_pictures_in_one_file_are_refused():
    pages = [Image.fromarray(GREY), Image.fromarray(GREY[::-1])]
    for kind in ("TIFF", "WEBP"):
        with pytest.raises(UnfitPictureError, match="2 pictures in one file"):
            decode_grey(encode(pages[0], kind, save_all=True, append_images=pages[1:]))


def test_a_folder_without_frames_says_what_it_holds(tmp_path):
    assert describe_folder(tmp_path) == "no frames (jpg, bmp, png, tif or webp); it holds nothing"
    for name in ("a1.heic", "a2.HEIC", "notes.txt", "README", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "inner").mkdir()
    assert describe_folder(tmp_path).endswith("it holds 2 heic, 1 without an ending, 1 txt, 1 folders")
