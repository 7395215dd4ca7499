"""Which runs single clips can be predicted with."""

import pytest

from akm_jax.classifier import load_classifier
from akm_jax.files import fold_folder, write_json


def test_a_network_without_mining_has_no_key_frames_to_show(tmp_path):
    config = {"method": "akmnet", "model": {"mining": "norm16"}}
    write_json(tmp_path / "run.json", {"config": config, "data": {"class_names": ["a", "b"]}})
    write_json(fold_folder(tmp_path, 0, "1") / "result.json", {})
    with pytest.raises(ValueError, match=r"a run with --model\.mining=norm16, whose network mines no key frames"):
        load_classifier(tmp_path)
