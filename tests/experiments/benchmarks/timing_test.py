import pytest

from experiments.benchmarks.timing import describe, interleave, ratio


@pytest.mark.parametrize("warm", [True, False])
def test_programs_take_turns_and_are_told_the_round(warm):
    order = []
    programs = {name: lambda i, name=name: order.append((name, i)) for name in "ab"}
    seconds = interleave(programs, rounds=range(3, 5), warm=warm)
    assert order == [turn for i in (3, 4) for name in "ab" for turn in [(name, i)] * (1 + warm)]
    assert {name: len(taken) for name, taken in seconds.items()} == {"a": 2, "b": 2}


def test_another_call_may_warm_up():
    order = []
    programs = {name: lambda i, name=name: order.append(name) for name in "ab"}
    seconds = interleave(programs, rounds=range(1), warm_ups={"a": lambda i: order.append("short a")})
    assert order == ["short a", "a", "b", "b"]
    assert set(seconds) == {"a", "b"}


def test_the_ratio_is_the_median_over_rounds_and_above_one_when_ours_is_faster():
    assert ratio([2.0, 9.0, 4.0], [1.0, 1.0, 2.0]) == pytest.approx(2.0)


def test_the_spread_is_reported():
    row = describe([3.0, 1.0, 2.0])
    assert (row["median_s"], row["fastest_s"], row["slowest_s"]) == (2.0, 1.0, 3.0)
