"""Training end to end on small data: one compilation, exact repetition and resume, honest selection, clear errors."""

import csv
import dataclasses
import json

import jax
import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import accuracy_score, f1_score

from akm_jax.config import RunOptions
from akm_jax.data.clip_set import HeldPictures
from akm_jax.data.folds import leave_one_subject_out
from akm_jax.data.sized import size_clips
from akm_jax.files import fold_folder, read_json, write_json
from akm_jax.loso.driver import all_trainings
from akm_jax.loso.run_dir import describe_data, describe_run, open_run
from akm_jax.methods._finished_run import FinishedRun
from akm_jax.methods.akmnet import AKMNet
from akm_jax.methods.protocol import Context
from akm_jax.observe import ALL_SUBJECTS, Observer
from akm_jax.run import run_loso
from akm_jax.train import calls, checkpoint
from akm_jax.train.calls import evaluate
from akm_jax.train.setup import set_up


def run(config, clip_set, run_dir, observer=None, **options):
    """A checkpoint after every epoch, and nothing on the screen."""
    options = {"checkpoint_interval_s": 0.0} | options
    observers = [] if observer is None else [observer]
    return run_loso(AKMNet(config), clip_set, run_dir, observers=observers, console=Console(quiet=True), **options)


def set_up_all(config, clip_set):
    sized = size_clips(clip_set.without_labels(), config.model.image_size, config.model.crop_source_size)
    trainings = [(training.clips, clip_set.labels) for training in all_trainings(clip_set, RunOptions())]
    return set_up(config, sized, trainings, num_classes=len(clip_set.class_names))


def read_predictions(run_dir):
    with (run_dir / "predictions.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def clip_set(make_clip_set):
    # Two compiled calls an epoch. With these lengths every rule needs the same frames a step: one program serves all.
    return make_clip_set(num_subjects=4, clips_per_subject=6, lengths=[3, 5, 3, 1])


@pytest.fixture(scope="module")
def finished(tiny_config, clip_set, tmp_path_factory):
    """A run of all folds, two seeds and all rules."""
    run_dir = tmp_path_factory.mktemp("run")
    options = {"seeds": 2, "rules": "last,inner,test"}
    return run(tiny_config, clip_set, run_dir, **options), run_dir, options


def test_the_step_is_compiled_once_for_all_folds_seeds_and_epochs(finished):
    assert finished[0]["compilations"] == 1


def test_summary_holds_the_scores_of_predictions_csv(finished, clip_set):
    summary, run_dir, _ = finished
    rows = read_predictions(run_dir)
    assert [row["clip_id"] for row in rows] == list(clip_set.clip_ids)
    labels = [row["label"] for row in rows]
    for rule in ("last", "inner", "test"):
        accuracy = [accuracy_score(labels, [row[f"{rule}_seed{s}_prediction"] for row in rows]) for s in (0, 1)]
        f1 = [f1_score(labels, [row[f"{rule}_seed{s}_prediction"] for row in rows], average="macro") for s in (0, 1)]
        scores = summary["rules"][rule]
        assert scores["accuracy_by_seed"] == pytest.approx(accuracy)
        assert scores["accuracy"] == pytest.approx(np.mean(accuracy))
        assert scores["accuracy_std"] == pytest.approx(np.std(accuracy))
        assert scores["uf1"] == pytest.approx(np.mean(f1))
        assert np.sum(scores["confusion"]) == 2 * len(clip_set)
        assert scores["accuracy_ci95"][0] <= scores["accuracy"] <= scores["accuracy_ci95"][1]
        assert set(scores["per_subject"]) == set(clip_set.subjects)
    assert summary == json.loads((run_dir / "summary.json").read_text())
    assert summary["majority_accuracy"] == pytest.approx(1 / 3)
    assert {"versions", "device", "git_revision", "config", "padding_share"} <= summary.keys()


def test_logits_in_the_table_are_those_of_the_prediction(finished, clip_set):
    rows = read_predictions(finished[1])
    for row in rows:
        logits = [float(row[f"last_seed1_logit_{name}"]) for name in clip_set.class_names]
        assert clip_set.class_names[int(np.argmax(logits))] == row["last_seed1_prediction"]


def test_log_has_one_line_an_epoch_and_training(finished):
    lines = [json.loads(line) for line in (finished[1] / "log.jsonl").read_text().splitlines()]
    keys = [(e["seed"], e["subject"], e["training"], e["epoch"]) for e in lines]
    assert len(keys) == len(set(keys)) == 2 * 4 * 2 * 3
    assert len(list((finished[1] / "tensorboard").rglob("events.out.*"))) == 2 * 4 * 2


def test_the_same_run_again_gives_the_same_predictions_and_trains_nothing(finished, tiny_config, clip_set):
    _, run_dir, options = finished
    before = (run_dir / "predictions.csv").read_bytes()

    class Refuse(Observer):
        def training_starts(self, place, epoch):
            raise AssertionError(f"{place} trained again")

    run(tiny_config, clip_set, run_dir, Refuse(), **options)
    assert (run_dir / "predictions.csv").read_bytes() == before


def test_a_fold_does_not_depend_on_which_others_are_run(finished, tiny_config, clip_set, tmp_path):
    run(tiny_config, clip_set, tmp_path, folds="3", rules="last")
    alone = {r["clip_id"]: r["last_seed0_logit_positive"] for r in read_predictions(tmp_path)}
    rows = read_predictions(finished[1])
    together = {r["clip_id"]: r["last_seed0_logit_positive"] for r in rows if r["subject"] == "3"}
    assert len(alone) == 6
    assert alone == together


class StopAfter(Observer):
    """Stands for a kill: raises when some epochs are done."""

    def __init__(self, epochs):
        self._left = epochs

    def epoch_done(self, place, entry):
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("epochs", "folds"), [(2, "1"), (4, "1"), (7, "1,2")])
def test_a_resumed_run_equals_an_uninterrupted_one(finished, tiny_config, clip_set, tmp_path, epochs, folds):
    """Stopped in the inner training, in the one of all subjects, and in the second fold."""
    options = {"folds": folds, "rules": "last,inner,test"}
    with pytest.raises(KeyboardInterrupt):
        run(tiny_config, clip_set, tmp_path, StopAfter(epochs), **options)
    run(tiny_config, clip_set, tmp_path, **options)
    resumed = read_predictions(tmp_path)
    whole = {row["clip_id"]: row for row in read_predictions(finished[1])}
    assert {row["subject"] for row in resumed} == set(folds.split(","))
    assert resumed == [{name: whole[row["clip_id"]][name] for name in row} for row in resumed]


