"""`--dataset=synthetic_long`: drawn, built and loaded."""

import numpy as np

from experiments.data import load_long_data
from experiments.options import LongDataOptions, SyntheticLongConfig


def test_synthetic_long_videos_are_drawn_once(tmp_path, caplog):
    drawn = SyntheticLongConfig(subjects=2, videos=1, seconds=18.0)
    data = LongDataOptions(data_dir=tmp_path, synthetic_long=drawn)
    videos = load_long_data(data)
    assert videos.name == "synthetic_long"
    assert videos.subjects == ("15", "16")
    assert all(len(video.of_type(kind)) == n for video in videos for kind, n in (("macro", 2), ("micro", 3)))
    assert videos.videos[0].crops.read(3, 5).shape == (2, 128, 128)
    caplog.clear()
    again = load_long_data(data)
    assert "preparing" not in caplog.text
    assert [video.checksum for video in again] == [video.checksum for video in videos]
    np.testing.assert_array_equal(again.videos[0].landmarks, videos.videos[0].landmarks)
    assert (videos.videos[0].landmarks[17:] > 5).all()  # inside the crop, but for the jaw
    assert (videos.videos[0].landmarks[17:] < 123).all()
