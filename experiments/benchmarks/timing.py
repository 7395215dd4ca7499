"""Interleaved timing, and what is reported of it."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

Program = Callable[[int], Any]
Seconds = dict[str, list[float]]


def interleave(
    programs: Mapping[str, Program],
    *,
    rounds: Iterable[int],
    warm: bool = True,
    warm_ups: Mapping[str, Program] | None = None,
) -> Seconds:
    """Seconds of every program in every round.

    The programs take turns, so that a busy machine slows all of them, and each is told the round, so that all do the
    same work in it. A program must not return before its work is done.

    Args:
        programs: what to call with the number of the round.
        rounds: their numbers.
        warm: in every turn a program works twice, and the second time counts: as in a long run its memory is in place,
            which the system may have taken back during others' turns. False: once, and all of it counts.
        warm_ups: what does instead, for the first of the two, by the name of the program; itself where none is named.
    """
    seconds: Seconds = {name: [] for name in programs}
    for i in rounds:
        for name, program in programs.items():
            if warm:
                (warm_ups or {}).get(name, program)(i)
            started = time.perf_counter()
            program(i)
            seconds[name].append(time.perf_counter() - started)
    return seconds


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """What a call returns, and its seconds."""
    started = time.perf_counter()
    result = call()
    return result, time.perf_counter() - started


def describe(seconds: list[float]) -> dict[str, Any]:
    """Seconds of all rounds, their median, the fastest and the slowest."""
    return {
        "seconds": [round(s, 4) for s in seconds],
        "median_s": round(float(np.median(seconds)), 4),
        "fastest_s": round(min(seconds), 4),
        "slowest_s": round(max(seconds), 4),
    }


def ratio(theirs: list[float], ours: list[float]) -> float:
    """How many times as fast ours is: the median over rounds of theirs / ours, side by side."""
    return round(float(np.median(np.array(theirs) / np.array(ours))), 3)


def describe_milliseconds(seconds: list[float]) -> dict[str, Any]:
    """The same of what takes milliseconds: all rounds and their median."""
    return {
        "milliseconds": [round(1000 * s, 3) for s in seconds],
        "median_ms": round(1000 * float(np.median(seconds)), 3),
    }


def ratios_of(part: str, seconds: Seconds) -> dict[str, float]:
    """How many times as fast "ours" is as each of the others, and as the fastest of them; none without others."""
    found = {f"{part}/{name}": ratio(taken, seconds["ours"]) for name, taken in seconds.items() if name != "ours"}
    return found | ({f"{part}/torch_best": min(found.values())} if found else {})
