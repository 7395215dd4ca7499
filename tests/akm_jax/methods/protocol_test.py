"""What a method is given and held to, shown with throw-away methods that need no JAX."""

import dataclasses
import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
from rich.console import Console

from akm_jax.config import RunOptions
from akm_jax.data.clip_set import Clips
from akm_jax.data.folds import leave_one_subject_out
from akm_jax.files import fold_folder
from akm_jax.loso.driver import all_trainings, run_folds
from akm_jax.loso.log import RunLog
from akm_jax.loso.run_dir import describe_run, open_run
from akm_jax.methods.protocol import Epoch, Method, Outputs, Start, Training
from akm_jax.observe import Observer, Observers
from akm_jax.run import run_loso
from akm_jax.train import checkpoint
from akm_jax.views.view import LeakError, Views


@dataclasses.dataclass(frozen=True)
class Corner:
    """Mean of the frames on a coarse grid."""

    step: int = 4

    def __call__(self, clip):
        return clip.frames.mean(0, dtype=np.float32)[:: self.step, :: self.step].ravel() / 255


@dataclasses.dataclass(frozen=True)
class Step(Method):
    """A linear classifier that takes one step of gradient descent an epoch."""

    name: ClassVar[str] = "step"
    view: Corner = Corner()
    rate: float = 0.5
    num_epochs: int = 4
    keeps_state: bool = True

    @property
    def epochs(self) -> int:
        return self.num_epochs

    def train_fold(self, training: Training, views: Views, start: Start) -> Iterable[Epoch]:
        seen, truth = views.stack(training.clips), np.eye(3)[training.labels]
        begin = start if self.keeps_state else Start()
        weights = np.asarray(begin.restore({"weights": np.zeros((seen.shape[1], 3))})["weights"])
        for number in range(begin.epoch + 1, self.epochs + 1):
            score = np.exp(seen @ weights)
            gradient = seen.T @ (score / score.sum(1, keepdims=True) - truth) / len(seen)
            weights = weights - self.rate * gradient
            state = {"weights": weights.copy()}
            yield Epoch(
                number,
                [views.stack(clips) @ weights for clips in training.watched],
                {"loss": np.float32(np.abs(gradient).sum())},
                (lambda state=state: state) if self.keeps_state else None,
            )


class AllAtOnce(Step):
    """The same, all folds together."""

    all_folds_at_once: ClassVar[bool] = True
    train_fold = Method.train_fold
    STARTS: ClassVar[list[list[int]]] = []

    def train_folds(self, trainings: Sequence[Training], views: Views, starts: Sequence[Start]):
        self.STARTS.append([start.epoch for start in starts])
        folds = [Step.train_fold(self, training, views, start) for training, start in zip(trainings, starts)]  # noqa: B905
        return zip(*folds, strict=True)


class Recorder(Observer):
    """Which trainings began, and after how many epochs."""

    def __init__(self, stop_after=0):
        self.started: list[tuple[str, str, int]] = []
        self._left = stop_after

    def training_starts(self, place, epoch):
        self.started.append((place.subject, place.training, epoch))

    def epoch_done(self, place, entry):
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def clip_set(make_clip_set):
    return make_clip_set(4, 6)


@pytest.fixture
def run(clip_set, tmp_path):
    """Run a method in a directory, a checkpoint after every epoch, with its log and no page; gives the summary."""

    def run(method, name="run", observer=None, clip_set=clip_set, **changes):
        place, options = tmp_path / name, RunOptions(**{"checkpoint_interval_s": 0.0, **changes})
        described = describe_run(method, options)
        watching = Observers([RunLog(place), *([observer] if observer else [])])
        with open_run(place, described, clip_set):
            return run_folds(
                method,
                clip_set,
                place,
                options=options,
                observer=watching,
                described=described,
                views_dir=tmp_path / "views",
            )

    return run


@pytest.fixture
def run_with_page(clip_set, tmp_path):
    """The same from the one call that a user makes."""
    return lambda method, **options: run_loso(
        method, clip_set, tmp_path / "run", console=Console(quiet=True), views_dir=tmp_path / "views", **options
    )


def predictions(tmp_path, name="run"):
    return (tmp_path / name / "predictions.csv").read_bytes()


# What a method is given.


