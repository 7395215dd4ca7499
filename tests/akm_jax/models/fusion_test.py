"""The fusion against PyTorch's own GRU over the selected frames alone."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from akm_jax.clips import pack
from akm_jax.models.fusion import TemporalFusion

LENGTHS = (5, 1, 8)
SELECTED = np.array([1, 0, 1, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0], np.float32)  # 5, 1, 8 frames, 2 of padding
HIDDEN, FEATURES = 4, 6


@pytest.fixture(scope="module")
def case():
    clips = pack([np.zeros((n, 2, 2), np.float32) for n in LENGTHS], num_frames=16, num_clips=4, max_frames=9)
    maps = jax.random.normal(jax.random.key(0), (16, 2, 2, FEATURES))
    return TemporalFusion(FEATURES, HIDDEN, rngs=nnx.Rngs(0)), maps, clips


def torch_gru(fusion):
    torch = pytest.importorskip("torch")
    gru = torch.nn.GRU(FEATURES, HIDDEN, num_layers=2, bidirectional=True)
    names = {
        "weight_ih": "input_kernel",
        "weight_hh": "hidden_kernel",
        "bias_ih": "input_bias",
        "bias_hh": "hidden_bias",
    }
    with torch.no_grad():
        for layer, cells in enumerate(fusion.layers):
            for suffix, cell in (("", cells.forward), ("_reverse", cells.backward)):
                for theirs, ours in names.items():
                    value = np.array(getattr(cell, ours)[...]).T
                    getattr(gru, f"{theirs}_l{layer}{suffix}").copy_(torch.from_numpy(value))
    return torch, gru


def test_equals_a_gru_over_the_selected_frames(case):
    fusion, maps, clips = case
    ours = fusion(maps, jnp.asarray(SELECTED), clips)
    torch, gru = torch_gru(fusion)
    starts = np.cumsum((0, *LENGTHS))
    for c, (start, stop) in enumerate(itertools.pairwise(starts)):
        chosen = np.asarray(maps)[start:stop][SELECTED[start:stop] > 0].reshape(-1, 4, FEATURES)
        with torch.no_grad():
            expected = gru(torch.from_numpy(chosen))[0].mean(0).numpy().reshape(-1)
        np.testing.assert_allclose(ours[c], expected, atol=1e-6)
    np.testing.assert_array_equal(ours[3], 0)


def test_unselected_and_padding_frames_get_no_gradient(case):
    fusion, maps, clips = case
    gradient = jax.grad(lambda m: jnp.sum(fusion(m, jnp.asarray(SELECTED), clips) ** 2))(maps)
    reached = np.abs(gradient).sum((1, 2, 3)) > 0
    np.testing.assert_array_equal(reached, SELECTED > 0)


def test_initialisation_is_that_of_the_released_program():
    fusion = TemporalFusion(64, 32, rngs=nnx.Rngs(3))
    forward, backward = fusion.layers[0].forward, fusion.layers[0].backward
    kernel = np.asarray(forward.hidden_kernel[...])
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(32), atol=1e-5)
    assert float(forward.input_bias[...].min()) >= 0
    assert 0.8 < float(forward.input_bias[...].max()) < 1
    for value in (backward.input_kernel, backward.hidden_kernel, backward.input_bias, backward.hidden_bias):
        assert float(jnp.abs(value[...]).max()) <= 1 / np.sqrt(32)
        assert float(value[...].min()) < 0 < float(value[...].max())
