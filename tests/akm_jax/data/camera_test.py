"""A camera that is not there, one that gives nothing, and a recording by the clock."""

import cv2
import numpy as np
import pytest

from akm_jax.data.camera import record_camera


class Camera:
    """Stands for cv2.VideoCapture of a camera."""

    def __init__(self, frames):
        self.frames = iter(frames)

    def isOpened(self):
        return True

    def read(self):
        frame = next(self.frames, None)
        return frame is not None, frame

    def get(self, _):
        return 0.0

    def release(self):
        pass


@pytest.fixture
def attach(monkeypatch):
    """Attaches a camera that gives some frames, a tenth of a second apart by the clock."""

    def attach(count):
        opened = cv2.VideoCapture
        frames = [np.full((48, 64, 3), 8 * i, np.uint8) for i in range(count)]
        ticks = iter(np.arange(1000) * 0.1)
        monkeypatch.setattr(cv2, "VideoCapture", lambda what: Camera(frames) if what == 0 else opened(what))
        monkeypatch.setattr("akm_jax.data.camera.time.monotonic", lambda: next(ticks))

    return attach


def test_no_camera(tmp_path):
    with pytest.raises(ValueError, match="camera 97 cannot be opened: none is attached under this number"):
        record_camera(97, tmp_path, seconds=1, show=lambda *_: True)


def test_a_camera_without_frames(tmp_path, attach):
    attach(0)
    with pytest.raises(ValueError, match="camera 0 gives no frames"):
        record_camera(0, tmp_path, seconds=1, show=lambda *_: True)


def test_times_are_those_of_the_clock(tmp_path, attach):
    attach(20)
    found = record_camera(0, tmp_path / "new", seconds=1.0, show=lambda *_: True)
    assert found.path == tmp_path / "new" / "camera.avi"
    assert found.num_frames == 10
    assert found.fps == pytest.approx(10)


def test_closing_the_window_ends_it(tmp_path, attach):
    attach(20)
    shown = []
    found = record_camera(0, tmp_path, seconds=9, show=lambda frame, time: shown.append(time) or len(shown) < 4)
    assert found.num_frames == 4
