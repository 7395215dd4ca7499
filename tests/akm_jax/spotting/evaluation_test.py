import json

import pandas as pd
import pytest

from akm_jax.spotting.evaluation import evaluate_tables, require_common_videos


def table(*rows, columns="subject video onset offset type emotion score"):
    return pd.DataFrame([row for row in rows], columns=columns.split()[: len(rows[0])] if rows else columns.split())


@pytest.fixture
def annotated():
    return table(
        ("1", "a", 40, 52, "micro"), ("1", "a", 120, 133, "micro"), ("1", "b", 90, 101, "micro"),
        ("2", "c", 60, 72, "micro"), ("2", "c", 150, 166, "micro"), ("2", "c", 220, 231, "micro"),
        ("2", "c", 10, 99, "macro"),
    )  # fmt: skip


@pytest.fixture
def found():
    return table(
        ("1", "a", 41, 53, "micro"), ("1", "a", 119, 131, "micro"), ("1", "b", 85, 97, "micro"),
        ("2", "c", 52, 64, "micro"), ("2", "c", 217, 229, "micro"), ("2", "c", 60, 72, "macro"),
        ("3", "d", 5, 17, "micro"),
    )  # fmt: skip


def counts(row):
    return row["tp"], row["fp"], row["fn"]


def test_the_example_of_two_subjects(found, annotated):
    """That of the recording `softnet`, and beside it a macro-expression and a video without any."""
    of_code = evaluate_tables(found, annotated, "code")
    assert counts(of_code["types"]["micro"]) == (3, 2, 3)
    assert "1 of 7 found intervals are not counted" in of_code["notes"][0]
    scores = evaluate_tables(found, annotated)
    assert counts(scores["types"]["micro"]) == (3, 3, 3)
    assert counts(scores["types"]["macro"]) == (0, 1, 1)
    assert counts(scores["types"]["overall"]) == (3, 4, 4)
    assert scores["types"]["overall"]["f1"] == pytest.approx(6 / 14)
    assert scores["notes"] == ["1 found intervals are in videos without annotation: 3/d."]
    assert scores["strs"] is None
    json.dumps(scores, allow_nan=False)


def test_type_matters(annotated):
    turned = annotated.assign(type=annotated["type"].map({"micro": "macro", "macro": "micro"}))
    assert evaluate_tables(turned, annotated)["types"]["overall"]["tp"] == 0
    assert evaluate_tables(annotated, annotated)["types"]["overall"]["f1"] == 1


def test_order_does_not_matter(found, annotated):
    usual = evaluate_tables(found, annotated)
    shuffled = evaluate_tables(found.sample(frac=1, random_state=0), annotated.sample(frac=1, random_state=1))
    assert shuffled["types"] == usual["types"]


def test_without_subjects_videos_go_by_their_names(found, annotated):
    usual = evaluate_tables(found, annotated)
    assert evaluate_tables(found.assign(subject=""), annotated)["types"] == usual["types"]
    assert evaluate_tables(found, annotated.assign(subject=""))["types"] == usual["types"]
    with pytest.raises(ValueError, match="annotated video 'a' is of several subjects, but not both tables"):
        evaluate_tables(found.assign(subject=""), annotated.assign(video="a"))


def test_scores_make_average_precisions(found, annotated):
    scores = evaluate_tables(found.assign(score=[0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]), annotated)["types"]
    # Hits at ranks 1, 2 and 5 of six annotated intervals.
    assert scores["micro"]["ap50"] == pytest.approx((1 + 1 + 3 / 5) / 6)
    assert 0 < scores["micro"]["ap"] < scores["micro"]["ap50"]
    assert scores["macro"]["ap50"] == 0
    assert "ap50" not in scores["overall"]


def test_emotions_make_strs(found, annotated):
    said, true = found.assign(emotion="happy"), annotated.assign(emotion=["happy", "sad"] * 3 + [""])
    strs = evaluate_tables(said, true)["strs"]
    # Three hits: happy, sad, sad.
    assert strs["analysis"] | {"classes": None} == {
        "hits": 3, "right": 1, "precision": pytest.approx(1 / 6), "recall": pytest.approx(1 / 2),
        "f1": pytest.approx(1 / 4), "uf1": pytest.approx(1 / 4), "uar": pytest.approx(1 / 2), "classes": None,
    }  # fmt: skip
    assert strs["strs"] == pytest.approx(0.5 / 4)
    released = evaluate_tables(said, true, "strs-metric")["strs"]
    assert counts(released["spotting"]) == (3, 2, 3)  # the video of subject 3 is not visited
    wrong = evaluate_tables(said.assign(emotion="sad"), true.assign(emotion="happy"), "strs-metric")
    assert wrong["strs"]["strs"] is None
    assert evaluate_tables(said[5:6], true[6:])["strs"] is None  # macro-expressions only


def test_the_baselines_counts_are_noted_where_they_differ():
    annotated = table(("1", "a", 0, 9, "micro"), ("1", "a", 2, 11, "micro"))
    (note,) = evaluate_tables(annotated[:1], annotated)["notes"]
    assert "counts 2 hits, -1 false alarms, 0 misses" in note


def test_nothing_found(annotated):
    scores = evaluate_tables(table(columns="subject video onset offset type"), annotated)
    assert counts(scores["types"]["overall"]) == (0, 0, 7)


def test_found_only_where_nothing_is_annotated(found, annotated):
    assert counts(evaluate_tables(found[-1:], annotated)["types"]["micro"]) == (0, 1, 6)


def test_what_does_not_go_together_is_named(found, annotated):
    with pytest.raises(ValueError, match="no annotated intervals"):
        evaluate_tables(found, annotated[:0])
    with pytest.raises(
        ValueError, match="no video is in both tables: found are 1/x, 2/x, 3/x, annotated 1/a, 1/b, 2/c"
    ):
        require_common_videos(found.assign(video="x"), annotated)
    with pytest.raises(ValueError, match="annotated micro-expression 40 to 52 of video 'a' has no emotion"):
        evaluate_tables(found.assign(emotion="sad"), annotated.assign(emotion=""))