class Spy(Method):
    """Keeps everything it is given."""

    name = "spy"

    def __init__(self):
        GIVEN.clear()

    def prepare(self, clips, views, trainings, context):
        GIVEN.update(clips=clips, views=views, trainings=trainings)
        return super().prepare(clips, views, trainings, context)

    def train_fold(self, training, views, start):
        GIVEN.setdefault("folds", []).append(training)
        yield Epoch(1, [np.zeros((len(clips), 3)) for clips in training.watched])


GIVEN: dict[str, Any] = {}


@pytest.fixture
def given(run):
    run(Spy(), rules="last,inner,test")
    return GIVEN


def test_clips_have_no_labels_names_or_subjects(given):
    assert type(given["clips"]) is Clips
    assert {field.name for field in dataclasses.fields(Clips)} == {
        "num_classes",
        "lengths",
        "fps",
        "apexes",
        "pictures",
    }
    assert not {"labels", "subjects", "clip_ids", "class_names"} & set(dir(given["clips"]))
    assert len(given["views"]) == 0


def test_a_training_holds_labels_of_its_training_clips_only(given, clip_set):
    trainings = given["folds"]
    assert [t.place.training for t in trainings] == ["all_subjects", "inner"] * 4
    subjects = np.array(clip_set.subjects)
    for training in trainings:
        watched = np.concatenate(training.watched)
        assert training.place.subject not in training.subjects
        assert training.subjects == tuple(subjects[training.clips])
        assert not set(subjects[training.clips]) & set(subjects[watched])
        assert training.labels.shape == training.clips.shape
        np.testing.assert_array_equal(training.labels, clip_set.labels[training.clips])
        assert set(subjects[training.watched[-1]]) == {training.place.subject}
        assert {field.name for field in dataclasses.fields(training)} == {
            "place", "clips", "labels", "subjects", "watched"
        }  # fmt: skip


def test_labels_of_the_set_are_zero_at_all_other_clips(given, clip_set):
    assert clip_set.labels.any()
    for training in given["folds"]:
        labels = training.labels_of_set(len(clip_set))
        others = np.setdiff1d(np.arange(len(clip_set)), training.clips)
        assert len(others) >= len(np.concatenate(training.watched))
        assert not labels[others].any()
        np.testing.assert_array_equal(labels[training.clips], training.labels)


def test_other_labels_of_the_left_out_subject_change_nothing_a_fold_is_given(run, clip_set):
    labels = np.where(np.array(clip_set.subjects) == "2", (clip_set.labels + 1) % 3, clip_set.labels).astype(np.int32)
    found = []
    for name, changed in (("a", clip_set), ("b", dataclasses.replace(clip_set, labels=labels))):
        run(Spy(), name, folds="2", clip_set=changed)
        (training,) = GIVEN["folds"]
        found.append(training)
    for field in ("clips", "labels"):
        np.testing.assert_array_equal(getattr(found[0], field), getattr(found[1], field))
    assert found[0].subjects == found[1].subjects


def test_every_training_of_the_set_is_told_beforehand_whichever_folds_are_run(run, clip_set):
    run(Spy(), folds="3")
    assert [t.place.subject for t in GIVEN["trainings"]] == ["1", "2", "3", "4"]
    options = RunOptions(rules="last,inner", seeds=2)
    assert len(all_trainings(clip_set, options)) == 4 * (1 + 2)


# What a view is held to in a run.


def planted(clip):
    return np.float32(clip.label)


class Planted(Spy):
    """A method with a leak."""

    view = planted


def test_a_leak_through_a_view_refuses_the_run(run):
    with pytest.raises(LeakError, match="a view asked a clip for its label"):
        run(Planted())


def last_frame(clip):
    return clip.frames[-1]


class Plain(Spy):
    """Its view is a function, and no method of it."""

    view = last_frame


class Bound(Spy):
    """Its view could see the method."""

    def view(self, clip):
        return clip.frames[-1]


def test_a_view_may_be_a_plain_function_but_no_method(run, clip_set):
    run(Plain(), folds="1")
    np.testing.assert_array_equal(GIVEN["views"][3], clip_set.read(3)[-1])
    with pytest.raises(LeakError, match="expected a frozen dataclass whose fields are its settings, or a plain func"):
        run(Bound(), folds="1")


def test_a_view_that_holds_labels_is_refused_before_anything_is_written(run_with_page, clip_set, tmp_path):
    with pytest.raises(LeakError, match="holds step, a ndarray"):
        run_with_page(Step(view=Corner(step=clip_set.labels)))
    assert not (tmp_path / "run").exists()


