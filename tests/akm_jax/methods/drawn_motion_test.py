"""Networks on flow find the drawn expressions of people they have not seen, and nothing where nothing is drawn."""

import pytest
from rich.console import Console

from akm_jax.methods.sssnet import SSSNet
from akm_jax.methods.ststnet import STSTNet
from akm_jax.metrics import majority_accuracy, majority_band
from akm_jax.run import run_loso
from akm_jax.views.flow_picture import FlowPicture
from datasets_tfds.source import load_clip_set
from datasets_tfds.synthetic import CorpusConfig, write_corpus

pytestmark = pytest.mark.long

# Faster rates and fewer epochs than published; the corpus is small and its motion that of a magnified clip.
METHODS = [
    STSTNet(view=FlowPicture(size=28, flow="farneback", scale="bytes"), epochs=60, learning_rate=0.003),
    SSSNet(view=FlowPicture(size=64, flow="farneback"), epochs=8, learning_rate=0.001),
]


@pytest.fixture(scope="module", params=[1.0, 0.0], ids=lambda strength: f"strength{strength:g}")
def drawn(request, tmp_path_factory):
    """Clips of six people, twelve a class, with the expressions drawn or left out; and the strength."""
    folder = tmp_path_factory.mktemp("drawn")
    config = CorpusConfig(subjects=6, clips=6, size=64, min_frames=5, max_frames=9, strength=request.param)
    place = write_corpus(config, folder / "corpus")
    return load_clip_set("smic", manual_dir=place, data_dir=folder / "prepared"), request.param


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_motion_is_found_where_it_is_drawn_and_only_there(drawn, method, tmp_path):
    """20 points above the largest class, or what chance reaches."""
    clip_set, strength = drawn
    quiet = {"console": Console(quiet=True), "views_dir": tmp_path / "views", "rules": "last"}
    accuracy = run_loso(method, clip_set, tmp_path / "run", **quiet)["rules"]["last"]["accuracy"]
    low, high = majority_band(clip_set.labels)
    if strength:
        assert accuracy >= majority_accuracy(clip_set.labels) + 0.2
    else:
        assert low <= accuracy <= high
