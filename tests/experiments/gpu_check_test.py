"""`make gpu-check`'s command, without the plugin it compiles with: what it reports of a program, and its refusals."""

import jax
import pytest
from jax.sharding import SingleDeviceSharding

from experiments.benchmarks.gpu_programs import Compiled, Target, programs
from experiments.benchmarks.hlo import Kernel, Launches, Loop
from experiments.gpu_check import describe, main

MAPS = ("bf16", (100, 8, 8, 4))
CONVOLUTION = Kernel("conv", "__cudnn$convForward", (MAPS, ("bf16", (4, 3, 3, 4))), (MAPS,))
COPY = Kernel("copy", "copy", (("f32", (8,)),), (("f32", (8,)),))
STEP = Launches((CONVOLUTION, CONVOLUTION, COPY), (Loop("time", 7, Launches((COPY, COPY), ())),))


def test_a_loop_over_steps_is_counted_by_the_step():
    whole = Launches((COPY,), (Loop("steps", None, STEP),))
    found = describe(Compiled(whole, 2**30, 100, {"operations": 10**12, "formula_bytes": 2**29}))
    assert (found["counted"], found["kernels"], found["kernels_in_loops"], found["copies"]) == ("a step", 3, 14, 1)
    assert found["loops"] == [{"turns": 7, "kernels_a_turn": 2, "copies_a_turn": 2, "loops": []}]
    assert (found["planned_gib"], found["formula_gib"], found["kernels_around_steps"]) == (1, 0.5, 1)
    moved = 2 * 2 * 2 * 100 * 8 * 8 * 4  # two convolutions, bytes of a number, each reading and writing all maps
    assert found["map_bytes"] == {"bf16": moved}
    assert found["convolutions"] == {"bf16": 2}
    fast, slow = found["projection_not_measured_ms"]
    assert found["floor_ms"]["operations"] == pytest.approx(1000 * 1e12 / 989e12, abs=0.01)
    assert found["floor_ms"]["operations"] < fast < slow


def test_a_program_without_steps_is_counted_whole():
    found = describe(Compiled(Launches((COPY, CONVOLUTION), ()), 0))
    assert (found["counted"], found["kernels"], found["copies"]) == ("a call", 2, 1)
    assert "floor_ms" not in found


def test_refusals(monkeypatch):
    with pytest.raises(ValueError, match="--only nothing: expected some of akmnet/train"):
        main(["--only", "nothing"])
    monkeypatch.setenv("JAX_SKIP_CUDA_CONSTRAINTS_CHECK", "1")
    with pytest.raises(ImportError, match=r"install jax\[cuda12\]==.*make gpu-check"):
        Target()


class Stop(Exception):
    """Carries what was traced."""


class TracedOnly(Target):
    """Stops before the plugin is needed."""

    def __init__(self):
        self._home = SingleDeviceSharding(jax.devices()[0])

    @staticmethod
    def finish(traced):
        raise Stop(traced)


@pytest.mark.parametrize("name", sorted(programs("bfloat16")))
def test_every_program_can_still_be_traced(name):
    with pytest.raises(Stop) as stopped:
        programs("bfloat16")[name](TracedOnly())
    assert stopped.value.args[0].jaxpr.eqns
