from pathlib import Path

import pytest

from akm_jax.data.clip_set import ClipSet
from datasets_tfds.source import load_clip_set
from datasets_tfds.synthetic import CorpusConfig, write_corpus

SIZES = {"image_size": 32, "crop_source_size": 36}


@pytest.fixture(scope="session")
def prepared_smic(tmp_path_factory) -> Path:
    """Data folder of a prepared set in SMIC's layout: 3 subjects, 4 clips each, of 3 to 7 frames."""
    folder = tmp_path_factory.mktemp("smic")
    config = CorpusConfig(subjects=3, clips=4, size=32, min_frames=3, max_frames=7, pictures="noise")
    load_clip_set("smic", manual_dir=write_corpus(config, folder / "drawn"), data_dir=folder / "prepared", **SIZES)
    return folder / "prepared"


@pytest.fixture(scope="session")
def held(prepared_smic) -> ClipSet:
    """The prepared set in memory, at the sizes of the tiny network."""
    return load_clip_set("smic", data_dir=prepared_smic, **SIZES)


@pytest.fixture(scope="session")
def streamed(prepared_smic) -> ClipSet:
    """The prepared set, streamed."""
    return load_clip_set("smic", data_dir=prepared_smic, memory_gib=0, **SIZES)
