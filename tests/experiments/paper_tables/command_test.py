"""`experiments.tables` on a drawn corpus: plan, run, resume, and what it refuses. Slow cells are left out."""

import csv
import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from akm_jax.config import RunOptions
from akm_jax.data.pooling import pool_clip_sets
from akm_jax.files import read_json
from akm_jax.methods import find_method, method_names
from akm_jax.methods.protocol import Method
from akm_jax.report.published import HOLD_OUT
from akm_jax.report.tables import as_markdown, rows_of
from datasets_tfds.folder.ck_plus import NAMES
from experiments import tables
from experiments.loso import make_method
from experiments.options import DataOptions
from experiments.paper_tables.cells import (
    AKMNET_CELL,
    MAIN,
    TABLES,
    CellSpec,
    choose_cells,
    find_table,
    in_order,
    seeds_of,
)
from experiments.paper_tables.lines import by_motion, make_table, published_accuracy
from experiments.paper_tables.options import TablesCommand, parse
from experiments.paper_tables.plan import expect
from experiments.paper_tables.runs import experiment_of, plan_runs

TINY = ("--dataset=synthetic", "--preset=tiny")


@pytest.fixture(scope="module")
def folder(finished, tmp_path_factory):
    """Where tables of the drawn corpus go."""
    place = tmp_path_factory.mktemp("tables")
    (place / "data").symlink_to(finished / "data")
    return place


@pytest.fixture(scope="module")
def run_tables(warm_command, folder):
    return lambda *arguments: warm_command("tables", *TINY, "--data_dir=data", *arguments, cwd=folder)


@pytest.fixture(scope="module")
def table3(run_tables):
    """Table 3 of two cells and the control, and what was printed."""
    done = run_tables("--table=3", "--cells=lbp_sip,akmnet")
    assert done.returncode == 0, done.stderr
    return done


def rows(folder, table):
    with (folder / f"runs/tables-synthetic-tiny/{table}/table.csv").open() as file:
        return {row["cell"]: row for row in csv.DictReader(file)}


def test_a_table_has_what_its_runs_scored(table3, folder):
    found = rows(folder, "table3")
    assert list(found) == ["lbp_sip", "akmnet", "akmnet-random_labels"]
    for name, row in found.items():
        summary = read_json(folder / f"runs/tables-synthetic-tiny/runs/{name}/summary.json")
        assert float(row["last_accuracy"]) == pytest.approx(summary["rules"]["last"]["accuracy"])
    assert {p.name for p in (folder / "runs/tables-synthetic-tiny/table3").iterdir()} == {
        "table.html", "table.md", "table.csv", "table.tex"
    }  # fmt: skip
    assert "| LBP-SIP | all | 1 |" in table3.stdout
    assert "labels drawn at random" in table3.stdout


def test_the_page_of_a_real_table_opens_without_errors(table3, browser, folder):
    browser.get((folder / "runs/tables-synthetic-tiny/table3/table.html").as_uri())
    assert browser.get_log("browser") == []
    titles = "return [...document.querySelectorAll('#table tbody tr')].map(r => r.cells[0].innerText)"
    assert browser.execute_script(titles)[:3] == ["LBP-SIP", "AKMNet", "AKMNet, labels drawn at random"]
    said = browser.execute_script("return document.querySelector('#notes').innerText")
    assert "Negative control" in said


def test_the_same_again_and_another_table_train_nothing(table3, run_tables, folder):
    again = run_tables("--table=3", "--cells=lbp_sip,akmnet")
    assert again.returncode == 0, again.stderr
    assert again.stdout == table3.stdout
    assert "fold" not in again.stderr
    six = run_tables("--table=6")
    assert six.returncode == 0, six.stderr
    assert "fold" not in six.stderr
    assert "random selection" in six.stdout  # the drawn apexes are known
    assert "Ours: as many frames" in six.stdout
    assert (folder / "runs/tables-synthetic-tiny/table6/key_frames.csv").is_file()


def test_plan_names_runs_times_and_memory_and_runs_nothing(table3, run_tables, folder):
    done = run_tables("--table=3", "--plan")
    assert done.returncode == 0, done.stderr
    assert not (folder / "runs/tables-synthetic-tiny/runs/mdmo").exists()
    lines = {line.split()[1]: line for line in done.stderr.splitlines() if line.startswith("│")}
    assert set(lines) == {cell.name for cell in find_table(3).cells} | {"akmnet-random_labels"}
    assert "finished" in lines["lbp_sip"]
    assert " min " in lines["macro2micro"] or " h " in lines["macro2micro"] or " d " in lines["macro2micro"]
    assert "GiB" in lines["strcn"]
    assert "left on two CPU cores" in done.stderr


