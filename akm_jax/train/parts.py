"""Parts of a step: devices that share the clips of every step, as two CPU devices do.

XLA splits each operation of a program over all cores of a CPU device, so that what one core wrote another reads, and
each waits for the other at the end of every operation. Two devices with half of a step's clips each meet once a step,
to add gradients up. Batch norm is by clip, so the mathematics are the same.
"""

import contextlib
import os
from collections.abc import Sequence
from typing import TypeAlias

import jax
import numpy as np
from jax.sharding import AbstractMesh, Mesh, NamedSharding, PartitionSpec

from akm_jax.machine import num_cores

AXIS = "part"
CPU_PARTS = 2

REPLICATED, BY_PART, STEPS_BY_PART = PartitionSpec(), PartitionSpec(AXIS), PartitionSpec(None, AXIS)


def split_cpu() -> None:
    """Let JAX see two CPU devices where there are two cores; to be called before JAX's back end starts.

    Without effect once it has started, or where XLA_FLAGS says how many there are.
    """
    several_cores = num_cores() >= CPU_PARTS
    if several_cores and "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        with contextlib.suppress(RuntimeError):  # it has started
            jax.config.update("jax_num_cpu_devices", CPU_PARTS)


def choose_parts(wanted: int, clips_per_step: int, folds_at_a_time: int = 0) -> int:
    """Parts of a step: `wanted`, or for 0 two on the CPU if it has the devices for so many folds, else one.

    Raises:
        ValueError: the clips of a step cannot be divided so, or there are fewer devices.
    """
    devices = jax.local_devices()
    if wanted == 0:
        enough = len(devices) >= CPU_PARTS * max(folds_at_a_time, 1)
        shared = jax.default_backend() == "cpu" and enough and clips_per_step % CPU_PARTS == 0
        return CPU_PARTS if shared else 1
    if clips_per_step % wanted or wanted > len(devices):
        raise ValueError(
            f"--parts={wanted}: expected a divisor of --clips_per_step={clips_per_step}, at most "
            f"{len(devices)}, the devices there are"
        )
    return wanted


Home: TypeAlias = jax.Device | NamedSharding | None
"""Where what all parts of a step need lies: on the one device, on each of several, or on JAX's default device."""


def home_of(devices: Sequence[jax.Device] | None) -> Home:
    """The home of steps on these devices, a part on each, in their order."""
    if devices is None:
        return None
    if len(devices) == 1:
        return devices[0]
    return NamedSharding(Mesh(np.array(devices), (AXIS,)), REPLICATED)


def mesh_of(home: Home) -> AbstractMesh | None:
    """That devices share a step, whichever they are: one traced program serves all. None for one device."""
    return home.mesh.abstract_mesh if isinstance(home, NamedSharding) else None


def divided(home: Home, spec: PartitionSpec) -> Home:
    """Where an array lies of which each part has its own piece, as `spec` divides it."""
    return NamedSharding(home.mesh, spec) if isinstance(home, NamedSharding) else home
