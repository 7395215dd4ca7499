import h5py
import jax
import numpy as np
import pytest
from flax import nnx

from akm_jax.data.long_videos import HeldCrops, Interval, LongVideo, LongVideoSet
from akm_jax.interop.keras import LAYERS, fold_files, fold_subjects, load_softnet
from akm_jax.models.softnet import SOFTNet, SOFTNetConfig

TINY = SOFTNetConfig.tiny()


@pytest.fixture(scope="module")
def weights():
    return nnx.state(SOFTNet(TINY, rngs=nnx.Rngs(3)), nnx.Param)


def arrays(weights):
    flat = {"/".join(map(str, path)): np.asarray(leaf[...]) for path, leaf in nnx.to_flat_state(weights)}
    return {f"{layer}/{name}": flat[f"{ours}/{name}"] for layer, ours in LAYERS for name in ("kernel", "bias")}


def write(path, entries, *, root="", twice=True):
    with h5py.File(path, "w") as file:
        for entry, value in entries.items():
            layer, name = entry.split("/")
            file[f"{root}{layer}/{layer + '/' if twice else ''}{name}:0"] = value
        file.require_group(f"{root}max_pooling2d")  # layers without weights are empty groups
        if root:
            file["optimizer_weights/SGD/iter:0"] = 3
    return path


@pytest.mark.parametrize("root", ["", "model_weights/"])
@pytest.mark.parametrize("twice", [True, False])
def test_weights_survive_the_way_through_a_file(weights, tmp_path, root, twice):
    loaded = load_softnet(write(tmp_path / "s1.hdf5", arrays(weights), root=root, twice=twice), TINY)
    pairs = zip(jax.tree.leaves(loaded), jax.tree.leaves(weights), strict=True)
    assert all((np.asarray(a) == np.asarray(b)).all() for a, b in pairs)


def test_one_error_lists_everything_that_does_not_fit(weights, tmp_path):
    entries = arrays(weights)
    del entries["dense/bias"]
    entries["conv2d_1/kernel"] = np.zeros((3, 3, 1, 2), np.float32)
    entries["conv2d/bias"] = np.full(1, np.nan, np.float32)
    entries["lstm/kernel"] = np.zeros((2, 2), np.float32)
    with pytest.raises(ValueError, match=r"s7\.hdf5 does not hold the weights of a SOFTNet, 4 entries") as error:
        load_softnet(write(tmp_path / "s7.hdf5", entries), TINY)
    for line in (
        "missing: dense/bias",
        "unknown: lstm/kernel (2, 2)",
        "wrong shape: conv2d_1/kernel is (3, 3, 1, 2), expected (5, 5, 1, 2)",
        "not finite: conv2d/bias",
    ):
        assert line in str(error.value)


def test_no_file_and_no_hdf5_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"s1\.hdf5"):
        load_softnet(tmp_path / "s1.hdf5")
    (tmp_path / "s1.hdf5").write_text("<html>")
    with pytest.raises(ValueError, match=r"s1\.hdf5: not an HDF5 file"):
        load_softnet(tmp_path / "s1.hdf5")


def video(name, subject, *intervals):
    crops = HeldCrops(np.zeros((9, 128, 128), np.uint8))
    return LongVideo(name, subject, 30, 9, np.zeros((68, 2), np.float32), crops, 0, intervals)


VIDEOS = LongVideoSet(
    "drawn",
    (
        video("1", "s22", Interval(1, 2, 3, "macro")),
        video("2", "s15", Interval(-1, 2, 3, "macro"), Interval(4, 5, 6, "micro")),
        video("3", "s16", Interval(1, 2, 3, "micro"), Interval(4, 5, 6, "macro")),
        video("4", "s22", Interval(-1, 2, 3, "micro")),
        video("5", "s30"),
    ),
)


def test_folds_are_numbered_by_the_subjects_that_show_the_type(tmp_path):
    assert fold_subjects(VIDEOS, "macro") == {1: "s22", 2: "s16"}
    assert fold_subjects(VIDEOS, "micro") == {1: "s15", 2: "s16", 3: "s22"}
    with pytest.raises(ValueError, match="no micro-expression"):
        fold_subjects(LongVideoSet("empty", VIDEOS.videos[4:]), "micro")
    (tmp_path / "s2.hdf5").touch()
    with pytest.raises(FileNotFoundError, match=r"2 of 3 weight files are missing: s1\.hdf5, s3\.hdf5"):
        fold_files(tmp_path, VIDEOS, "micro")
    (tmp_path / "s1.hdf5").touch()
    assert fold_files(tmp_path, VIDEOS, "macro") == {"s22": tmp_path / "s1.hdf5", "s16": tmp_path / "s2.hdf5"}