def test_table_8_holds_subjects_out_and_runs_rule_inner_of_line_and_control(run_tables, folder):
    done = run_tables("--table=8", "--cells=akmnet", "--rules=last,inner,test")
    assert done.returncode == 0, done.stderr
    found = rows(folder, "table8")
    assert list(found) == ["akmnet", "akmnet-random_labels"]
    for name, row in found.items():
        summary = read_json(folder / f"runs/tables-synthetic-tiny/held_out/{name}/summary.json")
        assert (summary["num_clips"], summary["num_subjects"]) == (3, 1)
        for rule in ("last", "inner", "test"):
            assert float(row[f"{rule}_accuracy"]) == pytest.approx(summary["rules"][rule]["accuracy"])
    assert re.search(r"Negative control, AKMNet, .*: last \S+ \w+, test \S+ \w+, inner \S+ \w+ what", done.stdout)


@pytest.mark.long
def test_all_of_table_8_sees_all_frames_or_the_last_ten(run_tables, folder):
    done = run_tables("--table=8", "--control=none", "--tables_dir=eight")
    assert done.returncode == 0, done.stderr
    runs = {name: read_json(folder / f"eight/held_out/{name}/run.json") for name in ("va-all", "va-last10", "akmnet")}
    clips = read_json(folder / "eight/held_out/va-last10/folds/seed0/sheld_out/result.json")["rules"]["last"]["clips"]
    assert len(clips) == 3
    assert runs["va-last10"]["data"]["num_frames"] == 9 * 10 < runs["va-all"]["data"]["num_frames"]
    assert runs["va-all"]["data"] == runs["akmnet"]["data"]


@pytest.fixture(scope="module")
def ck_plus(tmp_path_factory):
    """CK+ as it is distributed: five people, seven emotions of each, three frames of noise an emotion."""
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("ck")
    for person in range(5, 10):
        for code in NAMES:
            clip = Path(f"S{person:03d}", f"{code:03d}")
            (root / "cohn-kanade-images" / clip).mkdir(parents=True)
            (root / "Emotion" / clip).mkdir(parents=True)
            stem = "_".join(clip.parts)
            for frame in range(1, 4):
                picture = Image.fromarray(rng.integers(0, 255, (32, 32), np.uint8))
                picture.save(root / "cohn-kanade-images" / clip / f"{stem}_{frame:08d}.png")
            (root / "Emotion" / clip / f"{stem}_00000003_emotion.txt").write_text(f"   {code}.0000000e+00\n")
    return root


def tables_of_ck_plus(warm_command, folder, *arguments):
    options = ("--preset=tiny", "--table=8", "--dataset=folder", f"--manual_dir={folder}", "--data_dir=built")
    return warm_command("tables", *options, *arguments, cwd=folder)


def test_table_8_is_planned_for_ck_plus_as_distributed(warm_command, ck_plus):
    done = tables_of_ck_plus(warm_command, ck_plus, "--plan")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[1]: line for line in done.stderr.splitlines() if line.startswith("│")}
    assert list(lines) == ["akmnet", "va-all", "va-last10", "akmnet-random_labels"]
    assert all(" 1 x 1 " in line for line in lines.values())
    assert not (ck_plus / "runs").exists()


@pytest.mark.long
def test_table_8_is_run_on_ck_plus_as_distributed(warm_command, ck_plus):
    done = tables_of_ck_plus(warm_command, ck_plus, "--control=none")
    assert done.returncode == 0, done.stderr
    with (ck_plus / "runs/tables-folder-tiny/table8/table.csv").open() as file:
        found = {row["cell"]: row for row in csv.DictReader(file)}
    assert {name: float(row["published"]) for name, row in found.items()} == {
        cell.name: HOLD_OUT[cell.title, cell.sees] for cell in find_table(8).cells
    }
    summary = read_json(ck_plus / "runs/tables-folder-tiny/held_out/akmnet/summary.json")
    assert (summary["num_clips"], summary["num_subjects"]) == (7, 1)
    assert summary["data"]["num_clips"] == 35
    assert "7 clips of 1 subjects" in done.stdout


