"""A camera, recorded to a file that is then watched as any other; with the times at which frames came."""

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from akm_jax.data.recording import MOST_FPS, Recording, open_recording

FILE_NAME = "camera.avi"
USUAL_FPS = 30.0

Show = Callable[[UInt8[np.ndarray, "H W 3"], float], bool]
"""Is given every frame and its time in seconds; False ends the recording."""


def record_camera(number: int, folder: Path, *, seconds: float, show: Show) -> Recording:
    """Record from a camera into `camera.avi`, as Motion JPEG.

    Args:
        number: of the camera, 0 for the first.
        folder: where the file goes.
        seconds: after which recording ends.
        show: ends it earlier.

    Raises:
        ValueError: there is no such camera, it gives no frames, or the file cannot be written.
    """
    camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            raise ValueError(
                f"camera {number} cannot be opened: none is attached under this number, another program uses it, or "
                "this user may not read it; cameras are numbered from 0, and a file is given by its name"
            )
        return _record(camera, number, folder / FILE_NAME, seconds, show)
    finally:
        camera.release()


def _record(camera: cv2.VideoCapture, number: int, path: Path, seconds: float, show: Show) -> Recording:
    path.parent.mkdir(parents=True, exist_ok=True)
    could, frame = camera.read()
    if not could:
        raise ValueError(f"camera {number} gives no frames; unplug it and try again, or try another number")
    stated = camera.get(cv2.CAP_PROP_FPS)
    fps, size = stated if 0 < stated <= MOST_FPS else USUAL_FPS, (frame.shape[1], frame.shape[0])
    writer = cv2.VideoWriter(str(path.absolute()), cv2.VideoWriter_fourcc(*"MJPG"), fps, size)  # type: ignore
    try:
        if not writer.isOpened():
            raise ValueError(f"{path}: cannot be written; choose another --run_dir")
        times, started = [], time.monotonic()
        while could:
            times.append(time.monotonic() - started)
            writer.write(frame)
            if not show(frame, times[-1]) or times[-1] >= seconds:
                break
            could, frame = camera.read()
    finally:
        writer.release()
    return open_recording(path, times=np.array(times))
