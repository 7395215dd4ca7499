"""Tables of runs: their figures against the runs', and every table's page in a browser."""

import csv
import dataclasses
import re

import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from akm_jax.loso.comparison import hits_of, mcnemar, paired_bootstrap
from akm_jax.report.table_page import distances, write_table_page
from akm_jax.report.tables import (
    COLUMNS,
    Cell,
    Table,
    as_markdown,
    as_texts,
    explanations,
    key_frames_of,
    rows_of,
    verdict,
    write_table,
)
from experiments.paper_tables.cells import TABLES

NO_KEY_FRAMES = ("beta", "selected", "threshold")


@pytest.fixture(scope="module")
def results(make, clip_set):
    """Maker of the results of a run: of a name, so many seeds and epochs, with or without scores of frames."""

    def of(name, *, seeds=2, rules=("last", "inner", "test"), frames=True, epochs=12):
        found = []
        for seed in range(seeds):
            for subject in dict.fromkeys(clip_set.subjects):
                drawn = make.result(clip_set, subject, 100 * sum(name.encode()) + seed, rules=rules, epochs=epochs)
                drawn["seed"] = seed
                for outcome in drawn["rules"].values():
                    for clip in outcome["clips"].values():
                        for key in NO_KEY_FRAMES if not frames else ():
                            clip.pop(key)
                found.append(drawn)
        return tuple(found)

    return of


@pytest.fixture(scope="module")
def make_table(results, clip_set):
    """Maker of a table of the paper, its first line without a run."""

    def of(number):
        spec = TABLES[number]
        cells = [
            Cell(cell.name, cell.title, cell.sees, results(cell.name, frames=cell.name == "akmnet"), published=0.7)
            for cell in spec.cells
        ]
        if len(cells) > 1:
            cells[0] = dataclasses.replace(cells[0], results=(), why_not="the set has no annotated apexes")
        cells.append(Cell("control", "AKMNet, labels drawn at random", "key frames", results("control"), control=True))
        pairs = zip(clip_set.apexes.tolist(), clip_set.fps.tolist(), strict=True)
        return Table(
            number=number,
            title=spec.title,
            dataset="synthetic",
            class_names=clip_set.class_names,
            labels=dict(zip(clip_set.clip_ids, clip_set.labels.tolist(), strict=True)),
            subjects=dict(zip(clip_set.clip_ids, clip_set.subjects, strict=True)),
            cells=tuple(cells),
            reference="akmnet",
            apexes=dict(zip(clip_set.clip_ids, pairs, strict=True)) if spec.apexes else {},
            notes=("One more thing to know.",),
        )

    return of


def test_rows_hold_what_scikit_learn_and_the_comparison_say(make_table, clip_set):
    table = make_table(5)
    rows = {row.cell.name: row for row in rows_of(table)}
    ours, theirs = rows["akmnet"], rows["s13"]
    accuracies, f1, recall = [], [], []
    for seed in (0, 1):
        clips = [c for r in theirs.cell.results if r["seed"] == seed for c in r["rules"]["last"]["clips"].values()]
        truth, said = ([c[key] for c in clips] for key in ("label", "prediction"))
        accuracies.append(np.mean(np.equal(truth, said)))
        f1.append(f1_score(truth, said, average="macro"))
        recall.append(recall_score(truth, said, average="macro"))
    scores = theirs.scores["last"]
    assert (scores.accuracy, scores.spread) == (pytest.approx(np.mean(accuracies)), pytest.approx(np.std(accuracies)))
    assert (scores.uf1, scores.uar) == (pytest.approx(np.mean(f1)), pytest.approx(np.mean(recall)))
    assert theirs.clips_ahead == pytest.approx((scores.accuracy - 0.7) * len(clip_set))
    hits = [hits_of(row.cell.results, "last") for row in (ours, theirs)]
    assert theirs.versus == paired_bootstrap(*hits)
    assert theirs.test == mcnemar(*hits)
    assert theirs.optimism == paired_bootstrap(hits_of(theirs.cell.results, "test"), hits[1])
    assert ours.versus is None
    assert rows["control"].versus is None
    assert rows["s12"].scores == {}


