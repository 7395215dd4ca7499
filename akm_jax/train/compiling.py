"""How the compiled programs of training are compiled."""

import functools
from collections.abc import Callable
from typing import Any

import jax

# XLA's CPU scheduler by default orders operations so that they may overlap. Every operation of a step already uses all
# cores, and that order keeps more than twice as many maps alive at a time.
CPU_OPTIONS = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}


def jit(function: Callable, **options: Any) -> Any:
    """`jax.jit` with the compiler options of the back end that is found at the first call; `lower` as there."""

    @functools.cache
    def compiled():
        return jax.jit(function, compiler_options=CPU_OPTIONS if jax.default_backend() == "cpu" else None, **options)

    @functools.wraps(function)
    def call(*args, **kwargs):
        return compiled()(*args, **kwargs)

    call.lower = lambda *args, **kwargs: compiled().lower(*args, **kwargs)  # type: ignore[attr-defined]
    return call