# Epochs, resuming.


def test_scores_are_those_of_the_outputs_and_a_second_start_trains_nothing(run, tmp_path, clip_set):
    summary = run(Step(), rules="last,inner,test")
    before = predictions(tmp_path)
    assert summary["rules"]["last"]["accuracy"] > 0.5
    result = json.loads((fold_folder(tmp_path / "run", 0, "3") / "result.json").read_text())
    (fold,) = leave_one_subject_out(clip_set, ["3"])
    training = Training(None, fold.train, clip_set.labels[fold.train], (), (fold.test,))  # type: ignore[arg-type]
    seen = Views([Corner()(clip) for clip in map(_as_view_sees, range(len(clip_set)), itertools.repeat(clip_set))])
    *_, last = Step().train_fold(training, seen, Start())
    found = [entry["logits"] for entry in result["rules"]["last"]["clips"].values()]
    np.testing.assert_allclose(found, last.outputs[0], rtol=1e-12)
    assert [entry["epoch"] for entry in result["histories"]["inner"]] == [1, 2, 3, 4]
    recorder = Recorder()
    assert run(Step(), observer=recorder, rules="last,inner,test") == summary
    assert recorder.started == []
    assert predictions(tmp_path) == before


def _as_view_sees(clip, clip_set):
    return dataclasses.make_dataclass("Seen", ["frames"])(clip_set.read(clip))


@pytest.mark.parametrize("epochs", [1, 6])
def test_a_stopped_run_goes_on_from_its_checkpoint(run, tmp_path, epochs):
    run(Step(), "whole", rules="last,inner,test")
    with pytest.raises(KeyboardInterrupt):
        run(Step(), observer=Recorder(stop_after=epochs), rules="last,inner,test")
    recorder = Recorder()
    run(Step(), observer=recorder, rules="last,inner,test")
    assert predictions(tmp_path) == predictions(tmp_path, "whole")
    assert any(epoch for _, _, epoch in recorder.started) == (epochs > 1)  # the epoch it stopped in was not kept yet


def test_a_method_that_keeps_no_state_begins_anew_and_gives_the_same(run, tmp_path):
    method = Step(keeps_state=False)
    run(method, "whole")
    with pytest.raises(KeyboardInterrupt):
        run(method, observer=Recorder(stop_after=6))
    recorder = Recorder()
    run(method, observer=recorder)
    assert recorder.started == [("2", "all_subjects", 0), ("3", "all_subjects", 0), ("4", "all_subjects", 0)]
    assert predictions(tmp_path) == predictions(tmp_path, "whole")
    assert not list((tmp_path / "run").rglob("epoch_*"))


def test_a_method_that_does_not_heed_its_start_begins_anew(run, tmp_path):
    """It kept states once: its checkpoints are there, and the log forgets the epochs they are of."""

    class Forgetful(Step):
        def train_fold(self, training, views, start):
            return super().train_fold(training, views, Start())

    run(Forgetful(), "whole", folds="1")
    with pytest.raises(KeyboardInterrupt):
        run(Forgetful(), observer=Recorder(stop_after=3), folds="1")
    recorder = Recorder()
    run(Forgetful(), observer=recorder, folds="1")
    assert recorder.started == [("1", "all_subjects", 2), ("1", "all_subjects", 0)]
    assert predictions(tmp_path) == predictions(tmp_path, "whole")
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]


# All folds at once.


@pytest.fixture
def at_once():
    AllAtOnce.STARTS.clear()
    return AllAtOnce()


def test_all_folds_at_once_equal_fold_by_fold(run, tmp_path, at_once):
    options = {"rules": "last,inner,test", "seeds": 2}
    run(Step(), "one_by_one", **options)
    run(at_once, "at_once", **options)
    assert at_once.STARTS == [[0] * 4] * 4  # two seeds, two trainings
    assert predictions(tmp_path, "at_once") == predictions(tmp_path, "one_by_one")


def test_folds_stopped_together_go_on_from_the_newest_checkpoint_that_all_have(run, tmp_path, at_once):
    run(at_once, "whole")
    with pytest.raises(KeyboardInterrupt):
        run(at_once, observer=Recorder(stop_after=4 * 3))
    folder = fold_folder(tmp_path / "run", 0, "3") / "checkpoints" / "all_subjects"
    newest = checkpoint.checkpoints(folder)[-1]
    assert newest.name == "epoch_0003"
    (newest / "notes.json").write_text("{}")
    at_once.STARTS.clear()
    with pytest.warns(UserWarning, match=r"s3.*epoch_0003: damaged checkpoint"):
        run(at_once)
    assert at_once.STARTS == [[2] * 4]
    assert predictions(tmp_path) == predictions(tmp_path, "whole")


