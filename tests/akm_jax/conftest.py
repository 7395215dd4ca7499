from pathlib import Path

import pytest

from akm_jax.config import AKMNetConfig, ModelConfig, TrainConfig
from akm_jax.data.clip_set import ClipSet
from akm_jax.data.sized import SizedClips, size_clips
from datasets_tfds.source import load_clip_set
from datasets_tfds.synthetic import CorpusConfig, write_corpus

SIZES = (32, 36)  # of the tiny network


@pytest.fixture(scope="session")
def prepared_smic(tmp_path_factory) -> Path:
    """Data folder of a prepared set in SMIC's layout: 3 subjects, 4 clips each, of 3 to 7 frames."""
    folder = tmp_path_factory.mktemp("smic")
    config = CorpusConfig(subjects=3, clips=4, size=32, min_frames=3, max_frames=7, pictures="noise")
    load_clip_set("smic", manual_dir=write_corpus(config, folder / "drawn"), data_dir=folder / "prepared")
    return folder / "prepared"


@pytest.fixture(scope="session")
def small_smic(prepared_smic) -> ClipSet:
    """The prepared set."""
    return load_clip_set("smic", data_dir=prepared_smic)


@pytest.fixture(scope="session")
def held(small_smic) -> SizedClips:
    """Its clips in memory, at the sizes of the tiny network."""
    return size_clips(small_smic.without_labels(), *SIZES)


@pytest.fixture(scope="session")
def streamed(small_smic) -> SizedClips:
    """Its clips, streamed."""
    return size_clips(small_smic.without_labels(), *SIZES, memory_gib=0)


@pytest.fixture(scope="session")
def tiny_config() -> AKMNetConfig:
    """The smallest network, an epoch of a few steps."""
    return AKMNetConfig(
        model=ModelConfig(image_size=32, widths=(4, 4, 8, 8), gru_hidden=4),
        train=TrainConfig(epochs=3, clips_per_step=4, learning_rate=0.01),
    )
