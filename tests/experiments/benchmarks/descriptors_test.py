import numpy as np
import pytest

from akm_jax.descriptors.lbp_top import LBPTopConfig


@pytest.fixture(scope="module")
def descriptors():
    pytest.importorskip("skimage")
    from experiments.benchmarks import descriptors

    return descriptors


def test_scikit_images_route_gives_the_same_histograms(descriptors):
    """Its bins are numbered otherwise."""
    frames = np.random.default_rng(0).integers(0, 256, (9, 24, 20), np.uint8)
    config = LBPTopConfig(2, 2, radii=(1, 1, 1), interpolation="bilinear")
    theirs = descriptors.with_scikit_image(frames, config.grid)
    np.testing.assert_array_equal(np.sort(theirs, -1), np.sort(config.histograms(frames), -1))


def test_all_four_and_their_folds_are_measured(descriptors):
    lengths, subjects = np.tile([9, 10, 11], 6), np.tile([1, 0, 2, 1, 2, 0], 3)
    parts = list(descriptors.measure(lengths, subjects, rounds=1))
    rows = {row["name"]: row for part, _ in parts for row in part}
    four = [f"descriptors/{name}" for name in descriptors.METHODS]
    folds = [f"loso/{name}" for name in descriptors.METHODS]
    compared = ["lbp_top/ours", "lbp_top/between_voxels", "lbp_top/scikit_image"]
    assert set(rows) == {*four, *folds, *compared, "descriptors/all_four"}
    assert all(row["median_s"] > 0 for row in rows.values())
    assert {rows[name]["frames"] for name in four} == {180}
    assert {rows[name]["folds"] for name in folds} == {3}
    assert rows["descriptors/all_four"]["median_s"] == pytest.approx(sum(rows[n]["median_s"] for n in four), abs=0.01)
    (ratios,) = (ratios for _, ratios in parts if ratios)
    assert set(ratios) == {"lbp_top/ours", "lbp_top/between_voxels"}
