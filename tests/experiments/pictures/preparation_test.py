"""The picture of preparation is drawn, with time to the right."""

import numpy as np
from PIL import Image

from experiments.pictures.preparation import PictureConfig, over_time


def test_picture_is_written(tmp_path):
    PictureConfig(output=tmp_path / "docs" / "picture.png", side=96).draw()
    with Image.open(tmp_path / "docs" / "picture.png") as picture:
        assert picture.mode == "RGB"
        assert np.asarray(picture).std() > 20


def test_slice_shows_time_to_the_right():
    frames = (
        np.arange(3, dtype=np.uint8)[:, None, None] + 10 * np.arange(4, dtype=np.uint8)[:, None] + np.zeros((3, 4, 5))
    )
    panel = over_time(frames.astype(np.uint8), 2, 6)
    np.testing.assert_array_equal(panel[:, ::2], 10 * np.arange(4)[:, None] + np.arange(3))
