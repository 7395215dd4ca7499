"""Pictures of a clip: which files of a folder are its frames, what is wrong with them, decoding.

Their order is `akm_jax.data.frame_names`'.
"""

import collections
import io
import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps

from akm_jax.data.frame_names import number_names

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".bmp", ".png", ".tif", ".tiff", ".webp")
NO_FRAMES = "no frames (jpg, bmp, png, tif or webp)"
COPY_AGAIN = "copy from the archive again"
READING = 2  # raised when the same files give other pixels: 2 turns by EXIF and shows transparent pictures on white
_ON_THEIR_SIDE = (5, 6, 7, 8)  # EXIF orientations


class Frame(NamedTuple):
    """One frame file; `number` is what tells its name from the others', whatever it counts from."""

    number: int
    path: Path


def is_picture(name: str) -> bool:
    """Whether a file of this name counts as a frame."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def list_frames(folder: Path, pattern: str = "") -> tuple[Frame, ...]:
    """Frames of a clip folder in the order that `akm_jax.data.frame_names` finds; other files are left alone.

    Args:
        folder: the clip's.
        pattern: what names of frames look like, with `#` for the frame's number.

    Raises:
        ValueError: their order is not clear, or two have one number.
    """
    names = [path.name for path in Path(folder).iterdir() if is_picture(path.name)]
    return tuple(Frame(number, Path(folder, name)) for number, name in number_names(names, pattern))


def decode_grey(data: bytes) -> np.ndarray:
    """Decode an encoded picture to grey, uint8 (H, W). Whatever Pillow raises for a broken one passes through.

    It is turned as its EXIF orientation says, and what is transparent is shown on white.

    Raises:
        UnfitPictureError: not 8 bits a channel, or several pictures in one file.
    """
    return _decode(data, "L")


def decode_rgb(data: bytes) -> np.ndarray:
    """The same in colour, uint8 (H, W, 3): red, green, blue."""
    return _decode(data, "RGB")


def _decode(data: bytes, mode: str) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        _refuse_unfit(image)
        upright = ImageOps.exif_transpose(image) if _orientation(image) != 1 else image
        if upright.has_transparency_data:
            coloured = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", coloured.size, "white"), coloured)
        return np.asarray(upright.convert(mode))


class UnfitPictureError(ValueError):
    """A whole picture that is no frame; `remedy` says what to do."""

    def __init__(self, what: str, remedy: str):
        """Args: what it is; what to do."""
        super().__init__(what)
        self.remedy = remedy


class PictureFacts(NamedTuple):
    """What `check_picture` finds: the size as shown, and whether some of it is transparent."""

    height: int
    width: int
    is_transparent: bool


def check_picture(data: bytes) -> PictureFacts:
    """Read all of an encoded picture; raises as `decode_grey`, but is faster.

    A JPEG file is read to its end but reconstructed at an eighth of its size.
    """
    with Image.open(io.BytesIO(data)) as image:
        _refuse_unfit(image)
        width, height = image.size
        if _orientation(image) in _ON_THEIR_SIDE:
            width, height = height, width
        image.draft("L", (1, 1))
        image.load()
        return PictureFacts(height, width, _is_transparent(image))


def _orientation(image: Image.Image) -> int:
    return int(image.getexif().get(ExifTags.Base.Orientation, 1))


def _is_transparent(image: Image.Image) -> bool:
    """Whether a pixel is; a channel that says everywhere that it is not does not count."""
    if not image.has_transparency_data:
        return False
    return bool(np.asarray(image.convert("RGBA").getchannel("A")).min() < 255)


def _refuse_unfit(image: Image.Image) -> None:
    if image.mode == "1":
        raise UnfitPictureError("1-bit picture, black and white as masks are", "put the grey or coloured frames there")
    if image.mode.startswith(("I", "F")):
        bits = "16 bits or more" if image.mode.startswith("I") else "floating numbers"
        remedy = "convert all frames alike to 8 bits, e.g. by `mogrify -depth 8` of ImageMagick"
        raise UnfitPictureError(f"{bits} a pixel ({image.mode})", remedy)
    count = getattr(image, "n_frames", 1)
    if count > 1 and image.format != "MPO":  # phones keep a second, smaller picture of the same moment in a JPEG
        raise UnfitPictureError(f"{count} pictures in one file", "save each frame as a file of its own")


class Inspection(NamedTuple):
    """What is wrong with a clip's pictures, (what, remedy) for each kind of defect, and what is worth a note."""

    defects: list[tuple[str, str]]
    notes: list[str]


def inspect_pictures(frames: Sequence[Frame]) -> Inspection:
    """Decode a clip's pictures."""
    defects: dict[tuple[str, str], list[str]] = {}
    sizes: dict[tuple[int, int], list[str]] = {}
    transparent = []
    for frame in frames:
        try:
            data = frame.path.read_bytes()
            facts = check_picture(data) if data else None
        except Exception as error:  # broken files make Pillow raise many types; all are reported
            remedy = error.remedy if isinstance(error, UnfitPictureError) else COPY_AGAIN
            defects.setdefault((reason_of(error), remedy), []).append(frame.path.name)
            continue
        if facts is None:
            defects.setdefault(("file of zero bytes", COPY_AGAIN), []).append(frame.path.name)
            continue
        sizes.setdefault((facts.height, facts.width), []).append(frame.path.name)
        if facts.is_transparent:
            transparent.append(frame.path.name)
    found = [(f"{enumerate_some(names)}: {what}", remedy) for (what, remedy), names in defects.items()]
    if len(sizes) > 1:
        shapes = ", ".join(f"{w} x {h} ({enumerate_some(names, 1)})" for (h, w), names in sizes.items())
        found.append((f"frames of different sizes: {shapes}", "crop all frames of a clip alike"))
    notes = [f"transparent, shown on white: {enumerate_some(transparent)}"] if transparent else []
    return Inspection(found, notes)


def reason_of(error: Exception) -> str:
    """What Pillow's error says, without byte counts and addresses, so that equal defects are counted together."""
    if isinstance(error, UnfitPictureError):
        return str(error)
    if "truncated" in str(error).lower():
        return "truncated"
    return "unreadable: " + re.sub(r" <_io\.BytesIO object at 0x[0-9a-f]+>", "", str(error) or type(error).__name__)


def enumerate_some(items: Sequence, limit: int = 3) -> str:
    """The first few of `items`, and how many more there are."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(str(item) for item in items[:limit]) + more


def describe_folder(folder: Path) -> str:
    """What a folder without frames holds, and what is read."""
    names = [path.name for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    kinds = collections.Counter(PurePath(name).suffix.lower().lstrip(".") or "without an ending" for name in names)
    folders = sum(path.is_dir() for path in folder.iterdir())
    parts = [f"{count} {kind}" for kind, count in kinds.most_common(4)] + [f"{folders} folders"] * bool(folders)
    return f"{NO_FRAMES}; it holds {', '.join(parts) or 'nothing'}"