def test_other_settings_in_the_same_directory_are_refused(table3, run_tables):
    done = run_tables("--table=3", "--cells=lbp_sip", "--seed=3")
    assert done.returncode == 1
    assert "config.seed: there 0, now 3" in done.stderr


def test_without_apexes_a_cell_is_a_dash_and_why(folder, monkeypatch, capsys):
    from experiments import data

    whole = data.load_data
    monkeypatch.setattr(
        data, "load_data", lambda *args: dataclasses.replace(clips := whole(*args), apexes=clips.apexes * 0 - 1)
    )
    monkeypatch.chdir(folder)
    tables.main([*TINY, "--data_dir=data", "--table=3", "--cells=atnet,macro2micro", "--tables_dir=none"])
    text = capsys.readouterr().out
    assert "ATNet, apex and neighbours: –, the set has no annotated apexes." in text  # noqa: RUF001
    assert not (folder / "none/runs").exists()


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (6, ["0 of 9 clips have an annotated apex.", "Shares of apexes: a dash, for the set has no annotated apexes."]),
        (7, [f"{name}, apex: –, the set has no annotated apexes." for name in ("ResNet-18", "VGG-11")]),  # noqa: RUF001
    ],
)
def test_tables_of_apexes_say_why_a_set_without_any_has_a_dash(make_clip_set, number, expected):
    clips = make_clip_set(3, 3)
    command = parse([f"--table={number}", "--preset=tiny"], None)
    table = make_table(find_table(number), planned([f"--table={number}"], clips), {}, clips, command)
    text = as_markdown(table, rows_of(table))
    assert all(f"\n{sentence}\n" in text for sentence in expected)
    known = dataclasses.replace(clips, apexes=clips.apexes * 0)
    table = make_table(find_table(number), planned([f"--table={number}"], known), {}, known, command)
    assert "no annotated apexes" not in as_markdown(table, rows_of(table))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table=9"], "--table=9: expected one of 3, 4, 5, 6, 7, 8"),
        (["--table=5", "--cells=s13,s99"], "--cells: no cell s99; this table has s12, s13, s23, akmnet"),
        (["--table=5", "--preset=none"], "--preset=none: expected one of paper, demo, tiny"),
        (["--table=3", "--cells=lbp_sip", "--rules=best"], "--rules=best: expected some of last,inner,test"),
    ],
)
def test_what_there_is_not_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        tables.main(arguments)


def test_options_that_a_method_does_not_take_are_named():
    wrong = CellSpec("wrong", "Wrong", "all", options=("--no_such_option=1",))
    with pytest.raises(ValueError, match=r"table 5, wrong: .*--no_such_option=1.* does not take these options"):
        experiment_of(wrong, parse(["--table=5"], None), find_table(5))


@pytest.mark.parametrize("preset", ["paper", "demo", "tiny"])
@pytest.mark.parametrize("number", TABLES)
def test_every_cell_is_a_run_that_its_method_takes(number, preset):
    command = parse([f"--table={number}", f"--preset={preset}", "--init=weights.pt", "--tables_dir=there"], None)
    for cell in in_order(find_table(number).cells):
        found = experiment_of(cell, command, find_table(number))
        assert found.run_dir == Path("there", "held_out" if number == 8 else "runs", cell.name)
        assert found.config.epochs if cell.method != "akmnet" else found.config.init == Path("weights.pt")
        make_method(found, ()).validate()
        if cell.needs:
            assert found.config.key_frames_of == Path("there/runs/akmnet")


def test_cells_are_data_that_agree_with_what_was_published():
    from akm_jax.report.published import published_results

    for table in (3, 4, 5, 7):
        found = {(cell.title, cell.sees) for cell in find_table(table).cells}
        assert found <= {(row.method, row.frames) for row in published_results("casme2")}
    every = {(cell.title, cell.sees) for number in (3, 4, 5, 7) for cell in find_table(number).cells}
    assert every == {(row.method, row.frames) for row in published_results("casme2")}
    assert {(cell.title, cell.sees) for cell in find_table(8).cells} == set(HOLD_OUT)


