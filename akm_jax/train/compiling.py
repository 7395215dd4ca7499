"""How the compiled programs of training are compiled."""

import contextlib
import functools
import gc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax

CPU_OPTIONS = {
    # XLA's CPU scheduler by default orders operations so that they may overlap. Every operation of a step already uses
    # all cores, and that order keeps more than twice as many maps alive at a time.
    "xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED",
    # Products stay out of YNNPACK's fusions: as fast, and a program from the persistent cache is ready two seconds
    # sooner, for XLA searches the whole program once for every fusion that it reads.
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE",
}


def jit(function: Callable, **options: Any) -> Any:
    """`jax.jit` with the compiler options of the back end that is found at the first call; `lower` as there."""

    @functools.cache
    def compiled():
        on_cpu = jax.default_backend() == "cpu"
        return jax.jit(function, compiler_options=known_options() if on_cpu else None, **options)

    @functools.wraps(function)
    def call(*args, **kwargs):
        with _no_search_for_garbage():
            return compiled()(*args, **kwargs)

    def lower(*args, **kwargs):
        with _no_search_for_garbage():
            return compiled().lower(*args, **kwargs)

    call.lower = lower  # type: ignore[attr-defined]
    return call


@contextlib.contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """Tracing a step makes millions of objects that stay; Python searching them again and again takes a sixth of it."""
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()


@functools.cache
def known_options() -> dict[str, str]:
    """Those of `CPU_OPTIONS` that the installed XLA knows, whose releases drop some; warns of the others."""
    known = {}
    for name, value in CPU_OPTIONS.items():
        try:
            jax.jit(lambda: 0, compiler_options={name: value}).lower().compile()
        except jax.errors.JaxRuntimeError as e:
            warnings.warn(f"jax {jax.__version__}: training is compiled without {name}={value}: {e}", stacklevel=2)
        else:
            known[name] = value
    return known
