"""Descriptors under the driver: clips whose class is how they move, drawn faces, leaks, going on, bad input."""

import dataclasses
import json

import numpy as np
import pytest

from akm_jax.config import RunOptions
from akm_jax.data.clip_set import ClipSet
from akm_jax.data.folds import leave_one_subject_out
from akm_jax.descriptors.blocks import PLANES
from akm_jax.descriptors.codebooks import CodebookConfig
from akm_jax.descriptors.fhofo import FHOFOConfig
from akm_jax.descriptors.higo import HIGOConfig
from akm_jax.descriptors.lbp_sip import LBPSipConfig
from akm_jax.descriptors.lbp_top import LBPTopConfig
from akm_jax.descriptors.stclqp import STCLQPConfig
from akm_jax.descriptors.svm import SVMConfig, train_svm
from akm_jax.loso.rules import plan_training
from akm_jax.methods import find_method, method_names
from akm_jax.methods._support_vectors import Frames, SVMTrainer
from akm_jax.methods.fhofo import FHOFO, FHOFOView
from akm_jax.methods.higo import HIGO, HIGOView
from akm_jax.methods.lbp_sip import LBPSip, LBPSipView
from akm_jax.methods.lbp_top import LBPTop, LBPTopView
from akm_jax.methods.mdmo import MDMO, MDMOView
from akm_jax.methods.protocol import Start
from akm_jax.methods.stclqp import STCLQP, STCLQPView
from akm_jax.metrics import majority_accuracy, majority_band
from akm_jax.observe import ALL_SUBJECTS, Observer
from akm_jax.run import run_loso
from akm_jax.views.cache import compute_views
from akm_jax.views.view import Clip
from datasets_tfds.source import load_clip_set
from datasets_tfds.synthetic import CorpusConfig, write_corpus

SIZE = 32
FRAMES = Frames(size=SIZE)
GRID = {"rows": 2, "cols": 2}
SVM = SVMConfig(costs=(1.0, 10.0))
SMALL = {
    "lbp_top": LBPTop(view=LBPTopView(FRAMES, LBPTopConfig(**GRID, radii=(1, 1, 0))), svm=SVM),
    "lbp_sip": LBPSip(view=LBPSipView(FRAMES, LBPSipConfig(**GRID, radius_t=0)), svm=SVM),
    "higo": HIGO(view=HIGOView(FRAMES, HIGOConfig(**GRID)), svm=SVM),
    "stclqp": STCLQP(
        view=STCLQPView(FRAMES, STCLQPConfig(**GRID, radii=(1, 1, 0))), codebook=CodebookConfig(6, (8, 16)), svm=SVM
    ),
    "fhofo": FHOFO(view=FHOFOView(Frames(SIZE, 4), FHOFOConfig(**GRID)), svm=SVM),
    "mdmo": MDMO(view=MDMOView(FRAMES, flow="farneback", landmarks="mean"), svm=SVM),
}


