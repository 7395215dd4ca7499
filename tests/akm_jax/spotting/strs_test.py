import math

import numpy as np
import pandas as pd
import pytest

from akm_jax.spotting.counting import Counts
from akm_jax.spotting.strs import score_strs


def table(*rows):
    return pd.DataFrame(rows, columns=["subject", "video", "onset", "offset", "emotion"])


def test_the_example_of_the_released_program():
    """Five found, five annotated, three hits, one of three classes right: STRS 0.2."""
    annotated = table(*[("1", "a", 100 * i, 100 * i + 9, e) for i, e in enumerate("pnsss")])
    found = table(*[("1", "a", 100 * i, 100 * i + 9, e) for i, e in enumerate("psp")], *[("1", "a", 50, 59, "p")] * 2)
    score = score_strs(found, annotated)
    assert score.spotting == Counts(3, 2, 2)
    assert score.hits == 3
    # p: said twice, once right; n: said s; s: said p.
    assert score.emotions == {"n": Counts(0, 0, 1), "p": Counts(1, 1, 0), "s": Counts(0, 1, 1)}
    assert (score.precision, score.recall) == (pytest.approx(1 / 6), pytest.approx(1 / 3))
    exact = table(*[("1", "a", 100 * i, 100 * i + 9, e) for i, e in enumerate("pxx")], *[("1", "a", 50, 59, "p")] * 2)
    score = score_strs(exact, annotated)
    assert score.spotting.f1 == pytest.approx(0.6)
    assert (score.precision, score.recall) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert score.strs == pytest.approx(0.2)


def test_worked_out_by_hand():
    annotated = table(("1", "a", 10, 19, "p"), ("1", "a", 40, 49, "n"), ("1", "b", 10, 19, "n"), ("2", "c", 5, 14, "s"))
    found = table(("1", "a", 11, 20, "p"), ("1", "a", 40, 49, "p"), ("1", "b", 12, 19, "n"), ("1", "b", 60, 69, "n"))
    score = score_strs(found, annotated)
    assert score.spotting == Counts(3, 1, 1)
    # p: 1 of 2 said is right, 1 of 1 found; n: 1 of 1, 1 of 2; s: not hit.
    assert score.precision == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert score.recall == score.uar == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert score.uf1 == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert score.analysis == Counts(2, 1, 1)
    assert score.strs == pytest.approx(0.75 * 0.5)
    of_two = score_strs(found, annotated, emotions=["n", "p"])
    assert of_two.spotting == score.spotting
    assert of_two.recall == pytest.approx(0.75)


def test_one_found_interval_hits_one():
    annotated = table(("1", "a", 10, 19, "p"), ("1", "a", 20, 29, "n"))
    found = table(("1", "a", 10, 29, "p"))
    assert score_strs(found, annotated).spotting == Counts(1, 0, 1)
    assert score_strs(found, annotated, "strs-metric").spotting == Counts(2, 0, 0)


def test_all_videos_count():
    annotated = table(("1", "a", 10, 19, "p"), ("2", "b", 10, 19, "p"))
    found = table(("1", "a", 10, 19, "p"), ("1", "c", 50, 60, "n"))
    assert score_strs(found, annotated).spotting == Counts(1, 1, 1)
    assert score_strs(found, annotated, "strs-metric").spotting == Counts(1, 0, 0)


def test_all_right_is_1():
    annotated = table(("1", "a", 10, 19, "p"), ("2", "a", 10, 19, "p"))
    score = score_strs(annotated, annotated)
    assert score.strs == score.uf1 == score.uar == 1
    assert math.isnan(score_strs(annotated, annotated, "strs-metric").strs)


def test_nothing_right_is_0():
    annotated = table(("1", "a", 10, 19, "p"))
    for found in (table(), table(("1", "a", 10, 19, "n")), table(("1", "a", 50, 59, "p"))):
        assert score_strs(found, annotated).strs == 0


def test_the_mean_precision_is_no_recall():
    annotated = table(("1", "a", 10, 19, "p"), ("1", "a", 30, 39, "n"), ("1", "a", 50, 59, "n"))
    found = annotated.assign(emotion=["p", "p", "n"])
    assert score_strs(found, annotated).uar == pytest.approx((1 + 1 / 2) / 2)
    assert score_strs(found, annotated, "strs-metric").uar == pytest.approx((1 / 2 + 1) / 2)
    assert score_strs(found, annotated, "strs-metric").precision == pytest.approx(0.75)


def test_order_does_not_matter():
    rng = np.random.default_rng(0)
    rows = [("1", str(i % 3), 10 * i, 10 * i + int(rng.integers(3, 14)), "pns"[i % 3]) for i in range(12)]
    annotated = table(*rows)
    found = annotated.assign(onset=annotated["onset"] + rng.integers(-2, 3, 12), emotion=list("pnspppnnnsss"))
    score = score_strs(found, annotated)
    assert 0 < score.strs < 1
    assert score_strs(found.sample(frac=1, random_state=1), annotated.sample(frac=1, random_state=2)) == score


def test_classes_are_needed():
    with pytest.raises(ValueError, match="STRS without classes"):
        score_strs(table(), table())