def test_folds_of_which_one_has_no_checkpoint_begin_together_from_the_start(run, tmp_path, at_once):
    run(at_once, "whole")
    with pytest.raises(KeyboardInterrupt):
        run(at_once, observer=Recorder(stop_after=4 * 2))
    for place in checkpoint.checkpoints(fold_folder(tmp_path / "run", 0, "3") / "checkpoints" / "all_subjects"):
        (place / "manifest.json").unlink()
    at_once.STARTS.clear()
    with pytest.warns(UserWarning, match="damaged checkpoint"):
        run(at_once)
    assert at_once.STARTS == [[0] * 4]
    assert predictions(tmp_path) == predictions(tmp_path, "whole")


def test_finished_folds_are_not_trained_again_with_the_others(run, tmp_path, at_once):
    run(at_once)
    before = predictions(tmp_path)
    for subject in ("2", "4"):
        (fold_folder(tmp_path / "run", 0, subject) / "result.json").unlink()
        for place in (tmp_path / "run" / "folds" / "seed0" / f"s{subject}").rglob("manifest.json"):
            place.unlink()
    at_once.STARTS.clear()
    recorder = Recorder()
    with pytest.warns(UserWarning, match="damaged checkpoint"):
        run(at_once, observer=recorder)
    assert at_once.STARTS == [[0, 0]]
    assert [subject for subject, _, _ in recorder.started] == ["2", "4"]
    assert predictions(tmp_path) == before


# What a method is held to.


class Gives(Method):
    """Gives whatever a function makes of a training."""

    name = "gives"
    epochs = 2
    view = None

    def train_fold(self, training, views, start):
        return MAKE[0](training)


MAKE: list[Any] = [None]


def zeros(training, columns=3):
    return [np.zeros((len(clips), columns)) for clips in training.watched]


def epoch(training, number, outputs=None, **more):
    return Epoch(number, zeros(training) if outputs is None else outputs, **more)


