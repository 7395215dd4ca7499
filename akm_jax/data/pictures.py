"""Pictures of a clip: which files of a folder are its frames, in which order, what is wrong with them, decoding."""

import io
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".bmp", ".png")
NO_FRAMES = "no frames (jpg, jpeg, bmp or png)"


class Frame(NamedTuple):
    """One frame file; `number` is the last run of digits in its name, whatever it counts from."""

    number: int
    path: Path


def is_picture(name: str) -> bool:
    """Whether a file of this name counts as a frame."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def list_frames(folder: Path) -> tuple[Frame, ...]:
    """Frames of a clip folder in the order of their numbers; other files are left alone.

    Raises:
        ValueError: a picture without a number, or two with the same number.
    """
    paths = [p for p in Path(folder).iterdir() if is_picture(p.name)]
    frames = sorted(Frame(_frame_number(path), path) for path in paths)
    for one, other in itertools.pairwise(frames):
        if one.number == other.number:
            raise ValueError(f"{folder}: {one.path.name} and {other.path.name} have the same frame number")
    return tuple(frames)


def _frame_number(path: Path) -> int:
    digits = re.findall(r"\d+", path.stem)
    if not digits:
        raise ValueError(f"{path}: no frame number in the file name; expected a name such as image000123.bmp")
    return int(digits[-1])


def decode_grey(data: bytes) -> np.ndarray:
    """Decode an encoded picture to grey, uint8 (H, W). Whatever Pillow raises for a broken one passes through.

    Raises:
        ValueError: more than 8 bits a pixel.
    """
    with Image.open(io.BytesIO(data)) as image:
        _refuse_deep(image)
        return np.asarray(image.convert("L"))


def check_picture(data: bytes) -> tuple[int, int]:
    """Read all of an encoded picture and give (height, width); raises as `decode_grey`, but is faster.

    A JPEG file is read to its end but reconstructed at an eighth of its size.
    """
    with Image.open(io.BytesIO(data)) as image:
        _refuse_deep(image)
        width, height = image.size
        image.draft("L", (1, 1))
        image.load()
    return height, width


def _refuse_deep(image: Image.Image) -> None:
    if image.mode.startswith(("I", "F")):
        raise ValueError(f"{image.mode} picture: expected 8 bits a channel")


def inspect_pictures(frames: Sequence[Frame]) -> list[tuple[str, str]]:
    """Decode a clip's pictures and give (what is wrong, remedy), one pair for each kind of defect."""
    defects: dict[str, list[str]] = {}
    sizes: dict[tuple[int, int], list[str]] = {}
    for frame in frames:
        try:
            data = frame.path.read_bytes()
            shape = check_picture(data) if data else None
        except Exception as error:  # broken files make Pillow raise many types; all are reported
            defects.setdefault(reason_of(error), []).append(frame.path.name)
            continue
        if shape is None:
            defects.setdefault("file of zero bytes", []).append(frame.path.name)
        else:
            sizes.setdefault(shape, []).append(frame.path.name)
    found = [(f"{enumerate_some(names)}: {what}", "copy from the archive again") for what, names in defects.items()]
    if len(sizes) > 1:
        shapes = ", ".join(f"{w} x {h} ({enumerate_some(names, 1)})" for (h, w), names in sizes.items())
        found.append((f"frames of different sizes: {shapes}", "crop all frames of a clip alike"))
    return found


def reason_of(error: Exception) -> str:
    """What Pillow's error says, without byte counts and addresses, so that equal defects are counted together."""
    if "truncated" in str(error).lower():
        return "truncated"
    return "unreadable: " + re.sub(r" <_io\.BytesIO object at 0x[0-9a-f]+>", "", str(error) or type(error).__name__)


def enumerate_some(items: Sequence, limit: int = 3) -> str:
    """The first few of `items`, and how many more there are."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(str(item) for item in items[:limit]) + more


def read_clip(folder: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read one folder of frames.

    Returns:
        The frames in the order of their numbers, grey uint8 (T, H, W), and their file names.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: no frames, an unreadable one, frames of different sizes, or one number twice.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"clip folder {folder} does not exist; expected a folder of frames")
    files = list_frames(folder)
    defects = inspect_pictures(files) if files else [(NO_FRAMES, "pass the folder that holds the frames")]
    if defects:
        raise ValueError("\n  ".join([f"clip {folder}:", *(f"{what} -> {remedy}" for what, remedy in defects)]))
    frames = [decode_grey(file.path.read_bytes()) for file in files]
    return np.stack(frames), tuple(file.path.name for file in files)
