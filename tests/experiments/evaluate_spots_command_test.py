import json

import pytest

TRUTH = "vid,onset,offset,type\na,40,52,me\na,90,101,me\nb,12,50,mae\n"
FOUND = "vid,pred_onset,pred_offset,type,score\na,41,53,me,0.9\na,85,97,me,0.3\nb,10,50,mae,0.4\nb,10,50,mae,0.4\n"
EMOTIONS = "subject,video,onset,offset,emotion\n1,a,40,52,sad\n1,a,90,101,happy\n"


@pytest.fixture
def evaluate(tmp_path, warm_command):
    def run(found, truth, *options):
        (tmp_path / "found.csv").write_text(found)
        (tmp_path / "truth.csv").write_text(truth)
        return warm_command("evaluate_spots", "found.csv", "truth.csv", *options, cwd=tmp_path)

    return run


def test_scores_are_printed_and_written(evaluate, tmp_path):
    done = evaluate(FOUND, TRUTH, "--json=scores.json")
    assert done.returncode == 0, done.stderr
    for expected in ("TP", "precision", "micro", "macro", "overall", "0.5714", "AP@.5", "1 rows stand there before"):
        assert expected in done.stderr
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["types"]["overall"] | {"precision": 0, "recall": 0} == {
        "tp": 2, "fp": 2, "fn": 1, "precision": 0, "recall": 0, "f1": pytest.approx(4 / 7),
    }  # fmt: skip


def test_emotions_make_strs(evaluate):
    done = evaluate(EMOTIONS, EMOTIONS)
    assert done.returncode == 0, done.stderr
    assert "STRS 1.0000 = spotting F1 1.0000 x analysis F1 1.0000" in done.stderr
    assert "AP@.5" not in done.stderr


def test_variants(evaluate):
    assert "released program" in evaluate(FOUND, TRUTH, "--variant=code").stderr
    done = evaluate(EMOTIONS, EMOTIONS.replace("happy", "sad"), "--variant=strs-metric")
    assert done.returncode == 0, done.stderr
    assert "Spotting, strs-metric" in done.stderr


@pytest.mark.parametrize(
    ("found", "options", "said"),
    [
        (FOUND.replace("41,53", "53,41"), (), "found.csv:2: onset 53 after offset 41"),
        (FOUND, ("--min_iou=0",), "--min_iou=0.0: expected a number above 0 and at most 1"),
        (FOUND.replace("\na,", "\nc,").replace("\nb,", "\nd,"), (), "no video is in both tables"),
    ],
)
def test_errors_fit_on_a_line(evaluate, found, options, said):
    done = evaluate(found, TRUTH, *options)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