def test_published_figures_stand_beside_the_data_they_are_of():
    def published(table, class_names=(), **data):
        return published_accuracy(find_table(table), AKMNET_CELL, DataOptions(**data), class_names)

    assert published(5, dataset="smic") == 0.7256
    assert published(5, dataset="smic", data_config="vis") is None
    assert published(5, dataset="casme2", classes="megc3") is None
    assert published(5, dataset="synthetic") is None
    assert published(8, ("surprise", *list(NAMES.values())[:-1]), dataset="folder") == 0.9336
    assert published(8, ("happiness", "surprise"), dataset="folder") is None


def test_frames_by_motion_are_as_many_as_akmnet_chose(make_clip_set):
    clips = make_clip_set(1, 3, lengths=[5, 7, 4])
    clips.read(1)[4] = 255 - clips.read(1)[0]
    result = {"seed": 2, "rules": {"last": {"clips": {"s1_1": {"selected": [1, 1, 0, 0, 0, 1, 0]}}}}}
    (found,) = by_motion(clips, (result,)).results
    chosen = found["rules"]["last"]["clips"]["s1_1"]
    assert sum(chosen["selected"]) == 3
    assert int(np.argmax(chosen["beta"])) == 4
    assert chosen["beta"][0] == 0.0
    expected = np.abs(clips.read(1)[3].astype(float) - clips.read(1)[0]).mean()
    assert chosen["beta"][3] == pytest.approx(expected)


def test_runs_that_others_read_come_first_and_are_added():
    seven = find_table(7)
    max_key = choose_cells(seven, "resnet18-max_key")
    assert [cell.name for cell in in_order(max_key)] == ["akmnet", "resnet18-max_key"]
    assert [cell.name for cell in in_order(choose_cells(seven, "vgg11-apex"))] == ["vgg11-apex"]
    command = TablesCommand.preset_of("demo")
    assert command.run.check_leaks
    assert command.run.seeds == 3
    assert TablesCommand.preset_of("paper").run == RunOptions(rules="last,inner,test", seeds=3, check_leaks=True)


def test_a_cell_may_have_seeds_of_its_own():
    cells = {cell.name: cell for number in (3, 4) for cell in find_table(number).cells}
    chosen = [cells[name] for name in ("lbp_top", "va-random", "va-norm16", "akmnet")]
    assert [seeds_of(cell, "paper", 7) for cell in chosen] == [1, 5, 7, 7]
    assert [seeds_of(cell, "demo", 3) for cell in chosen] == [1, 3, 1, 3]


def planned(arguments, clip_set):
    command = parse(["--preset=tiny", *arguments], None)
    spec = find_table(command.table)
    cells = choose_cells(spec, command.cells)
    experiments = {cell.name: experiment_of(cell, command, spec) for cell in in_order(cells)}
    return plan_runs(spec, cells, experiments, clip_set, command)


@pytest.mark.parametrize("number", TABLES)
def test_every_line_has_its_control_whose_key_frames_are_those_of_a_control(make_clip_set, number):
    clips = make_clip_set(5, 3)
    found = planned([f"--table={number}", "--control=every"], dataclasses.replace(clips, apexes=clips.apexes * 0))
    controls = [run for run in found if run.control]
    assert sorted(run.cell.name for run in controls if run.shown) == sorted(c.name for c in find_table(number).cells)
    labels = {clip_id: label for clip_id, label in zip(clips.clip_ids, controls[0].clip_set.labels, strict=True)}
    assert not np.array_equal(list(labels.values()), clips.labels)
    for i, run in enumerate(controls):
        assert run.experiment.run_dir.name == f"{run.cell.name}-random_labels"
        assert run.clip_set.labels.tolist() == list(labels.values())
        place = getattr(run.experiment.config, "key_frames_of", None)
        assert (place is not None) == bool(run.cell.needs)
        assert place is None or place in [other.experiment.run_dir for other in controls[:i]]
    assert [run.described for run in found if not run.control] == [
        run.described for run in planned([f"--table={number}", "--control=none"], clips)
    ]


def test_a_control_that_another_reads_is_added_and_the_same_in_every_table(make_clip_set):
    clips = make_clip_set(4, 4)
    seven = planned(["--table=7", "--cells=vgg11-max_key", "--control=every", "--rules=last,inner"], clips)
    assert [(run.cell.name, run.control, run.shown) for run in seven] == [
        ("akmnet", False, False), ("vgg11-max_key", False, True),
        ("akmnet", True, False), ("vgg11-max_key", True, True),
    ]  # fmt: skip
    assert seven[3].experiment.config.key_frames_of == seven[2].experiment.run_dir
    main = planned(["--table=5", "--cells=akmnet", "--rules=last,inner"], clips)[1]
    assert main.described == seven[2].described
    np.testing.assert_array_equal(main.clip_set.labels, seven[2].clip_set.labels)
    assert not any(run.control for run in planned(["--table=7", "--cells=vgg11-max_key"], clips))


