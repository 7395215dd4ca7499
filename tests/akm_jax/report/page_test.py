import dataclasses
import json
import re

import pytest

from akm_jax.files import read_json, write_json
from akm_jax.report.page import write_report
from akm_jax.run import score_predictions


def open_page(browser, path, *, width=1280, scheme="light"):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(path.as_uri())


def requests(browser):
    """Addresses the page asked for."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


def table(browser, name):
    """Text of a table's body, row by row."""
    script = "return [...document.querySelectorAll(arguments[0])].map(r => [...r.cells].map(c => c.innerText.trim()))"
    return browser.execute_script(script, f"#{name} tbody tr")


def scrolls_sideways(browser):
    """What is wider than its place: the page, or a table in its frame."""
    script = (
        "[document.documentElement, ...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth)"
    )
    return browser.execute_script(f"return {script}.map(e => e.outerHTML.slice(0, 80))")


@pytest.fixture(scope="module")
def run(make, clip_set, tmp_path_factory):
    """A complete run of SMIC, two seeds and all rules, with its page."""
    found = make.run(tmp_path_factory.mktemp("whole"), dataclasses.replace(clip_set, name="smic"), seeds=2)
    assert write_report(found.folder) == found.folder / "report.html"
    return found


@pytest.fixture(scope="module")
def page(run):
    return run.folder / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_page_loads_whole_without_errors_and_without_scrolling_sideways(browser, page, width, scheme):
    open_page(browser, page, width=width, scheme=scheme)
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.execute_script("return window.innerWidth") == width
    assert scrolls_sideways(browser) == []
    images = browser.execute_script("return [...document.images].map(i => [i.naturalWidth, i.alt])")
    assert images
    assert all(size == 32 and "of clip s" in text for size, text in images)
    figures = browser.execute_script(
        "return [...document.querySelectorAll('figure > svg')].map("
        "s => [s.clientHeight, s.getAttribute('aria-label'), s.querySelectorAll('path, text').length])"
    )
    assert len(figures) > 8
    assert all(height > 40 and len(text) > 20 and drawn > 10 for height, text, drawn in figures)
    assert browser.get_log("browser") == []
    assert {r.split(":")[0] for r in requests(browser)} <= {"file", "data"}


def test_figures_take_the_colours_of_the_scheme(browser, page):
    colour = "return getComputedStyle(document.querySelector('figure > svg text')).fill"
    found = []
    for scheme in ("light", "dark"):
        open_page(browser, page, scheme=scheme)
        found.append(browser.execute_script(colour))
    assert len(set(found)) == 2
    assert not re.search(r"#0101\d\d", page.read_text())


def test_tables_hold_the_figures_of_the_summary(browser, run, page):
    summary = json.loads((run.folder / "summary.json").read_text())
    open_page(browser, page)
    rows = table(browser, "rules")
    assert [row[0].split()[0] for row in rows] == ["last", "inner", "test", "majority", "AKMNet,"]
    assert "headline" in rows[0][0]
    assert "optimistic" in rows[2][0]
    for row, scores in zip(rows, summary["rules"].values(), strict=False):
        low, high = scores["accuracy_ci95"]
        spread = {m: f"{scores[m]:.3f}\n±\u2009{scores[f'{m}_std']:.3f}" for m in ("accuracy", "uf1", "uar")}
        assert row[1:] == [spread["accuracy"], f"{low:.3f}\u2013{high:.3f}", spread["uf1"], spread["uar"]]
    low, high = summary["majority_band95"]
    assert rows[3][1:3] == [f"{summary['majority_accuracy']:.3f}", f"{low:.3f}\u2013{high:.3f}"]
    assert rows[4][1] == "0.726"
    for rule, scores in summary["rules"].items():
        cells = table(browser, f"confusion-{rule}")
        assert [[int(c.split("\n")[0]) for c in row[1:4]] for row in cells] == scores["confusion"]
        assert [row[-1] for row in cells] == [f"{of['f1']:.3f}" for of in scores["per_class"].values()]


def test_subjects_seeds_and_configuration_are_those_of_the_run(browser, run, page):
    open_page(browser, page)
    rules = run.summary["rules"]
    for name, clips, *accuracies in table(browser, "subjects")[:-1]:
        assert clips == "4"
        assert accuracies == [f"{scores['per_subject'][name]['accuracy']:.3f}" for scores in rules.values()]
    assert len(table(browser, "subjects")) == 7
    seeds = table(browser, "seeds")
    assert [row[1] for row in seeds] == ["0", "1", "mean", "deviation"] * 3
    assert [row[2] for row in seeds[:2]] == [f"{a:.3f}" for a in rules["last"]["accuracy_by_seed"]]
    settings = browser.execute_script("return document.querySelector('#settings').textContent")
    assert all(text in settings for text in ("checksum", "0badcafe", "steps_per_epoch", "test device", "4.2%"))
    assert "complete, 12" in browser.execute_script("return document.body.innerText")


