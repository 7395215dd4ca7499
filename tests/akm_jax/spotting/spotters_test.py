"""Networks from runs and from Keras files, and what is neither."""

import h5py
import numpy as np
import pytest
from flax import nnx

from akm_jax.files import write_json
from akm_jax.interop.keras import LAYERS
from akm_jax.models.softnet import SOFTNet, SOFTNetConfig
from akm_jax.spotting.fold_files import write_fold
from akm_jax.spotting.spotters import load_spotters
from akm_jax.spotting.training import score_videos

TINY = SOFTNetConfig.tiny()


def weights(seed, config=TINY):
    return nnx.state(SOFTNet(config, rngs=nnx.Rngs(seed)), nnx.Param)


@pytest.fixture
def run(tmp_path):
    """A run of both types, of subjects 2 and 10."""
    model = {"image_size": 12, "filters": [1, 2, 1], "hidden": 4, "param_dtype": "float32"}
    config = {"method": "softnet", "flow": "dis", "threshold": 0.4, "training": {"model": model}}
    write_json(tmp_path / "run.json", {"config": config, "data": {}})
    for seed, (kind, subject) in enumerate([("macro", "2"), ("macro", "10"), ("micro", "2")]):
        write_fold(tmp_path / f"folds/{kind}/weights/{subject}.npz", weights(seed), [0.1], "identity")
    return tmp_path


def test_a_run_gives_a_network_a_type_with_its_settings(run):
    macro, micro = load_spotters(run)
    assert (macro.type, macro.flow, macro.threshold, macro.half_length_s) == ("macro", "dis", 0.4, 0.6)
    assert (micro.type, micro.half_length_s) == ("micro", 0.2)
    assert macro.source.endswith("macro/weights/2.npz")
    assert [one.half_length(fps) for one in (micro, macro) for fps in (30, 200, 1)] == [6, 40, 1, 18, 120, 1]
    features = np.random.default_rng(0).random((5, 12, 12, 3), np.float32)
    np.testing.assert_array_equal(macro.score(features), score_videos(weights(0), [features], TINY)[0])


def test_half_lengths_are_those_of_the_training(run):
    write_json(run / "folds/half_lengths_s.json", {"macro": {"2": 0.75, "10": 0.5}})
    macro, micro = load_spotters(run)
    assert (macro.half_length_s, micro.half_length_s) == (0.75, 0.2)
    assert load_spotters(run, wanted="macro", subject="10")[0].half_length_s == 0.5


def test_type_and_subject_are_chosen(run):
    (found,) = load_spotters(run, wanted="macro", subject="10")
    assert found.source.endswith("macro/weights/10.npz")
    with pytest.raises(ValueError, match="no network of type micro, subject 10;.* has macro: 2, 10; micro: 2"):
        load_spotters(run, wanted="micro", subject="10")


def test_a_keras_file_is_of_the_type_that_is_said(tmp_path):
    state = {"/".join(map(str, place)): leaf for place, leaf in nnx.to_flat_state(weights(1, SOFTNetConfig()))}
    with h5py.File(tmp_path / "s1.hdf5", "w") as file:
        for layer, ours in LAYERS:
            for name in ("kernel", "bias"):
                file[f"{layer}/{layer}/{name}:0"] = np.asarray(state[f"{ours}/{name}"][...])
    (found,) = load_spotters(tmp_path / "s1.hdf5")
    assert (found.type, found.flow, found.threshold) == ("micro", "tvl1", 0.55)
    assert load_spotters(tmp_path / "s1.hdf5", wanted="macro")[0].half_length_s == 0.6


def test_what_is_no_spotter_is_named(run, tmp_path):
    with pytest.raises(FileNotFoundError, match="gone: no such file or folder; expected a run of experiments.spot"):
        load_spotters(tmp_path / "gone")
    (tmp_path / "akmnet.pt").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"akmnet.pt: expected a run directory of experiments.spot, or one of \*.hdf5"):
        load_spotters(tmp_path / "akmnet.pt")
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["conv2d/conv2d/kernel:0"] = np.zeros((3, 3, 1, 4))
    with pytest.raises(ValueError, match=r"other.hdf5 does not hold the weights of a SOFTNet(.|\n)*missing: dense"):
        load_spotters(tmp_path / "other.hdf5")
    with pytest.raises(ValueError, match="is not a run directory: run.json is missing"):
        load_spotters(run / "folds")
    write_json(tmp_path / "loso" / "run.json", {"config": {"method": "akmnet"}})
    with pytest.raises(ValueError, match="is a run of method 'akmnet': expected one of experiments.spot"):
        load_spotters(tmp_path / "loso")


def test_damaged_weights_are_named(run):
    place = run / "folds/micro/weights/2.npz"
    place.write_bytes(place.read_bytes()[:200])
    with pytest.raises(ValueError, match="2.npz: cannot be read"):
        load_spotters(run, wanted="micro")
    write_fold(place, weights(0, SOFTNetConfig(image_size=18, filters=(1, 2, 1), hidden=4)), [], "identity")
    with pytest.raises(
        ValueError, match="does not hold the network of its run: hidden/kernel missing or of another shape"
    ):
        load_spotters(run, wanted="micro")
