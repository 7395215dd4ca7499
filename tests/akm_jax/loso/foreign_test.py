"""Predictions made elsewhere are scored as scikit-learn scores them, and as our own runs are."""

import csv
import io
import json

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

import akm_jax
from akm_jax.loso.foreign import read_predictions
from akm_jax.metrics import bootstrap_interval
from experiments import score

CLASSES = ("negative", "positive", "surprise")
HEADER = ["clip_id", "subject", "label", "prediction"]


def draw_rows(seed=0, num_clips=30):
    """Clips of five subjects, most read correctly; the prediction is the class of the largest probability."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(num_clips):
        label = CLASSES[rng.integers(3)]
        logits = rng.normal(size=3) + 2 * (rng.random() < 0.66) * (np.array(CLASSES) == label)
        numbers = np.exp(logits) / np.exp(logits).sum()
        rows.append([f"clip {i}", f"s{i % 5}", label, CLASSES[logits.argmax()], *np.round(numbers, 3)])
    return rows


ROWS = draw_rows()


def write(path, rows, header=HEADER, *, delimiter=",", bom=False):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n" if bom else "\n")
    writer.writerows([header, *rows])
    path.write_bytes(("\ufeff" if bom else "").encode() + out.getvalue().encode())
    return path


@pytest.fixture
def table(tmp_path):
    return write(tmp_path / "theirs.csv", [row[:4] for row in ROWS])


def result_files(run_dir):
    return [json.loads(path.read_text()) for path in sorted(run_dir.glob("folds/seed0/s*/result.json"))]


def test_scores_equal_scikit_learn(table, tmp_path):
    summary = akm_jax.score_predictions(table, tmp_path / "run")
    truth, answers = [row[2] for row in ROWS], [row[3] for row in ROWS]
    assert list(summary["rules"]) == ["given"]
    scores = summary["rules"]["given"]
    assert scores["accuracy"] == pytest.approx(accuracy_score(truth, answers))
    assert scores["uf1"] == pytest.approx(f1_score(truth, answers, average="macro"))
    assert scores["uar"] == pytest.approx(recall_score(truth, answers, average="macro"))
    assert scores["confusion"] == confusion_matrix(truth, answers, labels=CLASSES).tolist()
    ranked = sorted(ROWS, key=lambda row: row[1])
    interval = bootstrap_interval(np.array([row[2] == row[3] for row in ranked]), [row[1] for row in ranked])
    assert scores["accuracy_ci95"] == pytest.approx(interval)
    assert summary["num_clips"] == 30
    assert summary["num_subjects"] == 5


def test_the_run_directory_is_one_like_ours(table, tmp_path):
    summary = akm_jax.score_predictions(table, tmp_path / "run", name="Their network")
    run = tmp_path / "run"
    plan = json.loads((run / "run.json").read_text())
    assert plan["config"]["method"] == "Their network"
    assert plan["data"] == summary["data"]
    assert summary == json.loads((run / "summary.json").read_text())
    assert summary["headline_rule"] is None
    assert [result["subject"] for result in result_files(run)] == ["s0", "s1", "s2", "s3", "s4"]
    with (run / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["clip_id"], r["label"], r["given_seed0_prediction"]) for r in rows] == [
        (row[0], row[2], row[3]) for row in ROWS
    ]
    assert str(tmp_path) not in "".join(path.read_text() for path in run.rglob("*.*") if path.is_file())


def test_the_page_says_that_nothing_is_known_of_how_the_models_were_chosen(table, tmp_path):
    akm_jax.score_predictions(table, tmp_path / "run", name="Their network")
    text = (tmp_path / "run" / "report.html").read_text()
    assert '<p class="kicker">Their network, predictions made elsewhere</p>' in text
    assert "Accuracy, rule given" in text
    assert "How the models were trained and chosen" in text
    for absent in ("headline", "Each fold trains", "thumbnails", "rule last", "Device", "frames are counted", "<img"):
        assert absent not in text


def test_no_probabilities_are_invented(table, tmp_path):
    summary = akm_jax.score_predictions(table, tmp_path / "run")
    assert summary["notes"] == ["The table holds no probabilities."]
    for result in result_files(tmp_path / "run"):
        for clip in result["rules"]["given"]["clips"].values():
            assert clip.keys() == {"label", "prediction"}
    text = (tmp_path / "run" / "report.html").read_text()
    assert "The table holds no probabilities." in text
    assert '<p class="note"><span class="nowrap">' not in text
    assert "most confident" not in text
    assert "Read correctly: a clip of a class" in text


FORMS = {
    "a column a class": (
        [*HEADER, *[f"p_{name}" for name in CLASSES]],
        lambda row: row,
        {},
    ),
    "columns in another order": (
        ["probability_surprise", "probability_negative", "probability_positive", *HEADER],
        lambda row: [row[6], row[4], row[5], *row[:4]],
        {},
    ),
    "together, blanks": (
        [*HEADER, "probabilities"],
        lambda row: [*row[:4], " ".join(str(p) for p in row[4:])],
        {},
    ),
    "together, semicolons": (
        [*HEADER, "probabilities", "remark"],
        lambda row: [*row[:4], "; ".join(str(p) for p in row[4:]), "x"],
        {"bom": True},
    ),
    "as printed by numpy": (
        [*HEADER, "probabilities"],
        lambda row: [*row[:4], f"[{' '.join(str(p) for p in row[4:])}]"],
        {"delimiter": ";"},
    ),
    "decimal commas": (
        [*HEADER, *[f"p_{name}" for name in CLASSES]],
        lambda row: [*row[:4], *[str(p).replace(".", ",") for p in row[4:]]],
        {"delimiter": ";", "bom": True},
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_probabilities_in_every_form_are_the_same(tmp_path, form):
    header, change, how = FORMS[form]
    path = write(tmp_path / "theirs.csv", [change(row) for row in ROWS], header, **how)
    found = read_predictions(path, CLASSES)
    np.testing.assert_allclose(found.probabilities, [row[4:] for row in ROWS])
    assert found.clip_ids == tuple(row[0] for row in ROWS)
    assert found.notes() == []


def test_probabilities_are_shown_and_kept(tmp_path):
    path = write(tmp_path / "theirs.csv", ROWS, [*HEADER, *[f"p_{name}" for name in CLASSES]])
    akm_jax.score_predictions(path, tmp_path / "run")
    clips = result_files(tmp_path / "run")[0]["rules"]["given"]["clips"]
    assert clips["clip 0"]["probabilities"] == pytest.approx(ROWS[0][4:])
    text = (tmp_path / "run" / "report.html").read_text()
    best = max((row for row in ROWS if row[2] == row[3] == "positive"), key=lambda row: row[5])
    assert "Read best: the most confident correct clip of a class" in text
    assert f">positive {best[5]:.3f}," in text
    assert "no probabilities" not in text


def test_probabilities_that_say_something_else_than_the_prediction_are_noted(tmp_path):
    rows = [[*row[:4], 0.1, 0.1, 0.8] if row[3] == "negative" else row for row in ROWS]
    path = write(tmp_path / "theirs.csv", rows, [*HEADER, *[f"p_{name}" for name in CLASSES]])
    count = sum(row[3] == "negative" for row in ROWS)
    summary = akm_jax.score_predictions(path, tmp_path / "run")
    (note,) = summary["notes"]
    assert note.startswith(f"{count} of 30 predictions are not the class of the largest probability")
    assert note in (tmp_path / "run" / "report.html").read_text()
    assert summary["rules"]["given"]["accuracy"] == pytest.approx(np.mean([row[2] == row[3] for row in ROWS]))


def test_class_names_give_order_and_classes_that_no_clip_shows(table, tmp_path):
    summary = akm_jax.score_predictions(table, tmp_path / "run", class_names=("others", *reversed(CLASSES)))
    assert summary["class_names"] == ["others", "surprise", "positive", "negative"]
    assert summary["class_counts"][0] == 0
    truth, answers = [row[2] for row in ROWS], [row[3] for row in ROWS]
    assert summary["rules"]["given"]["uf1"] == pytest.approx(f1_score(truth, answers, average="macro"))


def test_the_predictions_of_a_run_of_ours_written_out_give_its_scores(make_clip_set, tmp_path):
    class Guess(akm_jax.Method):
        name = "guess"

        def train_fold(self, training, views, start):
            rng = np.random.default_rng(int(training.place.subject))
            yield akm_jax.Epoch(1, [rng.normal(size=(len(clips), 3)) for clips in training.watched])

    ours = akm_jax.run_loso(Guess(), make_clip_set(5, 4), tmp_path / "ours", rules="last", console=Console(quiet=True))
    with (tmp_path / "ours" / "predictions.csv").open() as file:
        rows = [
            [row["clip_id"], row["subject"], row["label"], row["last_seed0_prediction"]] for row in csv.DictReader(file)
        ]
    path = write(tmp_path / "theirs.csv", rows[::-1])
    theirs = akm_jax.score_predictions(path, tmp_path / "theirs", class_names=ours["class_names"])
    expected, found = ours["rules"]["last"], theirs["rules"]["given"]
    for name in ("accuracy", "uf1", "uar", "accuracy_ci95", "confusion", "per_class", "per_subject"):
        assert found[name] == expected[name], name
    for name in ("num_clips", "num_subjects", "class_counts", "majority_accuracy", "majority_band95"):
        assert theirs[name] == ours[name], name


def test_again_gives_the_same_and_another_table_is_refused(table, tmp_path):
    before = akm_jax.score_predictions(table, tmp_path / "run")
    assert akm_jax.score_predictions(table, str(tmp_path / "run")) == before
    write(table, [row[:4] for row in draw_rows(seed=1)])
    with pytest.raises(ValueError, match=r"holds a run with other settings or data:\n  data\.checksum"):
        akm_jax.score_predictions(table, tmp_path / "run")


def change(i, **fields):
    """The drawn rows with one changed."""
    rows = [dict(zip(HEADER, row, strict=False)) for row in ROWS]
    rows[i] |= fields
    return [list(row.values()) for row in rows]


def with_probabilities(text):
    return [*[[*row[:4], "0.2 0.3 0.5"] for row in ROWS[:5]], [*ROWS[5][:4], text], [*ROWS[6][:4], "1 0 0"]]


BAD = {
    "a clip twice": (change(7, clip_id="clip 2"), HEADER, r"theirs\.csv:9: clip 'clip 2' again, as in line 4"),
    "no class": (
        change(3, prediction="joy"),
        HEADER,
        r"theirs\.csv:5: prediction 'joy' is no class; expected one of negative, positive, surprise",
    ),
    "empty field": (change(0, subject=" "), HEADER, r"theirs\.csv:2: subject is empty"),
    "slash": (change(0, subject="a/b"), HEADER, r"theirs\.csv:2: subject 'a/b': expected a name without a slash"),
    "one subject": (
        [[row[0], "s1", *row[2:4]] for row in ROWS],
        HEADER,
        r"theirs\.csv:2: all clips are of subject 's1'; leaving one subject out needs at least two",
    ),
    "missing column": (
        [row[:3] for row in ROWS],
        ["clip_id", "subject", "label"],
        r"theirs\.csv:1: no column prediction; found clip_id, subject, label, expected clip_id",
    ),
    "column twice": ([[*row[:4], "x"] for row in ROWS], [*HEADER, "label"], r"theirs\.csv:1: column label twice"),
    "short row": ([ROWS[0][:4], ROWS[1][:3]], HEADER, r"theirs\.csv:3: 3 fields; expected 4"),
    "header only": ([], HEADER, r"theirs\.csv:1: the table has a header and no rows"),
    "too few numbers": (
        with_probabilities("0.5 0.5"),
        [*HEADER, "probabilities"],
        r"theirs\.csv:7: probabilities 0\.5 0\.5: expected 3 numbers, for negative, positive, surprise",
    ),
    "no numbers": (
        with_probabilities("a b c"),
        [*HEADER, "probabilities"],
        r"theirs\.csv:7: probabilities a b c: expec",
    ),
    "none in one row": (with_probabilities(""), [*HEADER, "probabilities"], r"theirs\.csv:7: probabilities \(none\)"),
    "not finite": (with_probabilities("nan 0 1"), [*HEADER, "probabilities"], r"theirs\.csv:7: .*expected 3 numbers"),
    "no distribution": (
        with_probabilities("2 3 5"),
        [*HEADER, "probabilities"],
        r"theirs\.csv:7: probabilities 2 3 5: expected numbers from 0 that add up to 1, got a sum of 10",
    ),
    "a class without its column": (
        [row[:6] for row in ROWS],
        [*HEADER, "p_negative", "p_positive"],
        r"label 'surprise' is no class; expected one of negative, positive",
    ),
    "two columns of one class": (
        ROWS,
        [*HEADER, "p_negative", "probability_negative", "p_surprise"],
        r"columns p_negative and probability_negative are of one class",
    ),
    "both forms": (
        [row[:6] for row in ROWS],
        [*HEADER, "p_negative", "probabilities"],
        r"column probabilities beside p_negative; expected one or the other",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_named_with_file_and_line_and_nothing_is_written(tmp_path, case):
    rows, header, message = BAD[case]
    path = write(tmp_path / "theirs.csv", rows, header)
    with pytest.raises(ValueError, match=message):
        akm_jax.score_predictions(path, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_all_problems_come_in_one_report(tmp_path):
    rows = change(3, prediction="joy", label="")
    rows[9][0] = rows[1][0]
    with pytest.raises(ValueError) as error:
        read_predictions(write(tmp_path / "theirs.csv", rows))
    assert [line.partition(": ")[0].rpartition(":")[2] for line in str(error.value).splitlines()] == ["5", "5", "11"]


def test_of_many_problems_the_first_are_shown(tmp_path):
    rows = [[*row[:3], "joy"] for row in ROWS]
    with pytest.raises(ValueError, match="and 10 problems more"):
        read_predictions(write(tmp_path / "theirs.csv", rows))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty; expected a header"),
        (b"\n ,\n", "the file is empty"),
        ("clip_id,subject,label,prediction\na,1,é,b".encode("latin-1"), "not UTF-8 text"),
    ],
)
def test_files_that_are_no_tables_are_named(tmp_path, content, message):
    (tmp_path / "theirs.csv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"theirs\.csv: {message}"):
        read_predictions(tmp_path / "theirs.csv")


def test_a_field_that_has_no_end_is_named(tmp_path):
    path = tmp_path / "theirs.csv"
    path.write_text("clip_id,subject,label,prediction\na,1,x,x\n" + "b" * 140_000 + ",1,x,x\n")
    with pytest.raises(ValueError, match=r"theirs\.csv:3: not a line of a table \(field larger than"):
        read_predictions(path)


def test_columns_of_other_classes_than_those_given_are_refused(tmp_path):
    path = write(tmp_path / "theirs.csv", ROWS, [*HEADER, *[f"p_{name}" for name in CLASSES]])
    with pytest.raises(
        ValueError, match="are of the classes negative, positive, surprise; expected one for each of a, b"
    ):
        read_predictions(path, ("a", "b"))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file; expected a table with the columns clip_id, subject"):
        akm_jax.score_predictions(tmp_path / "nowhere.csv", tmp_path / "run")


def test_the_name_of_a_method_of_ours_is_refused(table, tmp_path):
    with pytest.raises(ValueError, match="name 'akmnet' is a method of this library"):
        akm_jax.score_predictions(table, tmp_path / "run", name="akmnet")


def test_lines_of_separators_are_no_rows(table, tmp_path):
    table.write_text(table.read_text() + ",,,\n\n")
    assert len(read_predictions(table).clip_ids) == 30


def test_the_command_scores_and_says_where_to_look(table, tmp_path, capsys):
    classes = ",".join(CLASSES)
    score.main([str(table), f"--run_dir={tmp_path / 'run'}", "--name=theirs", f"--classes={classes}"])
    said = capsys.readouterr().err
    accuracy = np.mean([row[2] == row[3] for row in ROWS])
    assert f"given: accuracy {accuracy:.3f}" in said
    assert "how the models were chosen is not known" in " ".join(said.split())
    assert (tmp_path / "run" / "report.html").is_file()