WRONG = {
    "too few columns": (
        lambda t: [epoch(t, 1, zeros(t, 2))],
        ValueError,
        r"fold of subject 1, all_subjects, epoch 1: outputs are float64 \(6, 2\); expected floating \(6, 3\)",
    ),
    "whole numbers": (
        lambda t: [epoch(t, 1), epoch(t, 2, [np.zeros((6, 3), int)])],
        ValueError,
        r"fold of subject 1, all_subjects, epoch 2: outputs are int64 \(6, 3\)",
    ),
    "classes in place of scores": (lambda t: [epoch(t, 1, [np.zeros(6)])], ValueError, r"float64 \(6,\)"),
    "an array in place of a list": (
        lambda t: [epoch(t, 1, np.zeros((6, 3)))],
        ValueError,
        "epoch 1: 6 outputs; expected 1, one for each group",
    ),
    "not finite": (
        lambda t: [epoch(t, 1), epoch(t, 2, [np.full((6, 3), np.nan)])],
        FloatingPointError,
        "fold of subject 1, all_subjects, epoch 2: outputs are not finite",
    ),
    "loss that is not finite": (
        lambda t: [epoch(t, 1, notes={"loss": np.float32("inf")})],
        FloatingPointError,
        "fold of subject 1, all_subjects, epoch 1: loss inf",
    ),
    "details of some": (
        lambda t: [epoch(t, 1, [Outputs(np.zeros((6, 3)), ({},))])],
        ValueError,
        "epoch 1: details of 1 clips; expected 6 or none",
    ),
    "too few epochs": (
        lambda t: [epoch(t, 1)],
        ValueError,
        "fold of subject 1, all_subjects: method 'gives' ended after 1 epochs; expected 2",
    ),
    "no epochs": (lambda t: [], ValueError, "fold of subject 1, all_subjects: .* ended after 0 epochs; expected 2"),
    "nothing": (lambda t: None, ValueError, "method 'gives': train_fold gave NoneType; expected the epochs it trained"),
    "too many epochs": (
        lambda t: (epoch(t, number) for number in itertools.count(1)),
        ValueError,
        r"fold of subject 1, .* 1 entries of epochs \[3\] after epoch 2; .* 2 epochs in all",
    ),
    "counts from zero": (
        lambda t: [epoch(t, 0)],
        ValueError,
        r"fold of subject 1, all_subjects: method 'gives' gave 1 entries of epochs \[0\] after epoch 0; expected 1",
    ),
    "skips one": (lambda t: [epoch(t, 2)], ValueError, r"epochs \[2\] after epoch 0; expected 1 of epoch 1"),
    "begins anew in the middle": (
        lambda t: (epoch(t, 1) for _ in itertools.count()),
        ValueError,
        r"epochs \[1\] after epoch 1; expected 1 of epoch 2",
    ),
    "logits in place of epochs": (
        lambda t: zeros(t),
        ValueError,
        "fold of subject 1, all_subjects: method 'gives' gave ndarray after epoch 0; expected an Epoch",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_method_that_gives_something_else_is_told_what_and_where(run, case, tmp_path):
    MAKE[0], kind, message = WRONG[case]
    with pytest.raises(kind, match=message):
        run(Gives())
    assert not list((tmp_path / "run").rglob("result.json"))


class Uneven(AllAtOnce):
    """Leaves folds out, or lets one run ahead."""

    def train_folds(self, trainings, views, starts):
        return MAKE[0](list(super().train_folds(trainings, views, starts)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda epochs: [together[:3] for together in epochs], "gave 3 entries of epochs .* expected 4 of epoch 1"),
        (
            lambda epochs: [(*epochs[0][:3], epochs[1][3])],
            r"fold of subject 1, 2, 3, 4, all_subjects: .* 4 entries of epochs \[1, 2\] after epoch 0",
        ),
        (lambda epochs: None, "train_folds gave NoneType"),
    ],
)
def test_folds_that_do_not_go_together_are_refused(run, change, message):
    MAKE[0] = change
    with pytest.raises(ValueError, match=message):
        run(Uneven())


def test_numbers_of_any_library_may_be_notes(run, tmp_path):
    import jax.numpy as jnp

    notes = {"loss": jnp.float32(0.5), "rate": np.float32(0.25), "steps": 3}
    MAKE[0] = lambda t: [epoch(t, 1, notes=notes), epoch(t, 2, notes=notes)]
    run(Gives(), folds="1")
    (path,) = (tmp_path / "run").rglob("result.json")
    first = json.loads(path.read_text())["histories"]["all_subjects"][0]
    assert {name: first[name] for name in notes} == {"loss": 0.5, "rate": 0.25, "steps": 3}


def test_a_method_that_defines_no_training_says_so(run):
    class Empty(Method):
        name = "empty"

    with pytest.raises(TypeError, match="method 'empty' defines neither train_fold nor train_folds"):
        run(Empty())


# What a run directory is bound to.


def test_settings_may_not_be_called_as_options_of_the_run():
    @dataclasses.dataclass(frozen=True)
    class Shadows(Method):
        name: ClassVar[str] = "shadows"
        seed: int = 3
        folds: str = ""
        depth: int = 2

    with pytest.raises(ValueError, match="method 'shadows': its settings folds, seed are called as options of the run"):
        describe_run(Shadows(), RunOptions())


def test_settings_that_are_no_dataclass_are_refused():
    method = Gives()
    method.depth = 3
    with pytest.raises(ValueError, match="method 'gives' holds depth, but its config is no dataclass"):
        describe_run(method, RunOptions())


def test_a_run_is_held_to_the_settings_of_its_view(run):
    run(Step())
    with pytest.raises(ValueError, match=r"config\.view\.step: there 4, now 8"):
        run(Step(view=Corner(step=8)))

    class Viewed(Spy):
        view = Corner()

    assert describe_run(Viewed(), RunOptions())["view"] == {"name": "Corner", "step": 4}


def test_a_run_is_held_to_apexes_and_rates(run, clip_set):
    run(Step())
    with pytest.raises(ValueError, match=r"data\.checksum"):
        run(Step(), clip_set=dataclasses.replace(clip_set, apexes=clip_set.apexes + 1))


def test_a_method_of_ones_own_has_a_page(run_with_page, tmp_path):
    run_with_page(Step(), rules="last,inner,test")
    text = (tmp_path / "run" / "report.html").read_text()
    assert '<p class="kicker">step, leave one subject out</p>' in text
    assert "Training on all other subjects: loss" in text
