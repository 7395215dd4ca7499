"""The machine: threads, name of the device, the speed of its matrix products, memory."""

import ctypes
import functools
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from akm_jax.machine import num_cores, peak_memory_bytes
from experiments.benchmarks.timing import timed

GIB = 2**30
NVIDIA_DRIVER = Path("/dev/nvidiactl")  # JAX can't be asked for a GPU before its threads start
# Parameters of `mallopt` in the GNU C library's <malloc.h>.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def use_threads(count: int) -> None:
    """Restrict this process to `count` CPUs, before JAX or PyTorch start their threads; no limit where a GPU works.

    Raises:
        ValueError: there are fewer.
    """
    if NVIDIA_DRIVER.exists():
        return
    if not 1 <= count <= num_cores():
        raise ValueError(f"--threads={count}: expected 1 to {num_cores()}, the CPUs this process may use")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    elif count < num_cores():
        raise ValueError(f"--threads={count}: this system restricts no process; give --threads={num_cores()}")


def keep_memory() -> None:
    """Let memory stay with this process when it is freed; on the CPU, with the GNU C library.

    By default that of large arrays goes back to the system, which hands it out anew page by page: PyTorch's for every
    layer of every clip, where that costs a tenth of a step or more. Ours is taken once a call, by threads of JAX's
    whose large arrays go back all the same.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or NVIDIA_DRIVER.exists():
        return
    mallopt(M_MMAP_MAX, 0)  # large arrays from the heap, like small ones
    mallopt(M_TRIM_THRESHOLD, -1)  # whose free end is never returned


def has_accelerator() -> bool:
    """Whether JAX computes on anything but the CPU."""
    return jax.default_backend() != "cpu"


def device_name() -> str:
    """The kind of device, without naming the machine."""
    if not has_accelerator():
        return f"CPU, {num_cores()} cores"
    return jax.devices()[0].device_kind


@functools.cache
def matmul_peak(dtype: str = "float32") -> float:
    """Floating-point operations a second of the best of several matrix products, measured once a process."""
    sizes = (4096, 8192) if has_accelerator() else (1024, 2048)
    product = jax.jit(jnp.matmul)
    best = 0.0
    for size in sizes:
        a = jax.random.normal(jax.random.key(size), (size, size), dtype)
        run = functools.partial(product, a, a)
        jax.block_until_ready(run())
        seconds = min(timed(lambda: jax.block_until_ready(run()))[1] for _ in range(5))  # noqa: B023
        best = max(best, 2 * size**3 / seconds)
    return best


def peak_memory_gib() -> dict[str, float]:
    """Most memory held so far, GiB: of this process, and of the device where it tells."""
    peak = {"process": round(peak_memory_bytes() / GIB, 2)}
    stats = jax.devices()[0].memory_stats()
    return peak | ({"device": round(stats["peak_bytes_in_use"] / GIB, 2)} if stats else {})


def program_memory_gib(compiled: Any) -> float | None:
    """Memory a compiled program needs at its peak, GiB, as its compiler planned it: arguments, results, temporaries."""
    plan = compiled.memory_analysis()
    if plan is None:
        return None
    parts = plan.argument_size_in_bytes + plan.output_size_in_bytes - plan.alias_size_in_bytes
    return (parts + plan.temp_size_in_bytes) / GIB