def test_folds_are_those_of_the_protocol_in_one_spelling(make_clip_set):
    one = make_clip_set(3, 3)
    found = planned(["--table=3", "--cells=lbp_sip,akmnet", "--folds=sub01,s2"], one)
    assert {(run.experiment.options.folds, len(run.folds)) for run in found} == {("1,2", 2)}
    sets = pool_clip_sets([dataclasses.replace(make_clip_set(3, 3, seed=k), name=name) for k, name in enumerate("ab")])
    (run, _) = planned(["--table=3", "--cells=akmnet", "--protocol=leave_one_set_out"], sets)
    assert [fold.subject for fold in run.folds] == ["a", "b"]
    assert expect(run).seconds > 0


@pytest.mark.parametrize("option", ["--folds=1", "--protocol=leave_one_set_out"])
def test_a_table_that_holds_subjects_out_takes_no_other_folds(make_clip_set, option):
    with pytest.raises(ValueError, match=rf"{option}: table 8 holds a fifth of the subjects out once"):
        planned(["--table=8", option], make_clip_set(5, 3))


@pytest.mark.parametrize(
    ("arguments", "is_said"),
    [
        (["--cells=resnet18-max_key", "--rules=last,inner"], True),
        (["--cells=resnet18-max_key", "--rules=last"], False),
        (["--cells=resnet18-apex", "--rules=last,inner"], False),
    ],
)
def test_a_table_says_where_rule_inner_chooses_on_flattered_figures(make_clip_set, arguments, is_said):
    clips = make_clip_set(3, 3)
    clips = dataclasses.replace(clips, apexes=clips.apexes * 0)
    arguments = ["--table=7", "--control=none", *arguments]
    runs = planned(arguments, clips)
    table = make_table(find_table(7), runs, {}, clips, parse(["--preset=tiny", *arguments], None))
    assert any("Rule inner of lines that take key frames" in note for note in table.notes) == is_said


def test_a_plan_goes_by_what_methods_say_of_their_cost(make_clip_set, monkeypatch):
    clips = make_clip_set(3, 3)
    runs = planned(["--table=3", "--cells=lbp_sip,ststnet", "--control=none"], clips)
    by_name = {run.cell.name: run for run in runs}
    before = {name: expect(run).seconds for name, run in by_name.items()}
    monkeypatch.setattr(find_method("lbp_sip"), "clip_seconds", 10.0)
    monkeypatch.setattr(find_method("ststnet"), "clip_gflop", 100.0)
    after = {name: expect(run).seconds for name, run in by_name.items()}
    assert after["lbp_sip"] - before["lbp_sip"] == pytest.approx(9 * 9.99)
    assert after["ststnet"] > 2 * before["ststnet"]


@pytest.mark.parametrize("name", sorted(set(method_names()) - {MAIN}))
def test_every_method_says_its_cost_as_a_number(name):
    kind = find_method(name)
    own = {key for one in kind.__mro__ if one is not Method for key in vars(one)}
    assert ("clip_gflop" in own) != ("clip_seconds" in own)


def test_a_plan_counts_magnified_pictures_and_the_maps_of_a_step(make_clip_set):
    """255 clips in eight magnifications of 300 x 245, 2.2 MiB a clip in half precision; a step of ten at 512 maps."""
    method = find_method("strcn")()
    step = method.memory_gib(0)
    assert step == pytest.approx(6.5)
    assert method.memory_gib(255) - step == pytest.approx(255 * 8 * 300 * 245 * 2 * 8 / 2**30)
    command = ["--table=3", "--cells=strcn", "--control=none"]
    (run,) = planned(command, make_clip_set(3, 3))
    assert expect(run).gib > run.method().memory_gib(9) > 0
    (slim,) = planned([*command, "--preset=demo"], make_clip_set(3, 3))
    assert slim.experiment.config.features == 8
    assert expect(slim).seconds < expect(run).seconds / 20  # mostly compiling
