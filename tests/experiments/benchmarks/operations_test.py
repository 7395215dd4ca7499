import jax
import jax.numpy as jnp
import pytest

from akm_jax.config import ModelConfig
from experiments.benchmarks.operations import Layer, inference_operations, training_operations, trunk_layers


def test_a_layer_counts_what_xla_counts():
    layer = Layer(3, 8, 16, 6)
    x, kernel = jnp.ones((1, 6, 6, 8)), jnp.ones((3, 3, 8, 16))
    conv = jax.jit(
        lambda x, k: jax.lax.conv_general_dilated(x, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    )
    counted = conv.lower(x, kernel).compile().cost_analysis()["flops"]
    # XLA leaves products with the zeros around the map out: 16 of 18 rows and columns of taps are real.
    assert counted == pytest.approx(layer.operations * (16 / 18) ** 2, rel=0.01)


def test_the_published_trunk_has_twenty_convolutions_that_end_in_4_x_4_maps():
    layers = trunk_layers(ModelConfig())
    assert len(layers) == 20
    assert (layers[0].size, layers[0].side) == (5, 64)
    assert (layers[-1].outputs, layers[-1].side) == (512, 4)
    assert sum(layer.size == 1 for layer in layers) == 3


def test_training_costs_three_times_inference_less_the_stems_input_gradient():
    model = ModelConfig()
    stem = 2 * 25 * 64 * 64 * 64
    assert training_operations(model) == 3 * inference_operations(model) - stem