def test_a_damaged_checkpoint_is_named_and_costs_only_its_epoch(tiny_config, clip_set, tmp_path):
    options = {"folds": "1", "rules": "last"}
    run(tiny_config, clip_set, tmp_path / "whole", **options)
    with pytest.raises(KeyboardInterrupt):
        run(tiny_config, clip_set, tmp_path / "stopped", StopAfter(3), **options)
    folder = fold_folder(tmp_path / "stopped", 0, "1") / "checkpoints" / ALL_SUBJECTS
    newest = checkpoint.checkpoints(folder)[-1]
    file = max((p for p in newest.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    file.write_bytes(bytes(reversed(file.read_bytes())))
    with pytest.warns(UserWarning, match=r"epoch_0002: damaged checkpoint"):
        run(tiny_config, clip_set, tmp_path / "stopped", **options)
    whole, resumed = ((tmp_path / name / "predictions.csv").read_bytes() for name in ("whole", "stopped"))
    assert whole == resumed


def test_a_directory_of_another_run_is_refused_with_the_difference(finished, tiny_config, clip_set, make_clip_set):
    _, run_dir, options = finished
    other = dataclasses.replace(tiny_config, train=dataclasses.replace(tiny_config.train, epochs=7))
    with pytest.raises(ValueError, match=r"config\.train\.epochs: there 3, now 7"):
        run(other, clip_set, run_dir, **options)
    with pytest.raises(ValueError, match=r"data\.checksum"):
        run(tiny_config, make_clip_set(4, 6, seed=9), run_dir, **options)


def test_a_directory_of_a_version_before_the_methods_is_refused_with_the_reason(tiny_config, clip_set, tmp_path):
    (tmp_path / "run.json").write_text('{"config": {"dataset": "smic"}, "data": {}}')
    with pytest.raises(ValueError, match="a run of a version before 0.2"):
        run(tiny_config, clip_set, tmp_path)


@pytest.fixture
def settings(tiny_config):
    return describe_run(AKMNet(tiny_config), RunOptions())


def test_two_runs_in_one_directory_are_refused(settings, clip_set, tmp_path):
    with (
        open_run(tmp_path, settings, clip_set),
        pytest.raises(ValueError, match="another process is writing"),
        open_run(tmp_path, settings, clip_set),
    ):
        pass


def test_files_of_a_killed_process_are_removed(settings, clip_set, tmp_path):
    (tmp_path / "folds" / ".epoch_0001.partial").mkdir(parents=True)
    (tmp_path / "folds" / ".result.json.partial").write_text("{")
    with open_run(tmp_path, settings, clip_set):
        assert not list(tmp_path.rglob(".*.partial"))


def test_nothing_is_written_for_a_subject_that_is_not_there(tiny_config, clip_set, tmp_path):
    with pytest.raises(ValueError, match="no clips of subject 77"):
        run(tiny_config, clip_set, tmp_path / "run", folds="77")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_names_fold_epoch_and_step(tiny_config, clip_set, tmp_path):
    train = dataclasses.replace(tiny_config.train, learning_rate=1e30, epochs=40)
    with pytest.raises(FloatingPointError, match=r"fold of subject 2, epoch \d+, step \d+; lower --learning_rate"):
        run(dataclasses.replace(tiny_config, train=train), clip_set, tmp_path, folds="2")


def test_looking_at_a_call_when_the_next_is_under_way_changes_nothing(tiny_config, clip_set, tmp_path, monkeypatch):
    class Steps(Observer):
        def __init__(self):
            self.seen = []

        def step_done(self, progress):
            self.seen.append(dataclasses.replace(progress, seconds=0.0))

    seen = []
    for ahead in (0, 1):
        monkeypatch.setattr(calls, "_calls_ahead", lambda ahead=ahead: ahead)
        observer = Steps()
        run(tiny_config, clip_set, tmp_path / str(ahead), observer, folds="1", rules="last")
        seen.append(observer.seen)
    assert len(seen[0]) == 3 * 2
    assert seen[0] == seen[1]
    first, second = ((tmp_path / name / "predictions.csv").read_bytes() for name in ("0", "1"))
    assert first == second


def test_outputs_do_not_depend_on_the_batch_a_clip_is_in(tiny_config, clip_set):
    setup = set_up_all(tiny_config, clip_set)
    state = setup.initial_state(jax.random.key(0))
    together = evaluate(setup, state, np.arange(len(clip_set)))
    for clip in range(len(clip_set)):
        alone = evaluate(setup, state, np.array([clip]))
        np.testing.assert_allclose(alone.logits[0], together.logits[clip], atol=1e-6)
        np.testing.assert_allclose(alone.beta[0], together.beta[clip], atol=1e-6)
        assert len(together.beta[clip]) == clip_set.lengths[clip]


def test_the_left_out_subject_never_reaches_the_headline(tiny_config, clip_set, tmp_path):
    """Other pixels and labels of the left-out subject change nothing of what is trained for it."""
    left_out = np.array(clip_set.subjects) == "2"
    pictures = HeldPictures(
        tuple(255 - clip_set.read(i) if out else clip_set.read(i) for i, out in enumerate(left_out))
    )
    labels = np.where(left_out, 0, clip_set.labels).astype(np.int32)
    changed = dataclasses.replace(clip_set, pictures=pictures, labels=labels)
    options = {"folds": "2", "rules": "last,inner"}
    run(tiny_config, clip_set, tmp_path / "a", **options)
    run(tiny_config, changed, tmp_path / "b", **options)
    like = set_up_all(tiny_config, clip_set).initial_state(jax.random.key(0))
    for training in ("all_subjects", "inner"):
        weights = []
        for name in ("a", "b"):
            folder = fold_folder(tmp_path / name, 0, "2") / "checkpoints" / training
            weights.append(checkpoint.newest(folder)[0].restore(like))
        pairs = zip(*map(jax.tree.leaves, weights), strict=True)
        assert all(np.array_equal(a, b) for a, b in pairs)


def test_rule_test_takes_the_first_best_epoch_and_inner_the_best_validation_epoch(finished):
    results = [json.loads(p.read_text()) for p in finished[1].glob("folds/*/*/result.json")]
    assert len(results) == 8
    for result in results:
        assert result["rules"]["last"]["epoch"] == 3
        assert result["rules"]["test"]["epoch"] == 3  # trainings shorter than ten epochs are chosen at their end


def test_resampled_classes_and_the_paper_variant_train(tiny_config, make_clip_set, tmp_path):
    config = dataclasses.replace(
        tiny_config,
        model=dataclasses.replace(tiny_config.model, variant="paper"),
        train=dataclasses.replace(tiny_config.train, resample_classes=True, epochs=1),
    )
    clip_set = make_clip_set(num_subjects=3, clips_per_subject=5)
    assert run(config, clip_set, tmp_path, folds="1")["num_clips"] == 5
    assert len(leave_one_subject_out(clip_set)) == 3


def ask(run_dir, clip_set, folder, trainings=None):
    """What methods that choose frames by a finished run do."""
    context = Context(RunOptions(), folder, Observer(), describe_data(clip_set))
    trainings = trainings or all_trainings(clip_set, RunOptions())
    return FinishedRun(run_dir, clip_set.without_labels(), trainings, context), trainings


def test_a_fold_asks_the_network_that_was_trained_without_its_subject(finished, clip_set, tmp_path):
    """Of every clip, and so of those of the subject: what the run itself wrote down for them, of its first seed."""
    run_dir = finished[1]
    asked, trainings = ask(run_dir, clip_set, tmp_path)
    for training in trainings[:2]:
        told = asked.key_frames(training)
        assert len(told.beta) == len(clip_set)
        written = read_json(fold_folder(run_dir, 0, training.place.subject) / "result.json")["rules"]["last"]["clips"]
        for clip in training.watched[-1]:
            # Another batch shape than the run's: the rounding of sums differs.
            np.testing.assert_allclose(told.beta[clip], written[clip_set.clip_ids[clip]]["beta"], atol=2e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "ststnet"}, "a run of method 'ststnet'; expected one of akmnet"),
        ({"model": {"mining": "norm16"}}, "--model.mining=norm16, which selects no key frames"),
        ({"seed": 7}, "no finished fold, with rule last, of subject 1, 2, 3, 4; finish that run first"),
    ],
)
def test_a_run_that_cannot_say_which_frames_are_key_frames_is_refused(finished, clip_set, tmp_path, change, message):
    found = read_json(finished[1] / "run.json")
    found["config"] |= change
    write_json(tmp_path / "run.json", found)
    with pytest.raises(ValueError, match=message):
        ask(tmp_path, clip_set, tmp_path)


