import numpy as np
import pytest
from flax import nnx

from akm_jax.spotting.training import SpotterConfig, start_weights
from experiments.benchmarks.softnet import measure


def test_ours_and_pytorch_are_measured_on_the_same_steps():
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    rows, ratios = measure(rounds=1, steps=3, threads=1, against_torch=True)
    torch.set_num_threads(threads)
    assert [row["name"] for row in rows] == ["softnet/ours", "softnet/torch_plain", "softnet/torch_pooled_first"]
    assert all(row["median_ms"] > 0 for row in rows)
    assert ratios["softnet/torch_best"] == min(ratios["softnet/torch_plain"], ratios["softnet/torch_pooled_first"])


def test_both_forms_in_pytorch_train_as_ours():
    torch = pytest.importorskip("torch")
    from experiments.baselines import softnet_torch
    from experiments.benchmarks.softnet import _ours

    config = SpotterConfig(learning_rate=0.05)
    rng = np.random.default_rng(0)
    planes = rng.random((30, 3, 42, 42), np.float32)
    labels = rng.integers(0, 2, 30).astype(np.float32)
    batches = rng.integers(0, 30, (3, 12)).astype(np.int32)
    ours, _ = _ours(config, planes, labels, batches)
    flat = nnx.to_flat_state(start_weights(config))
    weights = {"/".join(map(str, path)): np.asarray(leaf[...]) for path, leaf in flat}
    for form in softnet_torch.FORMS:
        model = softnet_torch.SOFTNet(form)
        softnet_torch.load(model, weights)
        trainer = softnet_torch.Trainer(model, torch.from_numpy(planes), torch.from_numpy(labels), 0.05)
        # The mean of three losses after steps that change them much: float32 rounding alone is left.
        assert trainer.train(torch.from_numpy(batches.astype(np.int64))) == pytest.approx(ours()[0], rel=1e-4)
