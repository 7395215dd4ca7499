"""The features of whole videos, computed in pieces and kept on disk.

    <cache>/spotting/<flow>-k<half length>-v<version>/<video id>-<checksum>-<digest of the id>

An entry is written and read as those of views are: it is read only if it is whole, a damaged one is made anew.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from akm_jax.data.long_videos import LongVideo
from akm_jax.files import one_at_a_time
from akm_jax.ops.flow import flow as optical_flow
from akm_jax.spotting.features import FEATURE_SIZE, feature_picture
from akm_jax.views.cache import FLOW_VERSIONS, cache_folder, read_entry, write_entry

# Count up when `features.py` gives something else for the same flow. Not a digest of the source: flow of a large set
# takes hours, and no comment shall cost them.
VERSION = 1
PAIRS_AT_ONCE = 64
ENTRY = "features"

Flow = Callable[[UInt8[np.ndarray, "N 128 128"], UInt8[np.ndarray, "N 128 128"]], Float32[np.ndarray, "N 128 128 2"]]
"""Optical flow from each of N crops to its partner, u and v in pixels."""


def flow_of(method: str) -> Flow:
    """The flow of pairs of crops by a method of `akm_jax.ops.flow`."""
    return lambda first, second: optical_flow(first, second, method)  # type: ignore[arg-type]


def video_features(
    video: LongVideo,
    k: int,
    flow: Flow,
    *,
    flow_name: str,
    folder: Path | None = None,
    pairs_at_once: int = PAIRS_AT_ONCE,
) -> Float32[np.ndarray, "F-k 42 42 3"]:
    """Compute the features of frames 0 .. F - k - 1, or read them if they were computed before; not scaled.

    Args:
        video: crops and landmarks.
        k: the flow of frame i goes to frame i + k.
        flow: optical flow.
        flow_name: what tells this flow with its settings from others, for the file.
        folder: where features are kept; `cache_folder()` when None.
        pairs_at_once: frames whose crops and flow are in memory together.

    Raises:
        ValueError: the video is too short, its crops cannot be read, or the flow is not what it should be.
    """
    require_length(video, k)
    kind = f"{_plain(flow_name)}{FLOW_VERSIONS.get(flow_name, '')}-k{k}-v{VERSION}"
    path = (folder or cache_folder()) / "spotting" / kind / _file_name(video)
    found = read_entry(path)
    if found is None:
        with one_at_a_time(path.parent / ".lock", "computes features of videos"):
            found = read_entry(path) or {ENTRY: compute_features(video, k, flow, pairs_at_once=pairs_at_once)}
            write_entry(path, found)
    return found[ENTRY]


def compute_features(
    video: LongVideo, k: int, flow: Flow, *, pairs_at_once: int = PAIRS_AT_ONCE
) -> Float32[np.ndarray, "F-k 42 42 3"]:
    """Compute the features of a video; arguments and errors are those of `video_features`."""
    require_length(video, k)
    num_features = video.num_frames - k
    features = np.empty((num_features, FEATURE_SIZE, FEATURE_SIZE, 3), np.float32)
    for start in range(0, num_features, pairs_at_once):
        stop = min(start + pairs_at_once, num_features)
        try:
            flows = flow(video.crops.read(start, stop), video.crops.read(start + k, stop + k))
            if len(flows) != stop - start:
                raise ValueError(f"{stop - start} pairs of crops gave {len(flows)} flows: expected one each")
            features[start:stop] = [feature_picture(one, video.landmarks) for one in flows]
        except ValueError as e:
            raise ValueError(f"video {video.video_id!r}, frames {start} to {stop - 1}: {e}") from e
    return features


def require_length(video: LongVideo, k: int) -> None:
    """See that a video has frames enough: k have no features, and 2 k scores are averaged.

    Raises:
        ValueError: it has not.
    """
    if k < 1:
        raise ValueError(f"a half length of {k} frames: expected 1 or more")
    if video.num_frames <= 3 * k:
        raise ValueError(
            f"video {video.video_id!r} has {video.num_frames} frames; spotting expressions of half length {k} needs "
            f"more than {3 * k}: leave it out, or look for shorter expressions"
        )


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII)[:60]


def _file_name(video: LongVideo) -> str:
    """Readable, and unique whatever the video is called."""
    digest = hashlib.sha256(video.video_id.encode()).hexdigest()[:16]
    return f"{_plain(video.video_id)}-{video.checksum:08x}-{digest}"