def test_text_forms_agree_and_a_cell_without_a_run_is_a_dash_and_why(make_table, tmp_path):
    table = make_table(5)
    paths = write_table(table, tmp_path)
    assert [path.name for path in paths] == ["table.md", "table.csv", "table.tex"]
    rows = rows_of(table)
    header, lines = as_texts(table, rows)
    markdown, latex = (tmp_path / "table.md").read_text(), (tmp_path / "table.tex").read_text()
    assert markdown == as_markdown(table, rows)
    assert all("| " + " | ".join(line) + " |" in markdown for line in (header, *lines))
    assert "AKMNet without sparse selection, all: –, the set has no annotated apexes." in markdown  # noqa: RUF001
    assert lines[0][2:].count("–") == len(lines[0]) - 3  # noqa: RUF001 all but the published figure
    assert lines[-1][0].startswith("majority class")
    band, control = table.band, rows[-1].scores
    assert band[1] < control["last"].accuracy  # made up, so not at chance
    said = f"AKMNet, labels drawn at random, key frames: last {control['last'].accuracy:.3f} above, inner"
    assert f"Negative control, {said}" in markdown
    assert "What lies below is no sign of one." in markdown
    assert latex.count(r"\\") == len(lines) + 1
    with (tmp_path / "table.csv").open() as file:
        numbers = {row["cell"]: row for row in csv.DictReader(file)}
    for row in rows[1:]:
        assert float(numbers[row.cell.name]["last_accuracy"]) == pytest.approx(row.scores["last"].accuracy)
    assert numbers["s12"]["why_not"] == "the set has no annotated apexes"


def test_what_rule_test_is_worth_is_the_mean_of_the_runs_that_leave_it_a_choice(make_table, results):
    """Of three lines one has ten epochs, of which rule test looks at the last alone; controls do not count."""
    table = make_table(5)
    cells = {cell.name: cell for cell in table.cells}
    cells["s13"] = dataclasses.replace(cells["s13"], results=results("s13", frames=False, seeds=3))
    cells["s23"] = dataclasses.replace(cells["s23"], results=results("s23", frames=False, epochs=10))
    table = dataclasses.replace(table, cells=tuple(cells.values()))
    rows = {row.cell.name: row for row in rows_of(table)}
    gains = [*rows["s13"].optimism.by_seed, *rows["akmnet"].optimism.by_seed]
    assert len(gains) == 5
    (said,) = (text for text in explanations(table, list(rows.values())) if "exceeds rule last" in text)
    assert f"exceeds rule last by {100 * np.mean(gains):.1f} points (95 % interval " in said
    assert "mean over 5 runs: lines 2, seeds of each 2 to 3." in said
    low, high = map(float, re.search(r"interval (\S+) to (\S+);", said).groups())
    assert low < 100 * np.mean(gains) < high
    rng, subjects = np.random.default_rng(1), sorted(set(table.subjects.values()))
    hits = [
        [hits_of(cells[name].results, rule, table.subjects) for name in ("s13", "akmnet")] for rule in ("test", "last")
    ]
    ahead = np.subtract(*[np.concatenate([one.correct for one in of_rule]).astype(int) for of_rule in hits])
    by_subject = np.array([ahead[:, np.array(hits[0][0].subjects) == name].sum(1) for name in subjects])  # 4 clips each
    drawn = [by_subject[rng.integers(6, size=6)][:, rng.integers(5, size=5)].mean() / 4 for _ in range(4000)]
    np.testing.assert_allclose([low, high], 100 * np.quantile(drawn, [0.025, 0.975]), atol=1.5)
    none = dataclasses.replace(table, cells=(cells["s23"], cells["control"]))
    assert "exceeds rule last" not in as_markdown(none, rows_of(none))