def test_a_run_on_other_data_is_refused(finished, make_clip_set, tmp_path):
    with pytest.raises(
        ValueError, match=r"a run on other data \(num_clips: there 24, here 6; .*give one on this data set"
    ):
        ask(finished[1], make_clip_set(num_subjects=2, clips_per_subject=3, lengths=[3, 2]), tmp_path)


def one_pixel_brighter(clip_set):
    clips = [clip_set.read(i) for i in range(len(clip_set))]
    clips[-1] = clips[-1].copy()
    clips[-1][0, 0, 0] ^= 1
    return dataclasses.replace(clip_set, pictures=HeldPictures(tuple(clips)))


def magnified(clip_set):
    """The set prepared otherwise: the same clips with larger differences from their first frames."""
    clips = [clip_set.read(i).astype(int) for i in range(len(clip_set))]
    larger = [np.clip(frames[0] + 2 * (frames - frames[0]), 0, 255).astype(np.uint8) for frames in clips]
    return dataclasses.replace(clip_set, pictures=HeldPictures(tuple(larger)))


@pytest.mark.parametrize(
    "change",
    [
        one_pixel_brighter,
        magnified,
        lambda clip_set: dataclasses.replace(clip_set, clip_ids=("renamed", *clip_set.clip_ids[1:])),
        lambda clip_set: dataclasses.replace(clip_set, labels=np.roll(clip_set.labels, 1)),
    ],
    ids=["one pixel", "other preparation", "names", "labels"],
)
def test_a_run_on_data_of_the_same_sizes_but_other_content_is_refused(finished, clip_set, tmp_path, change):
    with pytest.raises(
        ValueError, match=r"a run on other data \(checksum: there \w{8}, here \w{8}, though sizes agree"
    ):
        ask(finished[1], change(clip_set), tmp_path)


def test_a_run_that_left_out_other_clips_is_refused(finished, clip_set, tmp_path):
    trainings = [
        dataclasses.replace(training, watched=(training.watched[-1][1:],))
        for training in all_trainings(clip_set, RunOptions())
    ]
    with pytest.raises(ValueError, match="its fold of subject 1 left out other clips than here"):
        ask(finished[1], clip_set, tmp_path, trainings)


@pytest.mark.parametrize(("rules", "count"), [("last,test", 0), ("last,inner", 1)])
def test_rule_inner_beside_the_key_frames_of_a_run_is_told(finished, clip_set, tmp_path, rules, count):
    class Told(Observer):
        def __init__(self):
            self.texts = []

        def tell(self, text):
            self.texts.append(text)

    context = Context(RunOptions(rules=rules), tmp_path, told := Told(), describe_data(clip_set))
    FinishedRun(finished[1], clip_set.without_labels(), all_trainings(clip_set, RunOptions()), context)
    assert [text.startswith("rule inner validates on subjects whose labels") for text in told.texts] == [True] * count
