"""What is read from the text of a compiled program, held to a short one."""

import pytest

from experiments.benchmarks.hlo import read_launches

TEXT = """
HloModule jit_steps, is_scheduled=true, entry_computation_layout={(f32[8]{0})->f32[8]{0}}

%fused_add (param_0: f32[8], param_1: f32[8]) -> f32[8] {
  %param_0 = f32[8]{0} parameter(0)
  %param_1 = f32[8]{0} parameter(1)
  ROOT %add.1 = f32[8]{0} add(%param_0, %param_1)
}

%inner_body (arg: (s32[], f32[8])) -> (s32[], f32[8]) {
  %arg = (s32[], f32[8]{0}) parameter(0)
  %i = s32[] get-tuple-element(%arg), index=0
  %x = f32[8]{0} get-tuple-element(%arg), index=1
  %fusion.1 = f32[8]{0} fusion(%x, %x), kind=kLoop, calls=%fused_add
  %copy.1 = f32[8]{0} copy(%fusion.1), metadata={op_name="a(b), c"}
  ROOT %out = (s32[], f32[8]{0}) tuple(%i, %copy.1)
}

%inner_condition (arg.1: (s32[], f32[8])) -> pred[] {
  %arg.1 = (s32[], f32[8]{0}) parameter(0)
  %i.1 = s32[] get-tuple-element(%arg.1), index=0
  %limit = s32[] constant(5)
  ROOT %compare.1 = pred[] fusion(%i.1, %limit), kind=kLoop, calls=%wrapped_compare
}

%light (p: f32[8]) -> f32[8] {
  ROOT %p = f32[8]{0} parameter(0)
}

%heavy (q: f32[8]) -> f32[8] {
  %q = f32[8]{0} parameter(0)
  ROOT %fusion.2 = f32[8]{0} fusion(%q, %q), kind=kLoop, calls=%fused_add
}

%body (state: (s32[], f32[8], /*index=2*/bf16[4,6,6,2])) -> (s32[], f32[8], bf16[4,6,6,2]) {
  %state = (s32[], f32[8]{0}, /*index=2*/bf16[4,6,6,2]{3,2,1,0}) parameter(0)
  %n = s32[] get-tuple-element(%state), index=0
  %v = f32[8]{0} get-tuple-element(%state), index=1
  %maps = bf16[4,6,6,2]{3,2,1,0} get-tuple-element(%state), index=2
  %kernel = bf16[2,3,3,2]{3,2,1,0} constant({...})
  %conv = (bf16[4,6,6,2]{3,2,1,0}, u8[0]{0}) custom-call(%maps, %kernel), custom_call_target="__cudnn$convForward"
  %new_maps = bf16[4,6,6,2]{3,2,1,0} get-tuple-element(%conv), index=0
  %start = (s32[], f32[8]{0}) tuple(%n, %v)
  %while.1 = (s32[], f32[8]{0}) while(%start), condition=%inner_condition, body=%inner_body, \
backend_config={"known_trip_count":{"n":"5"}}
  %w = f32[8]{0} get-tuple-element(%while.1), index=1
  %choice = s32[] constant(0)
  %chosen = f32[8]{0} conditional(%choice, %w, %w), branch_computations={%light, %heavy}
  ROOT %next = (s32[], f32[8]{0}, bf16[4,6,6,2]{3,2,1,0}) tuple(%n, %chosen, %new_maps)
}

%condition (state.1: (s32[], f32[8], bf16[4,6,6,2])) -> pred[] {
  %state.1 = (s32[], f32[8]{0}, bf16[4,6,6,2]{3,2,1,0}) parameter(0)
  %n.1 = s32[] get-tuple-element(%state.1), index=0
  ROOT %fusion.3 = pred[] fusion(%n.1), kind=kLoop, calls=%wrapped_compare
}

ENTRY %main (a: (s32[], f32[8], bf16[4,6,6,2])) -> f32[8] {
  %a = (s32[], f32[8]{0}, bf16[4,6,6,2]{3,2,1,0}) parameter(0)
  %while.2 = (s32[], f32[8]{0}, bf16[4,6,6,2]{3,2,1,0}) while(%a), condition=%condition, body=%body
  %b = f32[8]{0} get-tuple-element(%while.2), index=1
  ROOT %sorted = f32[8]{0} sort(%b), dimensions={0}, to_apply=%less
}
""".replace("\\\n", "")


@pytest.fixture(scope="module")
def launches():
    return read_launches(TEXT)


def test_kernels_are_counted_where_they_are_launched(launches):
    assert launches.kinds() == {"sort": 1}
    (steps,) = launches.loops
    assert (steps.name, steps.turns) == ("while.2", None)
    # The convolution, the heavier branch and the loop's own condition.
    assert steps.body.kinds() == {"fusion": 2, "__cudnn$convForward": 1}
    assert steps.body.count() == 3
    assert steps.body.count("copy") == 0


def test_loops_count_by_their_turns(launches):
    (steps,) = launches.loops
    (inner,) = steps.body.loops
    assert inner.turns == 5
    assert inner.body.kinds() == {"fusion": 2, "copy": 1}
    assert steps.body.in_loops() == 5 * 3
    assert launches.in_loops() == 3 + 5 * 3
    assert launches.in_loops(unknown=2) == 2 * (3 + 5 * 3)


def test_convolutions_by_number_format_and_bytes_of_maps(launches):
    step = launches.loops[0].body
    assert step.convolutions() == {"bf16": 1}
    maps = 2 * 4 * 6 * 6 * 2  # bytes of one
    assert step.bytes_moved(lambda shape: shape[1][:1] == (4,)) == {"bf16": 2 * maps}


def test_other_texts_are_refused():
    with pytest.raises(ValueError, match="ENTRY"):
        read_launches("HloModule empty")
    with pytest.raises(ValueError, match="names the computation inner_body"):
        read_launches(TEXT.replace("%inner_body (arg", "%other (arg"))
