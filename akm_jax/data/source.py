"""From a user's folder or a prepared TFDS set to a `ClipSet`: build on first use, read, decode once.

The only module of `akm_jax` that needs tensorflow-datasets, and only inside its functions; TensorFlow is never needed.
"""

import concurrent.futures
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track as rich_track

from akm_jax.data.clip_set import ClipSet, resize_frame
from akm_jax.data.folds import subject_order
from datasets_tfds import layout

_log = logging.getLogger(__name__)


def load_clip_set(
    dataset: str,
    *,
    manual_dir: Path | None = None,
    data_dir: Path | None = None,
    data_config: str | None = None,
    image_size: int = 128,
    crop_source_size: int = 144,
    allow_missing: bool = False,
) -> ClipSet:
    """Read a data set into memory; prepares it first where that has not been done, or not from the present files.

    Args:
        dataset: one of the keys of `_builder_classes`.
        manual_dir: the folder with the data as distributed. When given, a prepared set is used only if it was made from
            exactly these files (names, sizes, modification times), and made anew otherwise.
        data_dir: where prepared sets lie; TFDS's own default (`TFDS_DATA_DIR`, `~/tensorflow_datasets`) if not given.
        data_config: builder configuration, e.g. "hs" or "vis"; the builder's first one if not given.
        image_size: S, side of `ClipSet.frames` in pixels.
        crop_source_size: L, side of `ClipSet.large_frames` in pixels.
        allow_missing: leave clips with missing or broken files out, instead of failing.

    Returns:
        The clips in the order of subject number, then clip id.

    Raises:
        FileNotFoundError: `manual_dir` is absent or does not hold the set; or it is not given and nothing is prepared.
        ValueError: unknown data set or configuration; sizes below 1; broken data; a prepared set that cannot be used.
    """
    if min(image_size, crop_source_size) < 1:
        raise ValueError(f"image sizes must be at least 1 pixel, got {image_size} and {crop_source_size}")
    make_builder = _builder_maker(dataset, data_config, data_dir, allow_missing)
    builder = _prepared_builder(make_builder, manual_dir and Path(manual_dir).expanduser(), allow_missing)
    return _read(builder, image_size, crop_source_size)


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
    files = layout.list_frames(folder)
    check = layout.DiskCheck(f"clip {folder.name}", folder)
    defects = layout.inspect_pictures(files)
    if not files or defects:
        raise ValueError(check)
    frames = [layout.decode_grey(file.path.read_bytes()) for file in files]
    return np.stack(frames), tuple(file.path.name for file in files)
