"""A clip of one's own: a folder of frames, or a video file of which every frame is taken."""

from pathlib import Path

import cv2
import numpy as np

from akm_jax.data.pictures import read_clip


def read_frames(path: Path | str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read a clip.

    Args:
        path: a folder of jpg, jpeg, bmp or png frames with numbers in their names, or a video file.

    Returns:
        Grey uint8 frames (T, H, W) in time order, and their file names, or their numbers from 0 in the video.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: no frames, an unreadable frame, frames of different sizes, or a file that is no video.
    """
    path = Path(path)
    if path.is_dir():
        return read_clip(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file or folder; expected a folder of frames or a video file")
    video = cv2.VideoCapture(str(path))
    frames = []
    while True:
        more, frame = video.read()
        if not more:
            break
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) if frame.ndim == 3 else frame)
    video.release()
    if not frames:
        raise ValueError(
            f"{path}: no frame can be read; expected a video that OpenCV decodes (avi, mp4, mkv), or a folder of frames"
        )
    return np.stack(frames), tuple(str(i) for i in range(len(frames)))
