"""The GPU kernel of the recurrence, run by Pallas' interpreter, against the scan."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from akm_jax.ops import gru
from akm_jax.ops.gru import bidirectional_gru, gru_scan
from akm_jax.ops.gru_kernel import LARGEST_HIDDEN, gru_kernel, has_kernel

LONGEST = 141  # frames of CASME II's longest clip
KERNEL = functools.partial(gru_kernel, interpret=True)


def draw(mask, hidden, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    steps, sequences = mask.shape
    gates = rng.normal(size=(2, steps, sequences, 3 * hidden))
    weight, bias = rng.normal(size=(2, hidden, 3 * hidden)) / np.sqrt(hidden), rng.normal(size=(2, 3 * hidden))
    return [jnp.asarray(array.astype(dtype)) for array in (gates, weight, bias)]


def masks(steps):
    """One sequence a column: prefixes of many lengths, gaps, one frame anywhere, none at all."""
    time = np.arange(steps)
    prefixes = [time < length for length in (0, 1, 2, 15, 16, 17, 33, 70, 100, steps - 1, steps)]
    gaps = [np.random.default_rng(i).random(steps) < share for i, share in enumerate((0.1, 0.5, 0.9))]
    return np.stack([*prefixes, *gaps, time == steps - 1, time == steps // 2, time % 2 == 1], axis=1)


@functools.partial(jax.jit, static_argnames="function")
def states_and_gradients(function, gates, mask, weight, bias):
    """States, and gradients of a weighted sum of all of them, those that are held too."""
    weights = jnp.cos(jnp.arange(mask.size * 2 * weight.shape[1]).astype(gates.dtype)).reshape(*mask.shape, -1)

    def total(gates, weight, bias):
        states = function(gates, mask, weight, bias)
        return jnp.sum(weights * states), states

    gradients, states = jax.grad(total, argnums=(0, 1, 2), has_aux=True)(gates, weight, bias)
    return states, gradients


def check_equal(mask, hidden):
    gates, weight, bias = draw(mask, hidden)
    expected, expected_gradients = states_and_gradients(gru_scan, gates, jnp.asarray(mask), weight, bias)
    states, gradients = states_and_gradients(KERNEL, gates, jnp.asarray(mask), weight, bias)
    np.testing.assert_allclose(states, expected, atol=1e-5)
    for name, found, wanted in zip(("gates", "weight", "bias"), gradients, expected_gradients, strict=True):
        # Sums over all steps and sequences, in another order: by their largest value.
        np.testing.assert_allclose(found, wanted, atol=1e-5 * max(1, np.abs(wanted).max()), err_msg=name)


def test_equals_the_scan_for_all_lengths_and_gaps():
    check_equal(masks(LONGEST), 32)


def test_one_clip_of_one_frame_and_units_that_are_no_power_of_two():
    check_equal(np.ones((1, 1), bool), 5)


@pytest.mark.long
@pytest.mark.parametrize("steps", [2, 3, 16, 64, 140])
def test_equals_the_scan_in_arrays_of_other_lengths(steps):
    check_equal(masks(steps), 24)


@pytest.mark.long
def test_every_length_up_to_the_longest():
    check_equal(np.arange(LONGEST)[:, None] < np.arange(LONGEST + 1), 16)


def test_gradients_are_those_of_finite_differences():
    with jax.enable_x64(True):
        mask = jnp.asarray(masks(5)[:, ::4])
        arrays = draw(mask, 3, np.float64)
        check_grads(
            lambda gates, weight, bias: KERNEL(gates, mask, weight, bias) ** 2, arrays, order=1, modes=["rev"], eps=1e-5
        )


def test_what_is_held_after_the_last_frame_costs_no_turns():
    """Gates of steps after the last that counts are never read: no number in them shows."""
    mask = np.arange(6)[:, None] < np.array([[2, 1, 0]])
    gates, weight, bias = draw(mask, 4)
    broken = gates.at[:, 2:].set(jnp.nan)
    np.testing.assert_array_equal(KERNEL(broken, mask, weight, bias), KERNEL(gates, mask, weight, bias))


def test_the_program_for_a_gpu_holds_the_kernel_where_it_fits():
    mask = np.ones((3, 2), bool)

    def lowered(hidden, platform):
        traced = jax.jit(bidirectional_gru).trace(*draw(mask, hidden)[:1], mask, *draw(mask, hidden)[1:])
        return traced.lower(lowering_platforms=(platform,)).as_text()

    assert "xla.gpu.triton" in lowered(LARGEST_HIDDEN, "cuda")
    assert "triton" not in lowered(LARGEST_HIDDEN, "cpu")
    assert "triton" not in lowered(LARGEST_HIDDEN + 1, "cuda")


def test_without_pallas_triton_a_gpu_scans(monkeypatch):
    assert has_kernel(32, jnp.float32)
    assert not has_kernel(32, jnp.float64)  # tensor cores multiply halves of float32's numbers
    monkeypatch.setattr(gru.gru_kernel.__globals__["importlib"].util, "find_spec", lambda name: None)
    assert not has_kernel(32, jnp.float32)
