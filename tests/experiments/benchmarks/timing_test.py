import pytest

from experiments.benchmarks.timing import describe, interleave, ratio


def test_programs_take_turns_of_two_calls_and_are_told_the_round():
    order = []
    seconds = interleave({name: lambda i, name=name: order.append((name, i)) for name in "ab"}, rounds=2)
    assert order == [("a", 0), ("a", 0), ("b", 0), ("b", 0), ("a", 1), ("a", 1), ("b", 1), ("b", 1)]
    assert {name: len(taken) for name, taken in seconds.items()} == {"a": 2, "b": 2}


def test_the_ratio_is_the_median_over_rounds_and_above_one_when_ours_is_faster():
    assert ratio([2.0, 9.0, 4.0], [1.0, 1.0, 2.0]) == pytest.approx(2.0)


def test_the_spread_is_reported():
    row = describe([3.0, 1.0, 2.0])
    assert (row["median_s"], row["fastest_s"], row["slowest_s"]) == (2.0, 1.0, 3.0)
