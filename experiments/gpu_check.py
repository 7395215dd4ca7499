"""Compile our programs for an H100 on a machine that has none, and count what they would launch and move.

    make gpu-check
    JAX_SKIP_CUDA_CONSTRAINTS_CHECK=1 python -m experiments.gpu_check --json=FILE      # with jax[cuda12] installed
    python -m experiments.gpu_check --only akmnet/train

Launches, copies, number formats and planned memory are what XLA made. A floor follows from them; the time of a step is
a projection: nothing of it was measured.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from akm_jax.files import write_json
from experiments.command import command_line, console, parse, require_writable, run_command

LAUNCH_S = (2e-6, 4e-6)
"""Seconds of a launch, from and to, of kernels that are launched one after another."""
PART_OF_PEAK = (0.2, 0.5)
"""Of the peak of operations that convolutions of these sizes may reach, from and to: a guess, marked as one."""


@dataclasses.dataclass(frozen=True)
class Command:
    """Options.

    Attributes:
        only: names of programs; all when none is given.
        trunk_dtype: number format of AKMNet's trunk.
        json: file to write.
    """

    only: tuple[str, ...] = ()
    trunk_dtype: Literal["bfloat16", "float32"] = "bfloat16"
    json: Path | None = None


@command_line(writes=("--json",))
def main(arguments: Sequence[str]) -> None:
    """Parse, compile, print, write."""
    command = parse(Command, arguments, program="python -m experiments.gpu_check", description=__doc__)
    if command.json is not None:
        require_writable("--json", command.json, (".json",))
    from akm_jax.versions import versions
    from experiments.benchmarks.gpu_programs import Target, programs

    known = programs(command.trunk_dtype)
    if unknown := [name for name in command.only if name not in known]:
        raise ValueError(f"--only {unknown[0]}: expected some of {', '.join(known)}")
    target = Target()
    result: dict[str, Any] = {
        "device": "NVIDIA H100 80GB HBM3, described to the compiler, not present",
        "versions": versions(("jax", "jaxlib", "flax")),
        "trunk_dtype": command.trunk_dtype,
        "measured_seconds": None,
        "programs": {},
    }
    for name in command.only or known:
        console.print(f"{name}: compiling")
        found = result["programs"][name] = describe(known[name](target))
        console.print("\n".join(f"  {key}: {value}" for key, value in found.items()))
        if command.json is not None:
            write_json(command.json, result)


def describe(compiled: Any) -> dict[str, Any]:
    """What is reported of a `Compiled` program; counts are those of a step where the program is a loop over steps."""
    whole = compiled.launches
    steps = [loop for loop in whole.loops if loop.body.count() + loop.body.in_loops() > whole.count()]
    step = steps[0].body if len(steps) == 1 else whole
    found: dict[str, Any] = {
        "counted": "a step" if step is not whole else "a call",
        "kernels": step.count(),
        "kernels_in_loops": step.in_loops(),
        "loops": [describe_loop(loop) for loop in step.loops],
        "copies": step.count("copy"),
        "kinds": step.kinds(),
        "convolutions": step.convolutions(),
        "planned_gib": round(compiled.planned_bytes / 2**30, 3),
    }
    if step is not whole:
        found["kernels_around_steps"] = whole.count()
    if "formula_bytes" in compiled.more:
        found["formula_gib"] = round(compiled.more["formula_bytes"] / 2**30, 3)
    if compiled.frames:
        found |= floor(step, compiled.frames, compiled.more["operations"])
    return found


def describe_loop(loop: Any) -> dict[str, Any]:
    """Turns of a loop (None: not fixed), and what a turn launches and copies, loops within it in one turn each."""
    body = loop.body
    return {
        "turns": loop.turns,
        "kernels_a_turn": body.count(),
        "copies_a_turn": body.count("copy"),
        "loops": [describe_loop(inner) for inner in body.loops],
    }


def floor(step: Any, frames: int, operations: int) -> dict[str, Any]:
    """Bytes of the maps that a step's kernels read and write, the least time for them, and a projection."""
    from experiments.benchmarks.gpu_programs import BYTES_PER_S, PEAK_OPERATIONS_PER_S

    moved = step.bytes_moved(lambda shape: len(shape[1]) >= 2 and shape[1][0] == frames)
    compute, memory = operations / PEAK_OPERATIONS_PER_S, sum(moved.values()) / BYTES_PER_S
    launches = step.count() + step.in_loops()
    fast, slow = (
        max(memory, compute / part) + launches * launch
        for part, launch in zip(reversed(PART_OF_PEAK), LAUNCH_S, strict=True)
    )
    return {
        "frames": frames,
        "map_bytes": moved,
        "tera_operations": round(operations / 1e12, 3),
        "floor_ms": {"operations": _ms(compute), "map_bytes": _ms(memory)},
        "projection_not_measured_ms": [_ms(fast), _ms(slow)],
    }


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 2)


if __name__ == "__main__":
    run_command(main)