def test_summary_outweighs_what_results_would_give(make, clip_set, tmp_path):
    run = make.run(tmp_path, clip_set)
    run.summary["rules"]["last"]["accuracy"] = 0.1234567
    write_json(tmp_path / "summary.json", run.summary)
    assert "<dd>0.123<small>" in write_report(tmp_path).read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_of_predictions_made_elsewhere_has_a_colour_of_its_own(browser, tmp_path, scheme):
    rows = [f"clip {i},subject {i % 4},{'ab'[i % 2]},{'ab'[i % 3 % 2]}" for i in range(24)]
    (tmp_path / "theirs.csv").write_text("\n".join(["clip_id,subject,label,prediction", *rows]))
    score_predictions(tmp_path / "theirs.csv", tmp_path / "run")
    open_page(browser, tmp_path / "run" / "report.html", width=400, scheme=scheme)
    assert scrolls_sideways(browser) == []
    assert [row[0] for row in table(browser, "rules")] == ["given", "majority class"]
    colour = "return getComputedStyle(document.querySelector(arguments[0])).color"
    found = {browser.execute_script(colour, f"#rules {place}") for place in (".rule-given", "tbody td:nth-child(2)")}
    assert len(found) == 2
    assert browser.get_log("browser") == []


def test_run_that_goes_on_says_how_far_it_is(make, clip_set, tmp_path):
    make.run(tmp_path, clip_set, finished=2)
    text = write_report(tmp_path).read_text()
    assert "2 of 6 folds." in text
    assert "known when the run ends" in text
    assert "summary.json" not in text


def test_a_variant_is_called_so(make, clip_set, tmp_path):
    make.run(tmp_path, clip_set, finished=1)
    assert ">AKMNet, leave one subject out<" in write_report(tmp_path).read_text()
    run = read_json(tmp_path / "run.json")
    run["config"] |= {"method": "akmnet", "model": {"mining": "s12"}}
    write_json(tmp_path / "run.json", run)
    assert ">AKMNet, variant s12, leave one subject out<" in write_report(tmp_path).read_text()


def test_second_seed_counts_only_when_it_has_the_same_subjects(make, clip_set, tmp_path):
    run = make.run(tmp_path, clip_set, seeds=2, finished=8)
    text = write_report(tmp_path).read_text()
    right = sum(c["prediction"] == c["label"] for r in run.results[:6] for c in r["rules"]["last"]["clips"].values())
    assert "8 of 12 folds." in text
    assert "are of seed 0;" in text
    assert f"<dd>{right / 24:.3f}<small>" in text


def test_summary_of_other_folds_is_not_used(make, clip_set, tmp_path):
    make.run(tmp_path, clip_set)
    extra = make.result(dataclasses.replace(clip_set, subjects=("7",) * 24), "7", 0)
    write_json(tmp_path / "folds/seed0/s7/result.json", extra)
    assert "<code>summary.json</code> is of other folds" in write_report(tmp_path).read_text()


def test_odd_names_are_escaped(browser, make, clip_set, tmp_path):
    odd = dataclasses.replace(
        clip_set,
        clip_ids=tuple(f'<img src=x onerror="alert(1)">&$\\frac{i}中_{"long" * 12}' for i in range(24)),
        subjects=tuple(f"<b>{s}$x$" for s in clip_set.subjects),
    )
    make.run(tmp_path, odd)
    open_page(browser, write_report(tmp_path), width=400)
    assert scrolls_sideways(browser) == []
    shown = browser.execute_script("return document.querySelector('.card h4').firstChild.textContent")
    assert shown.strip() in odd.clip_ids
    assert [row[0] for row in table(browser, "subjects")[:2]] == ["<b>1$x$", "<b>2$x$"]
    assert browser.get_log("browser") == []


def test_page_does_without_pictures_published_figures_and_rule_last(make, clip_set, tmp_path):
    make.run(tmp_path, clip_set, rules=("test",), pictures=False)
    text = write_report(tmp_path).read_text()
    assert "finished without thumbnails" in text
    assert "published" not in text
    assert "Accuracy, rule test" in text
    assert ">headline<" not in text


def test_same_run_gives_the_same_page_and_no_leftovers(run, page):
    before, files = page.read_bytes(), sorted(run.folder.iterdir())
    write_report(run.folder)
    assert page.read_bytes() == before
    assert sorted(run.folder.iterdir()) == files


def test_run_of_some_subjects_is_complete_with_them_and_says_so(make, clip_set, tmp_path):
    make.run(tmp_path, clip_set, folds="1,3")
    text = write_report(tmp_path).read_text()
    assert "complete, 2" in text
    assert "Only 2 of 6 subjects were left out in turn: 1, 3." in text