def draw(steps, seed=0):
    """A clip of 6 frames that shows a texture moved by steps."""
    texture = np.random.default_rng(seed).integers(0, 200, (SIZE, 2 * SIZE), dtype=np.uint8)
    return np.stack([texture[:, SIZE // 2 + step : SIZE // 2 + step + SIZE] for step in steps])


def draw_set(steps_of_class, seed=0):
    """Four subjects, six clips each: every subject has textures of its own, every class its steps."""
    labels = [label for _ in range(8) for label in steps_of_class]
    subjects = [f"s{i // 6}" for i in range(24)]
    clips = [draw(steps_of_class[label], seed + i) for i, label in enumerate(labels)]
    return ClipSet.from_frames(clips, labels, subjects, fps=100, name="moving")


@pytest.fixture(scope="module")
def moving():
    return draw_set({"left": range(6), "right": range(0, -6, -1), "still": [0] * 6})


def trainings_of(clip_set):
    share = RunOptions().inner_share
    return [
        plan_training(clip_set, fold, 0, ALL_SUBJECTS, inner_share=share) for fold in leave_one_subject_out(clip_set)
    ]


def accuracy(method, clip_set, folder):
    """Of leaving every subject out, without the files of a run."""
    views = compute_views(method.view, clip_set.without_labels(), clip_set.clip_ids, folder=folder)
    trainer = SVMTrainer(method, views, len(clip_set.class_names))
    right = 0
    for training in trainings_of(clip_set):
        ((epoch,),) = trainer.train([training], [Start()], Observer())
        right += np.sum(epoch.outputs[0].argmax(1) == clip_set.labels[training.watched[0]])
    return right / len(clip_set)


@pytest.fixture(scope="module")
def runs(moving, tmp_path_factory):
    """Folder of a finished run, and of its views."""
    folder = tmp_path_factory.mktemp("runs")
    run_loso(SMALL["lbp_top"], moving, folder / "lbp_top", rules="last,test", views_dir=folder / "views")
    return folder


def test_a_run_writes_all_files(runs):
    summary = json.loads((runs / "lbp_top" / "summary.json").read_text())
    assert summary["rules"]["last"]["accuracy"] > 0.85
    assert (runs / "lbp_top" / "report.html").is_file()
    assert (runs / "lbp_top" / "predictions.csv").is_file()


@pytest.mark.parametrize("name", ["higo", "stclqp"])
def test_how_clips_move_is_found(moving, tmp_path, name):
    assert accuracy(SMALL[name], moving, tmp_path) > 0.85


def test_six_points_see_that_clips_move_but_not_which_way(tmp_path):
    clips = draw_set({"a still": [0] * 6, "still": [1] * 6, "z moving": range(6)})
    clips = dataclasses.replace(clips, labels=np.maximum(clips.labels - 1, 0), class_names=("still", "moving"))
    assert accuracy(SMALL["lbp_sip"], clips, tmp_path) > 0.9


def test_a_run_goes_on(runs, moving, tmp_path):
    """Views are read, finished folds kept, and the one that is missing comes out as before."""
    before = (runs / "lbp_top" / "predictions.csv").read_text()
    whole = run_loso(SMALL["lbp_top"], moving, tmp_path / "run", rules="last,test", views_dir=runs / "views")
    (tmp_path / "run" / "folds" / "seed0" / "ss1" / "result.json").unlink()
    again = run_loso(SMALL["lbp_top"], moving, tmp_path / "run", rules="last,test", views_dir=runs / "views")
    assert again["rules"] == whole["rules"]
    assert (tmp_path / "run" / "predictions.csv").read_text() == before


def test_the_choice_is_logged(runs):
    lines = [json.loads(line) for line in (runs / "lbp_top" / "log.jsonl").read_text().splitlines()]
    choices = [line for line in lines if "cost" in line]
    assert choices
    assert {line["cost"] for line in choices} <= set(SVM.costs)
    assert all(0 <= line["inner_accuracy"] <= 1 for line in choices)


def test_methods_are_found_by_name():
    assert {"lbp_top", "lbp_sip", "stclqp", "higo", "fhofo", "mdmo"} <= set(method_names())
    assert not [name for name in method_names() if name.startswith("_")]
    assert all(find_method(name).name == name for name in method_names())


def fitted(method, clip_set, folder, subject="s1"):
    """What the fold of a subject is fitted to: codebooks, if any, C, the classifier, and all that it keeps."""
    views = compute_views(method.view, clip_set.without_labels(), clip_set.clip_ids, folder=folder)
    kernels = method.kernels(views)
    (training,) = (one for one in trainings_of(clip_set) if one.place.subject == subject)
    matrices = kernels(training)
    svm = train_svm(matrices, training.clips, training.labels, training.subjects, method.svm)
    books = [kernels.codebooks(training, words) for words in (8, 16)] if isinstance(method, STCLQP) else []
    part = matrices[svm.kernel][np.ix_(training.clips, training.clips)]
    kept = method.keep(views, training, svm)  # the width of the kernel among them
    choice = np.array([svm.cost, svm.inner_accuracy])
    return [*books, part, choice, svm.machine.dual_coef_, svm.machine.support_, *map(kept.get, sorted(kept))]


@pytest.mark.parametrize("name", [*SMALL, "chi2"])
def test_what_the_left_out_subject_shows_changes_nothing_in_its_fold(moving, tmp_path, name):
    """To the bit: other pixels, and other labels among its clips."""
    method = dataclasses.replace(SMALL["stclqp"], kernel="chi2") if name == "chi2" else SMALL[name]
    mine = np.array(moving.subjects) == "s1"
    frames = [draw(range(6), 500 + i) if mine[i] else moving.read(i) for i in range(len(moving))]
    labels = np.where(mine, np.roll(moving.labels, 1), moving.labels)
    names = [moving.class_names[k] for k in labels]
    changed = ClipSet.from_frames(frames, names, moving.subjects, fps=100, name="moving")
    seen = [compute_views(method.view, s.without_labels(), s.clip_ids, folder=tmp_path) for s in (moving, changed)]
    assert all(np.array_equal(*pair) != whose for *pair, whose in zip(*seen, mine, strict=True))
    for one, other in zip(fitted(method, moving, tmp_path), fitted(method, changed, tmp_path), strict=True):
        np.testing.assert_array_equal(one, other)


@dataclasses.dataclass(frozen=True)
class OnePlaneView(LBPTopView):
    """LBP-TOP's histograms of one plane."""

    plane: str = "XY"

    def __call__(self, clip):
        return super().__call__(clip).reshape(-1, 3, 59)[:, PLANES.index(self.plane)].ravel()


@pytest.mark.parametrize("name", ["higo", "lbp_top"])
@pytest.mark.parametrize("plane", ["XT", "YT"])
def test_texture_that_does_not_move_tells_nothing_in_time(tmp_path, name, plane):
    """Still frames of lines along the plane that are all alike, in one class each line thrice: seen in XY alone."""
    rng = np.random.default_rng(0)
    labels = ["once" if i % 2 else "thrice" for i in range(48)]
    lines = rng.integers(0, 256, (48, SIZE, SIZE), dtype=np.uint8)
    thrice = lines[:, ::3].repeat(3, 1)[:, :SIZE]
    frames = [lines[i] if label == "once" else thrice[i] for i, label in enumerate(labels)]
    frames = frames if plane == "XT" else [frame.T for frame in frames]
    clips = ClipSet.from_frames([np.stack([f] * 6) for f in frames], labels, [f"s{i // 6}" for i in range(48)])

    def seen_in(plane):
        higo = HIGOConfig(**GRID, planes={"XT": "XOT", "YT": "YOT"}.get(plane, plane))
        lbp = LBPTop(view=OnePlaneView(FRAMES, SMALL["lbp_top"].view.lbp, plane), svm=SVM)
        return accuracy(HIGO(view=HIGOView(FRAMES, higo), svm=SVM) if name == "higo" else lbp, clips, tmp_path)

    assert seen_in("XY") == 1
    assert abs(seen_in(plane) - 0.5) < 1.96 * np.sqrt(0.25 / 48)


def test_a_clip_that_is_too_short_is_named(moving, tmp_path):
    frames = [moving.read(i)[: 4 if i == 3 else 6] for i in range(len(moving))]
    names = [moving.class_names[k] for k in moving.labels]
    short = ClipSet.from_frames(frames, names, moving.subjects)
    with pytest.raises(ValueError, match=r"view LBPTopView, clip clip_3: a clip of 4 frames is too short .*tim_frames"):
        run_loso(SMALL["lbp_top"], short, tmp_path / "run", rules="last", views_dir=tmp_path)


def test_a_fold_that_cannot_be_learned_is_named(moving, tmp_path):
    names = [moving.class_names[k] for k in moving.labels[:12]]
    two = ClipSet.from_frames([moving.read(i) for i in range(12)], names, moving.subjects[:12], name="two subjects")
    message = "fold of subject s0, seed 0, training all_subjects: all clips to learn from show subject s1, so no C"
    with pytest.raises(ValueError, match=message):
        run_loso(SMALL["lbp_top"], two, tmp_path / "run", rules="last", views_dir=tmp_path)


def test_rate_and_resampling():
    def clip(fps):
        return Clip(draw(range(6)), fps, -1)

    assert [FRAMES.radius_t(clip(fps), 0) for fps in (0, 60, 100, 200)] == [2, 2, 2, 4]
    assert FRAMES.radius_t(clip(200), 1) == 1
    assert Frames(16, 10).of(clip(0)).shape == (10, 16, 16)
    with pytest.raises(ValueError, match="9"):
        SMALL["lbp_top"].view(clip(200))
    with pytest.raises(ValueError, match="size of at least 1"):
        Frames(size=0)


@pytest.mark.parametrize("name", ["fhofo", "mdmo"])
def test_methods_of_flow_find_how_clips_move(moving, tmp_path, name):
    assert accuracy(SMALL[name], moving, tmp_path) > 0.6


FACE = 80  # side of drawn faces: the smallest that RLOF takes


@pytest.fixture(scope="module", params=[1.0, 0.0], ids=["expressions", "none"])
def faces(request, tmp_path_factory):
    """Strength of the expression, which alone tells classes; 36 clips of 6 people, 12 of each class; their folder."""
    folder = tmp_path_factory.mktemp("faces")
    config = CorpusConfig(subjects=6, clips=6, size=FACE, min_frames=8, max_frames=14, strength=request.param)
    corpus = write_corpus(config, folder / "drawn")
    return request.param, load_clip_set("smic", manual_dir=corpus, data_dir=folder / "built", is_drawn=True), corpus


@pytest.mark.parametrize(
    "method",
    [
        FHOFO(view=FHOFOView(Frames(FACE, 5)), svm=SVM),
        HIGO(view=HIGOView(Frames(FACE), HIGOConfig(planes="XYOT")), svm=SVM),
        MDMO(view=MDMOView(Frames(FACE), flow="farneback", landmarks="landmarks.csv"), svm=SVM),
        pytest.param(MDMO(view=MDMOView(Frames(FACE), landmarks="landmarks.csv"), svm=SVM), marks=pytest.mark.long),
    ],
    ids=["fhofo", "higo", "mdmo", "mdmo-rlof"],
)
def test_expressions_of_drawn_faces_are_found_and_without_them_there_is_chance(faces, method, tmp_path, monkeypatch):
    """20 points above the majority class; where nothing is expressed, in the binomial band around it."""
    strength, clips, corpus = faces
    monkeypatch.chdir(corpus)  # where the true landmarks lie
    found, majority = accuracy(method, clips, tmp_path), majority_accuracy(clips.labels)
    low, high = majority_band(clips.labels)
    assert majority == 12 / 36
    assert found >= majority + 0.2 if strength else low <= found <= high


def test_methods_of_flow_refuse_what_has_none():
    with pytest.raises(ValueError, match="a clip of 1 frame has no flow"):
        FHOFOView(Frames(SIZE), FHOFOConfig(pooling="added"))(Clip(draw([0]), 0, -1))
    with pytest.raises(ValueError, match="a clip of 1 frame has no flow"):
        MDMOView(FRAMES)(Clip(draw([0]), 0, -1))


def test_histograms_of_other_lengths_are_not_joined():
    with pytest.raises(ValueError, match="different lengths cannot be joined over time"):
        FHOFOView(Frames())


def test_no_face_no_landmarks():
    files = pytest.importorskip("akm_jax.prepare.model_files")
    if not files.are_installed():
        pytest.skip("the models that find landmarks are not installed")
    black = Clip(np.zeros((1, 128, 128), np.uint8), 0, -1)
    with pytest.raises(ValueError, match="no landmarks: .*--view.landmarks=mean"):
        MDMOView().landmarks_of(black, black.frames[0])
