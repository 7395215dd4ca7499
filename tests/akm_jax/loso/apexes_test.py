"""Shares and distances against numbers worked out by hand."""

import numpy as np
import pytest

from akm_jax.loso.apexes import ApexReading, apex_shares, read_apexes


def reading(name, *, frames=4, selected=2, apex=1, top=1, key=True, seed=0, fps=200.0):
    return ApexReading(name, seed, frames, selected, apex, top, key, fps)


def test_readings_are_those_of_the_results():
    clips = {
        "a": {"beta": [0.1, 0.9, 0.5], "selected": [0, 1, 1]},
        "b": {"beta": [0.1, 0.2], "selected": [0, 1]},
        "c": {},
    }
    results = [{"seed": 3, "rules": {"last": {"clips": clips}}}]
    (found,) = read_apexes(results, "last", {"a": (2, 200.0), "b": (-1, 0.0), "c": (1, 0.0)})
    assert found == ApexReading("a", 3, 3, 2, 2, 1, True, 200.0)
    assert (found.distance, found.distance_ms) == (-1, -5.0)
    assert np.isnan(reading("x", fps=0.0).distance_ms)
    with pytest.raises(ValueError, match="clip a: apex 3 of 3 frames"):
        read_apexes(results, "last", {"a": (3, 0.0), "b": (-1, 0.0), "c": (1, 0.0)})


def test_chance_is_that_of_as_many_random_frames():
    """Two clips, half and a quarter of the frames selected: none, one, both with 3/8, 1/2, 1/8."""
    key, top = apex_shares([reading("a"), reading("b", frames=8, selected=2, key=False, top=3)])
    assert key.value == 0.5
    assert key.chance == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert (key.low, key.high) == (0.0, 1.0)
    assert key.p == pytest.approx(5 / 8, abs=0.02)
    assert not key.beats_chance
    assert top.value == 0.5
    assert top.chance == pytest.approx((1 / 4 + 1 / 8) / 2)
    assert top.p == pytest.approx(1 - 3 / 4 * 7 / 8, abs=0.02)


def test_many_clips_of_which_more_hold_the_apex_than_chance():
    readings = [reading(f"clip {i}", key=i % 10 != 0, top=3) for i in range(400)]
    key, top = apex_shares(readings)
    assert key.beats_chance
    assert key.low == pytest.approx(0.5 - 1.96 * 0.5 / 20, abs=0.006)  # the binomial's
    assert (key.p, top.value, top.p) == (0.0, 0.0, 1.0)
    twice = [*readings, *(reading(f"clip {i}", seed=1) for i in range(400))]
    assert apex_shares(twice)[0].low == pytest.approx(key.low, abs=1e-9)  # seeds make chance no narrower


def test_nothing_to_read_is_said():
    with pytest.raises(ValueError, match="no clip has both an annotated apex and scores"):
        apex_shares([])
