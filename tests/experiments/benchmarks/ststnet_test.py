import numpy as np
import pytest

from akm_jax.methods.ststnet import STSTNet
from experiments.benchmarks.ststnet import CLASSES, Ours, Theirs, draw, measure

QUICK = STSTNet(epochs=4, clips_per_step=8, learning_rate=1e-3, weight_decay=0.01, dropout=0.0)
FOLDS = 2


def test_both_forms_in_pytorch_train_as_ours():
    torch = pytest.importorskip("torch")
    from experiments.baselines import ststnet_torch

    pictures, trainings = draw(20)
    recipe, folds = QUICK.recipe(CLASSES), trainings[:FOLDS]
    losses = [Ours(recipe, QUICK, pictures, folds, trainings)(number) for number in (1, 2)]
    for form in ststnet_torch.FORMS:
        theirs = Theirs(form, recipe, QUICK, pictures, folds, torch.get_num_threads())
        # Means of 19 losses after up to six steps of Adam, which divides by small numbers: float32 rounding grows.
        np.testing.assert_allclose(theirs(1), losses[0], rtol=1e-3)
        np.testing.assert_allclose(theirs(1), losses[1], rtol=1e-2)


def test_ours_and_pytorch_are_measured_on_the_same_folds():
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    options = {"rounds": 1, "epochs": 1, "folds": FOLDS, "threads": 1}
    rows, ratios = measure(**options, against_torch=True, clips=20, method=QUICK)
    torch.set_num_threads(threads)
    assert [row["name"] for row in rows] == ["ststnet/ours", "ststnet/torch_plain", "ststnet/torch_joined"]
    assert all(row["median_ms"] > 0 and row["projected_run_s"] > 0 for row in rows)
    assert ratios["ststnet/torch_best"] == min(ratios["ststnet/torch_plain"], ratios["ststnet/torch_joined"])
