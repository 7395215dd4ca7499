"""STRS against the released STRS-Metric."""

import numpy as np
import pandas as pd

from akm_jax.spotting.strs import score_strs


def columns(score):
    spotting, analysis = score.spotting, score.analysis
    return {
        "STRS": score.strs,
        "TP spotting": spotting.tp,
        "FP spotting": spotting.fp,
        "FN spotting": spotting.fn,
        "Precision spotting": spotting.precision,
        "Recall spotting": spotting.recall,
        "F1-score spotting": spotting.f1,
        "TP analysis": analysis.tp,
        "FP analysis": analysis.fp,
        "FN analysis": analysis.fn,
        "Precision analysis": score.precision,
        "Recall analysis": score.recall,
        "F1-score analysis": score.analysis_f1,
        "UF1 analysis": score.uf1,
        "UAR analysis": score.uar,
    }


def test_all_figures(recorded):
    recording = recorded("strs")
    names = recording.meta["list_columns"].split(", ")
    for i, case in enumerate(recording.meta["cases"]):
        found, annotated = (pd.DataFrame(case[of], columns=names) for of in ("pred", "truth"))
        for j, emotions in enumerate((None, ["negative", "positive", "surprise"])):
            made = columns(score_strs(found, annotated, "strs-metric", emotions=emotions))
            np.testing.assert_allclose(
                [made[name] for name in recording.meta["result_columns"]],
                recording["results"][i, j],
                rtol=0,
                atol=1e-12,
                err_msg=f"case {i}, {emotions or 'all'}",
            )
