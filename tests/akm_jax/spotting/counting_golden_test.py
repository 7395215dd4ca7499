"""Counts against the baseline's script of MEGC 2020."""

import numpy as np
import pytest

from akm_jax.spotting.counting import HIT_IOU, Counts, count_baseline, count_spans, span_ious

TYPES = ("micro", "macro")


@pytest.fixture(scope="module")
def recording(recorded):
    return recorded("megc")


def of_type(rows, kind, spans):
    return spans(*(row[:2] for row in rows if row[2] == kind))


def test_counts(recording, spans):
    for i, case in enumerate(recording.meta["cases"]):
        sums = dict.fromkeys(TYPES, Counts())
        for video in case["videos"]:
            for kind in TYPES:
                found, annotated = (of_type(video[of], kind, spans) for of in ("pred", "truth"))
                sums[kind] += count_baseline(found, annotated)
        rows = [*sums.values(), sum(sums.values(), Counts())]
        assert [[row.tp, row.fp, row.fn] for row in rows] == recording[f"{i}/counts"].tolist(), i
        np.testing.assert_allclose([row.f1 for row in rows], recording[f"{i}/f1"], rtol=0, atol=1e-12)


def test_one_to_one_counts_differ_only_where_one_may_hit_two(recording, spans):
    alike = 0
    for case in recording.meta["cases"]:
        for video in case["videos"]:
            for kind in TYPES:
                found, annotated = (of_type(video[of], kind, spans) for of in ("pred", "truth"))
                hits_of_one = (span_ious(found, annotated) >= HIT_IOU).sum(1)
                if (hits_of_one <= 1).all() and (annotated[:, 0] < annotated[:, 1]).all():
                    assert count_spans(found, annotated) == count_baseline(found, annotated)
                    alike += 1
    assert alike
