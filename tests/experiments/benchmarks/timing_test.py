import pytest

from experiments.benchmarks.timing import describe, interleave, ratio


@pytest.mark.parametrize("warm", [True, False])
def test_programs_take_turns_and_are_told_the_round(warm):
    order = []
    programs = {name: lambda i, name=name: order.append((name, i)) for name in "ab"}
    seconds = interleave(programs, rounds=range(3, 5), warm=warm)
    uncounted = [("a", 3), ("b", 3)] if warm else []
    assert order == [*uncounted, ("a", 3), ("b", 3), ("a", 4), ("b", 4)]
    assert {name: len(taken) for name, taken in seconds.items()} == {"a": 2, "b": 2}


def test_the_ratio_is_the_median_over_rounds_and_above_one_when_ours_is_faster():
    assert ratio([2.0, 9.0, 4.0], [1.0, 1.0, 2.0]) == pytest.approx(2.0)


def test_the_spread_is_reported():
    row = describe([3.0, 1.0, 2.0])
    assert (row["median_s"], row["fastest_s"], row["slowest_s"]) == (2.0, 1.0, 3.0)