def test_a_chance_that_rounds_to_0_is_told_by_its_bound(make_table):
    row = next(row for row in rows_of(make_table(5)) if row.versus and row.test)
    told = {0.0: "< 0.001", 0.0004: "< 0.001", 0.0006: "0.001", 0.25: "0.250"}
    for p, text in told.items():
        of = dataclasses.replace(
            row, versus=dataclasses.replace(row.versus, p=p), test=dataclasses.replace(row.test, p=p)
        )
        assert COLUMNS["p, bootstrap"](of) == text
        assert COLUMNS["p, McNemar"](of).startswith(f"{text} (")


def test_key_frames_are_said_to_be_no_better_than_chance_where_they_are_not(make_table, tmp_path):
    table = make_table(6)
    (found,) = key_frames_of(table)
    annotated = sum(apex >= 0 for apex, _ in table.apexes.values())
    assert len(found.readings) == 2 * annotated
    words = {"better": found.key.high + 0.1, "no better": found.key.chance, "worse": found.key.low - 0.1}
    for word, value in words.items():
        key = dataclasses.replace(found.key, value=value)
        assert f"so this is {word} than random selection" in verdict(dataclasses.replace(found, key=key))
    assert verdict(found) in as_markdown(table, rows_of(table))
    write_table(table, tmp_path)
    with (tmp_path / "key_frames.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * annotated
    assert all(float(row["distance_ms"]) == 10 * int(row["distance"]) for row in rows)  # at 100 frames a second


def test_distances_are_drawn_in_frames_and_in_milliseconds_where_the_rate_is_known(make_table):
    (found,) = key_frames_of(make_table(6))
    frames, times = distances("d", found)
    middle = np.median([abs(one.distance) for one in found.readings])
    assert f"frames from apex to top frame, median distance {middle:g}." in frames
    assert f"milliseconds from apex to top frame, median distance {10 * middle:g}." in times  # at 100 frames a second
    for part in ("frames", "milliseconds"):
        assert f"{part} from the apex to the frame of the top score" in (times if part == "milliseconds" else frames)
    unknown = dataclasses.replace(found, readings=tuple(dataclasses.replace(one, fps=0.0) for one in found.readings))
    assert len(distances("d", unknown)) == 1


def test_results_of_other_clips_are_refused(make_table):
    table = make_table(5)
    labels = dict(list(table.labels.items())[1:])
    with pytest.raises(
        ValueError, match=r"table 5, s13: its run has results of other clips .*\['s1_0'\]; delete its run"
    ):
        rows_of(dataclasses.replace(table, labels=labels))


def test_every_page_opens_whole_without_errors(browser, make_table, tmp_path):
    for number in TABLES:
        page = write_table_page(make_table(number), tmp_path / str(number))
        for width in (1280, 400):
            browser.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
            )
            browser.get(page.as_uri())
            wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
            assert not browser.execute_script(wide)
        assert browser.get_log("browser") == []
        rows = "return [...document.querySelectorAll('#table tbody tr')].map(r => r.cells[0].innerText)"
        titles = browser.execute_script(rows)
        assert titles[:-2] == [cell.title for cell in TABLES[number].cells]
        narrow = "return Math.min(...[...document.querySelectorAll('td.text')].map(e => e.clientWidth))"
        assert browser.execute_script(narrow) > 80  # names are not broken into letters
        figures = browser.execute_script(
            "return [...document.querySelectorAll('figure > svg')].map(s => s.clientHeight)"
        )
        assert len(figures) == (1 + 2 + 6 if TABLES[number].apexes else 1)  # accuracies; distances, timelines
        assert min(figures) > 40
        said = browser.execute_script("return document.querySelector('#notes').innerText")
        assert "One more thing to know." in said
        assert ("random selection" in said) == TABLES[number].apexes
