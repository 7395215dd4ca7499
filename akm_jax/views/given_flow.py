"""Ready-made flow pictures in place of computed ones: a folder of PNG or NPZ files, one a clip, named for it.

A PNG holds u, v and strain in its red, green and blue channel, 0..255, as STSTNet's authors and those after them hand
them on. An NPZ holds arrays `u`, `v` and, if there is one, `strain` (S, S), or one array (S, S, D) under any name:
whole bytes as in a PNG, or floating numbers, flow in pixels.

Names are compared after blanks are dropped at the ends and made underscores inside; case does not count. Where that
finds nothing, leading zeros and a subject that stands twice do not count either: `s03_s03_ne_01 .png` is of SMIC's clip
s3_ne_01, `006_006_1_2 .png` of SAMM's 006_1_2. Folders below count as parts of a name, or do not.
"""

import collections
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SUFFIXES = (".png", ".npz")
MOST_LISTED = 20


def find_pictures(folder: Path, clip_ids: Sequence[str]) -> list[Path]:
    """The picture of each clip.

    Raises:
        FileNotFoundError: there is no such folder, or it lacks clips, all of which are named.
        ValueError: several different pictures may be a clip's, or one picture that of two clips.
    """
    folder = folder.expanduser()
    files = list_pictures(folder)
    indices = [_index(folder, files, form) for form in FORMS]
    found = [_of_clip(clip_id, indices) for clip_id in clip_ids]
    if missing := [clip_id for clip_id, paths in zip(clip_ids, found, strict=True) if not paths]:
        names = ", ".join(path.name for path in files[:3]) or "none"
        raise FileNotFoundError(
            f"--view.flow_dir={folder}: no picture of {len(missing)} of {len(clip_ids)} clips: {listed(missing)}; "
            f"expected a file for each, such as {missing[0].replace('/', '_')}.png; files there: {names}"
        )
    problems = [
        f"{clip_id}: {', '.join(str(path.relative_to(folder)) for path in paths)} differ"
        for clip_id, paths in zip(clip_ids, found, strict=True)
        if len({path.read_bytes() for path in paths}) > 1
    ]
    takers = collections.Counter(paths[0] for paths in found)
    problems += [f"{path.relative_to(folder)} fits {n} clips" for path, n in takers.items() if n > 1]
    if problems:
        raise ValueError(f"--view.flow_dir={folder}: {listed(problems)}; expected one picture a clip")
    return [paths[0] for paths in found]


def read_pictures(paths: Sequence[Path], *, size: int, channels: int) -> list[np.ndarray]:
    """Pictures (size, size, channels), uint8 or float32; a third channel is dropped where two are wanted.

    Raises:
        ValueError: files cannot be read or are of another form; all are named.
    """
    pictures, problems = [], []
    for path in paths:
        try:
            pictures.append(_read(path, size, channels))
        except Exception as error:  # Pillow and NumPy raise many types on damaged files
            problems.append(f"{path}: {error}")
    if problems:
        raise ValueError(f"flow pictures that cannot be taken:\n  {listed(problems, chr(10) + '  ')}")
    return pictures


def list_pictures(folder: Path) -> list[Path]:
    """Files of a folder, and of folders in it, that may be pictures.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"--view.flow_dir={folder}: no such folder; expected one with a PNG or NPZ for each clip"
        )
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def checksum_of(folder: Path) -> str:
    """CRC-32 of all pictures of a folder and their names: another one says that they have changed."""
    checksum, folder = 0, folder.expanduser()
    for path in list_pictures(folder):
        checksum = zlib.crc32(path.relative_to(folder).as_posix().encode(), checksum)
        checksum = zlib.crc32(path.read_bytes(), checksum)
    return f"{checksum:08x}"


def plain(name: str) -> str:
    """A name without blanks, in lower case."""
    return re.sub(r"[\s/_]+", "_", name).strip("_").casefold()


def without_repetition(name: str) -> str:
    """A plain name without a subject that stands twice at its beginning."""
    first, _, rest = name.partition("_")
    return rest if rest.partition("_")[0] == first else name


def without_zeros(name: str) -> str:
    """A plain name whose numbers have no leading zeros."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", name)


# From the strictest to the loosest: what is made of a file's plain name, and of a clip's.
Form = tuple[Callable[[str], str], Callable[[str], str]]
FORMS: tuple[Form, ...] = (
    (str, str),
    (without_repetition, str),
    (without_zeros, without_zeros),
    (lambda name: without_repetition(without_zeros(name)), without_zeros),
)


def _index(folder: Path, files: Iterable[Path], form: Form) -> tuple[dict[str, list[Path]], Callable[[str], str]]:
    """Files by what a form makes of their names, with their folders and without; and what it makes of a clip's."""
    of_file, of_clip = form
    by_name: dict[str, list[Path]] = collections.defaultdict(list)
    for path in files:
        names = (path.relative_to(folder).with_suffix("").as_posix(), path.stem)
        for name in {of_file(plain(one)) for one in names}:
            by_name[name].append(path)
    return dict(by_name), of_clip


def _of_clip(clip_id: str, indices: Sequence[tuple[dict[str, list[Path]], Callable[[str], str]]]) -> list[Path]:
    """Files that the strictest form that finds any finds; first by the whole id, then by its last part."""
    for name in dict.fromkeys((plain(clip_id), plain(clip_id.rpartition("/")[2]))):
        for by_name, of_clip in indices:
            if paths := by_name.get(of_clip(name)):
                return paths
    return []


def _read(path: Path, size: int, channels: int) -> np.ndarray:
    found = _read_png(path) if path.suffix.lower() == ".png" else _read_npz(path)
    if found.ndim != 3 or found.shape[:2] != (size, size) or found.shape[2] not in range(channels, 4):
        raise ValueError(f"is {' x '.join(map(str, found.shape))}; expected {size} x {size} x {channels}")
    if found.dtype != np.uint8:
        if found.dtype.kind != "f":
            raise ValueError(f"holds {found.dtype}; expected uint8, 0..255, or floating numbers, pixels")
        if not np.isfinite(found).all():
            raise ValueError("holds numbers that are not finite")
        found = found.astype(np.float32)
    return found[..., :channels]


def _read_png(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        if picture.mode != "RGB":
            raise ValueError(f"is of mode {picture.mode}; expected RGB: u, v, strain")
        return np.asarray(picture)


def _read_npz(path: Path) -> np.ndarray:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    if {"u", "v"} <= arrays.keys():
        return np.stack([arrays[name] for name in ("u", "v", "strain") if name in arrays], axis=-1)
    if len(arrays) != 1:
        raise ValueError(f"holds {', '.join(arrays) or 'nothing'}; expected u, v, strain, or one array")
    return next(iter(arrays.values()))


def listed(items: Sequence[str], separator: str = ", ") -> str:
    """The first items, and how many more there are."""
    more = len(items) - MOST_LISTED
    return separator.join([*items[:MOST_LISTED], *([f"and {more} more"] if more > 0 else [])])
