"""Landmarks of a set's clips from a CSV file that the user names, for views that want them."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from akm_jax.views.given_flow import listed


def read_landmarks(path: Path, clip_ids: Sequence[str]) -> list[Float[np.ndarray, "68 2"]]:
    """Landmarks on the first frame of each clip, in its pixels, from a table whose column `video` has the clips' ids.

    Rows of other clips are passed over, so one table may serve several sets.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is misformed, lacks clips, all of which are named, or has rows for later frames.
    """
    from akm_jax.prepare.given_landmarks import LandmarkTable  # here: it needs OpenCV

    table = LandmarkTable.read(path.expanduser())
    if missing := [clip_id for clip_id in clip_ids if clip_id not in table.videos]:
        raise ValueError(
            f"--view.landmarks={path}: no row of {len(missing)} of {len(clip_ids)} clips: {listed(missing)}; expected "
            f"one for each, with the clip's id in column video; clips there: {listed(sorted(table.videos)[:3])}"
        )
    return [table.first_frame(clip_id)[1] for clip_id in clip_ids]


def checksum_of(path: Path) -> str:
    """CRC-32 of the file: another one says that it has changed.

    Raises:
        FileNotFoundError: there is no such file.
    """
    path = path.expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"--view.landmarks={path}: no such file; expected a CSV file of landmarks")
    return f"{zlib.crc32(path.read_bytes()):08x}"
