"""Compiler options that the installed XLA does not know."""

import jax.numpy as jnp
import pytest

from akm_jax.train import compiling


@pytest.fixture(autouse=True)
def _forget():
    yield
    compiling.known_options.cache_clear()


def test_the_installed_xla_knows_all_options():
    assert compiling.known_options() == compiling.CPU_OPTIONS


def test_an_option_xla_does_not_know_is_left_out_with_a_warning(monkeypatch):
    compiling.known_options.cache_clear()
    options = {"xla_cpu_no_such_option": "1", **compiling.CPU_OPTIONS}
    monkeypatch.setattr(compiling, "CPU_OPTIONS", options)
    with pytest.warns(UserWarning, match="without xla_cpu_no_such_option=1: INVALID_ARGUMENT: No such compile option"):
        assert compiling.jit(lambda x: x + 1)(jnp.ones(())) == 2
    assert set(compiling.known_options()) == set(options) - {"xla_cpu_no_such_option"}
