"""`thumbnails.json`: a few frames of every clip of a finished fold, so that a report needs no data set.

    {clip id: {"apex": 12, "num_frames": 33, "fps": 100.0,
               "frames": [{"name": "first", "index": 0, "number": 1206, "png": BASE64}]}}

Indices count the clip's frames from 0; `number` is the frame's number in its file name; `apex` is null where none is
annotated, `fps` 0 where it is not known. The pictures are the user's data: they stay in the run directory and the
report.
"""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from akm_jax.data.clip_set import ClipSet
from akm_jax.files import read_json, write_json
from akm_jax.report.run_files import main_rule

FILE_NAME = "thumbnails.json"
LARGEST_SIDE = 128  # pixels


def write_thumbnails(folder: Path, clip_set: ClipSet, result: dict[str, Any]) -> None:
    """Write first frame, top-beta frame, apex (where annotated) and last frame of each clip of a fold.

    Args:
        folder: the fold's directory.
        clip_set: the data of the run.
        result: content of the fold's `result.json`; top beta is that of its first rule, `last` where there is one, and
            absent where the method has none.

    Raises:
        ValueError: the result holds a clip that is not in the data.
    """
    index = {clip_id: i for i, clip_id in enumerate(clip_set.clip_ids)}
    clips = result["rules"][main_rule(result["rules"])]["clips"]
    unknown = sorted(set(clips) - set(index))
    if unknown:
        raise ValueError(
            f"thumbnails of {folder}: clips {unknown[:5]} are not in data set {clip_set.name!r}; the run directory was "
            "written with other data"
        )
    write_json(folder / FILE_NAME, {c: _describe(clip_set, index[c], entry.get("beta")) for c, entry in clips.items()})


def _describe(clip_set: ClipSet, clip: int, beta: list[float] | None) -> dict[str, Any]:
    start, num_frames, apex = int(clip_set.starts[clip]), int(clip_set.lengths[clip]), int(clip_set.apexes[clip])
    pictures, top = clip_set.read(clip), -1 if beta is None else int(np.argmax(beta))
    chosen = {"first": 0, "top beta": top, "apex": apex, "last": num_frames - 1}
    frames = [
        {
            "name": name,
            "index": i,
            "number": int(clip_set.frame_numbers[start + i]),
            "png": as_png(pictures[i]),
        }
        for name, i in chosen.items()
        if i >= 0
    ]
    fps = float(clip_set.fps[clip])
    return {"apex": apex if apex >= 0 else None, "num_frames": num_frames, "fps": fps, "frames": frames}


def as_png(frame: np.ndarray) -> str:
    """A small picture of a frame, grey uint8 (H, W), for a page: PNG in base 64."""
    out, picture = io.BytesIO(), Image.fromarray(frame)
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    picture.save(out, format="PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode("ascii")


def read_thumbnails(folder: Path) -> dict[str, dict[str, Any]]:
    """Thumbnails of a fold by clip id; empty for a fold that was finished without.

    Raises:
        ValueError: the file is damaged.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return {}
    content = read_json(path)
    wanted = {"apex", "num_frames", "frames"}
    if not isinstance(content, dict) or not all(isinstance(v, dict) and wanted <= set(v) for v in content.values()):
        raise ValueError(f"{path}: not a file of thumbnails; delete it to have it written anew")
    return content
