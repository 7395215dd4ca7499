"""What a finished run of any method says of single clips: of those it left out the very same."""

import csv
import dataclasses
import functools
import re
import shutil

import numpy as np
import pytest
from rich.console import Console

from akm_jax.classifier import load_classifier, predict, require_memory
from akm_jax.config import AKMNetConfig, ModelConfig, RunOptions, settings_from_json
from akm_jax.data.clip_set import ClipSet
from akm_jax.descriptors.codebooks import CodebookConfig
from akm_jax.descriptors.fhofo import FHOFOConfig
from akm_jax.descriptors.higo import HIGOConfig
from akm_jax.descriptors.lbp_sip import LBPSipConfig
from akm_jax.descriptors.lbp_top import LBPTopConfig
from akm_jax.descriptors.stclqp import STCLQPConfig
from akm_jax.descriptors.svm import SVMConfig
from akm_jax.files import fold_folder, read_json, write_json
from akm_jax.loso.run_dir import describe_run
from akm_jax.methods import find_method, method_names
from akm_jax.methods._support_vectors import Frames
from akm_jax.methods.akmnet import AKMNet
from akm_jax.methods.atnet import ATNet
from akm_jax.methods.fhofo import FHOFO, FHOFOView
from akm_jax.methods.higo import HIGO, HIGOView
from akm_jax.methods.htnet import HTNet
from akm_jax.methods.lbp_sip import LBPSip, LBPSipView
from akm_jax.methods.lbp_top import LBPTop, LBPTopView
from akm_jax.methods.macro2micro import Macro2Micro
from akm_jax.methods.mdmo import MDMO, MDMOView
from akm_jax.methods.micro_attention import MicroAttention
from akm_jax.methods.off_apexnet import OffApexNet
from akm_jax.methods.protocol import Epoch, Method
from akm_jax.methods.rcn import RCN
from akm_jax.methods.resnet18 import SingleFrameResNet18
from akm_jax.methods.sssnet import SSSNet
from akm_jax.methods.stclqp import STCLQP, STCLQPView
from akm_jax.methods.strcn import STRCN
from akm_jax.methods.ststnet import STSTNet
from akm_jax.methods.vgg11 import SingleFrameVGG11
from akm_jax.run import run_loso
from akm_jax.train import checkpoint
from akm_jax.views.apex_motion import ApexMotion
from akm_jax.views.chosen_frame import ChosenFrame
from akm_jax.views.flow_mosaic import FlowMosaic
from akm_jax.views.flow_picture import FlowPicture
from akm_jax.views.magnified_flow import MagnifiedFlow
from akm_jax.watch import recognise_with

SIZE, CLIPS = 32, 5
FRAMES, GRID, SVM = Frames(size=SIZE), {"rows": 2, "cols": 2}, SVMConfig(costs=(1.0, 10.0))
STEPS = {"left": range(6), "right": range(0, -6, -1), "still": [0] * 6}
CODES = STCLQP(
    view=STCLQPView(FRAMES, STCLQPConfig(**GRID, radii=(1, 1, 0))), codebook=CodebookConfig(6, (8, 16)), svm=SVM
)
SHORT = {"epochs": 1, "steps_per_epoch": 1, "clips_per_step": 2}
MODEL = ModelConfig(image_size=32, widths=(4, 4, 8, 8), gru_hidden=4)


def flow(size, **changes):
    return FlowPicture(size=size, flow="farneback", **changes)


def akmnet(**model):
    tiny = AKMNetConfig.preset("tiny")
    train = dataclasses.replace(tiny.train, epochs=1, parts=1)
    return AKMNet(dataclasses.replace(tiny, train=train, model=dataclasses.replace(MODEL, **model)))


QUICK = [
    LBPTop(view=LBPTopView(FRAMES, LBPTopConfig(**GRID, radii=(1, 1, 0))), svm=SVM),
    LBPSip(view=LBPSipView(FRAMES, LBPSipConfig(**GRID, radius_t=0)), svm=SVM),
    HIGO(view=HIGOView(FRAMES, HIGOConfig(**GRID)), svm=SVM),
    FHOFO(view=FHOFOView(Frames(SIZE, 4), FHOFOConfig(2, 2)), svm=SVM),
    MDMO(view=MDMOView(FRAMES, flow="farneback", landmarks="mean"), svm=SVM),
    CODES,
    dataclasses.replace(CODES, kernel="chi2"),
    STSTNet(view=flow(28, scale="bytes"), epochs=2),
]
LINEAR, RBF, CENTRED = QUICK[0], QUICK[4], QUICK[-1]
SLOW = [
    SingleFrameResNet18.preset("tiny"),
    STSTNet(view=flow(28, scale="bytes"), epochs=2, variant="port"),
    SSSNet(view=flow(64), epochs=1),
    OffApexNet(view=flow(28, strain=False), epochs=1),
    RCN(view=flow(60), epochs=1, features=4),
    HTNet(dim=3, epochs=1, clips_per_step=4, view=FlowMosaic(flow="farneback")),
    SingleFrameVGG11.preset("tiny"),
    Macro2Micro(**SHORT),
    MicroAttention(**SHORT),
    ATNet(view=ApexMotion(flow="farneback"), **SHORT),
    STRCN(view=MagnifiedFlow(flow="farneback", alphas=(8, 12)), features=2, epochs=1),
    akmnet(mining="norm16"),
    akmnet(mining="all"),
]


@pytest.fixture(scope="module")
def moving():
    return textures(STEPS)


def textures(steps):
    """Textures that move by class; every second clip has an annotated apex, and rates differ."""
    labels = [label for _ in range(CLIPS) for label in steps]  # of three subjects
    rng = np.random.default_rng(0)
    frames = []
    for label in labels:
        texture = rng.integers(0, 200, (SIZE, 2 * SIZE), dtype=np.uint8)
        frames.append(np.stack([texture[:, SIZE // 2 + k : SIZE // 2 + k + SIZE] for k in steps[label]]))
    return ClipSet.from_frames(
        frames,
        labels,
        [f"s{i // CLIPS}" for i in range(len(labels))],
        fps=[(25.0, 100.0)[i % 2] for i in range(len(labels))],
        apexes=[(4, -1)[i % 2] for i in range(len(labels))],
        name="moving",
    )


def run(method, clip_set, folder, name="run"):
    quiet = {"console": Console(quiet=True), "views_dir": folder / "views", "rules": "last"}
    run_loso(method, clip_set, folder / name, **quiet)
    return folder / name


@pytest.fixture(scope="module")
def finished(moving, tmp_path_factory):
    """Gives the run of a quick method, which is not to be changed."""
    return functools.cache(lambda method: run(method, moving, tmp_path_factory.mktemp(method.name)))


@pytest.fixture
def changed(finished, tmp_path):
    """Gives a copy of such a run."""
    return lambda method: shutil.copytree(finished(method), tmp_path / "copy")


def require_its_predictions(place, clip_set):
    """Every clip, asked of the fold that left it out, is answered as the table of the run says."""
    with (place / "predictions.csv").open() as file:
        rows = {row["clip_id"]: row for row in csv.DictReader(file)}
    assert len(rows) == len(clip_set)
    models = {subject: load_classifier(place, subject=subject) for subject in set(clip_set.subjects)}
    for i, clip_id in enumerate(clip_set.clip_ids):
        said = predict(
            models[clip_set.subjects[i]], clip_set.read(i), fps=float(clip_set.fps[i]), apex=int(clip_set.apexes[i])
        )
        expected = [float(rows[clip_id][f"last_seed0_logit_{name}"]) for name in clip_set.class_names]
        np.testing.assert_allclose(said.logits, expected, atol=1e-5)
        assert clip_set.class_names[said.label] == rows[clip_id]["last_seed0_prediction"]
        exponent = np.exp(said.logits - said.logits.max())
        votes = models[clip_set.subjects[i]].method.scores == "votes"
        np.testing.assert_allclose(said.probabilities, [] if votes else exponent / exponent.sum(), rtol=1e-6)


@pytest.mark.parametrize("method", QUICK, ids=lambda method: method.name)
def test_left_out_clips_are_read_as_in_the_run(moving, finished, method):
    require_its_predictions(finished(method), moving)


@pytest.mark.long
@pytest.mark.parametrize("method", SLOW, ids=lambda method: method.name)
def test_left_out_clips_are_read_as_in_the_run_by_larger_networks(moving, tmp_path, method):
    require_its_predictions(run(method, moving, tmp_path), moving)


@pytest.mark.long
def test_the_full_method_mines_the_same_frames(tmp_path):
    """No clip stands still here: all frames of such a clip tie with its threshold, and the last bit decides."""
    clip_set = textures(STEPS | {"still": [0, 1] * 3})
    place = run(akmnet(), clip_set, tmp_path)
    require_its_predictions(place, clip_set)
    for subject in set(clip_set.subjects):
        classifier = load_classifier(place, subject=subject)
        clips = read_json(fold_folder(place, 0, subject) / "result.json")["rules"]["last"]["clips"]
        for clip_id, mined in clips.items():
            said = predict(classifier, clip_set.read(clip_set.clip_ids.index(clip_id)))
            np.testing.assert_allclose(said.beta, mined["beta"], atol=1e-5)
            np.testing.assert_allclose(said.threshold, mined["threshold"], atol=1e-5)
            assert said.selected.tolist() == mined["selected"]


@pytest.mark.long
def test_the_largest_key_frame_is_found_by_the_akmnet_of_the_same_fold(moving, tmp_path):
    chooser = run(akmnet(), moving, tmp_path, "chooser")
    method = dataclasses.replace(
        SingleFrameResNet18.preset("tiny"), view=ChosenFrame(size=32, frame="max_key"), key_frames_of=chooser
    )
    place = run(method, moving, tmp_path)
    require_its_predictions(place, moving)
    assert load_classifier(place).method.apex_rule is None
    chooser.rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match="chosen by the run of akmnet in .*, which is not there"):
        load_classifier(place)


def test_two_classes(moving, tmp_path):
    """One decision, whose sign scikit-learn has the other way round."""
    some = [i for i in range(len(moving)) if moving.class_names[moving.labels[i]] != "still"]
    clip_set = ClipSet.from_frames(
        [moving.read(i) for i in some],
        [moving.class_names[moving.labels[i]] for i in some],
        [moving.subjects[i] for i in some],
        fps=100,
    )
    require_its_predictions(run(LINEAR, clip_set, tmp_path), clip_set)


def test_what_a_descriptor_keeps_is_small(finished):
    """A row a pair of classes with the linear kernel, support vectors with others."""
    for method, rows in ((LINEAR, 3), (RBF, None)):
        folder = fold_folder(finished(method), 0, "s1") / "checkpoints" / "all_subjects"
        (place,) = checkpoint.checkpoints(folder)
        shapes = checkpoint.read(place).shapes()
        count = rows or shapes["coefficients"].shape[1]
        assert shapes["vectors"].shape[0] == count
        assert shapes["coefficients"].shape == (3, count)


@pytest.mark.parametrize("name", method_names())
def test_settings_come_back_from_a_run_directory(name):
    kind = find_method(name)
    method = kind()
    config = method.config if name == "akmnet" else method
    described = describe_run(method, RunOptions(), {"preset": "paper"})
    assert settings_from_json(type(config), described) == config


def test_who_asks_for_the_rate():
    """Those whose radius in time is left to it: their views see a fast clip with another one."""
    asking = {name for name in method_names() if find_method(name)().asks_rate}
    assert asking == {"lbp_top", "lbp_sip", "stclqp"}
    told = [LBPTopView(lbp=LBPTopConfig(radii=(1, 1, 4))), LBPSipView(lbp=LBPSipConfig(radius_t=4))]
    told.append(STCLQPView(stclqp=STCLQPConfig(radii=(1, 1, 4))))
    assert not any(kind(view=view).asks_rate for kind, view in zip((LBPTop, LBPSip, STCLQP), told, strict=True))


def run_of(folder, config, **more):
    """What a run directory says of itself, and a finished fold that kept nothing."""
    write_json(folder / "run.json", {"config": config, "data": {"class_names": ["a", "b"]}})
    write_json(fold_folder(folder, 0, "1") / "result.json", {})
    return folder


class Own(Method):
    name = "own"

    def train_fold(self, training, views, start):
        yield Epoch(1, [np.zeros((len(clips), 2)) for clips in training.watched])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"method": "own"}, r"a run of method 'own', which is none of akm_jax/methods; give it to .*method="),
        ({"method": "lbp_top"}, "the fold kept nothing by which other clips .* again with another --run_dir"),
        (
            {"method": "ststnet", "view": {"name": "FlowPicture", "flow_dir": "flow"}},
            r"a run on ready-made flow pictures \(--view\.flow_dir\)",
        ),
    ],
)
def test_runs_that_say_nothing_of_single_clips_say_why(tmp_path, config, message):
    with pytest.raises(ValueError, match=message):
        load_classifier(run_of(tmp_path, config))


def test_a_method_of_ones_own_is_given_and_must_be_that_of_the_run(tmp_path):
    run_of(tmp_path, {"method": "own"})
    with pytest.raises(ValueError, match="a run of method 'own', which says nothing of single clips: it has no `load`"):
        load_classifier(tmp_path, method=Own())
    with pytest.raises(ValueError, match="a run of method 'own', but method 'ststnet' was given"):
        load_classifier(tmp_path, method=STSTNet())


def test_random_frames_are_drawn_for_no_other_clip():
    method = AKMNet(AKMNetConfig(model=ModelConfig(mining="random")))
    with pytest.raises(ValueError, match=r"--model\.mining=random sees frames that are drawn for each clip of its run"):
        method.load(None)


def test_an_older_run_without_the_mean_picture_is_told_from_one_of_another_network(changed):
    place = changed(CENTRED)
    folder = fold_folder(place, 0, "s1") / "checkpoints" / "all_subjects"
    (*_, newest) = checkpoint.checkpoints(folder)
    kept = checkpoint.read(newest)
    arrays = kept.restore(kept.shapes())
    centre = arrays.pop("centre.0")
    assert centre.any()
    checkpoint.save(folder, kept.epoch, arrays, kept.notes)
    with pytest.raises(ValueError, match="an older version .*, without the mean picture .* another --run_dir"):
        load_classifier(place, subject="s1")


def test_a_model_without_key_frames_says_so(moving, finished):
    classifier = load_classifier(finished(LINEAR))
    said = predict(classifier, moving.read(0), fps=100)
    assert (len(said.beta), len(said.selected), len(said.probabilities)) == (0, 0, 0)
    assert np.isnan(said.threshold)
    with pytest.raises(ValueError, match="apex 6 of a clip of 6 frames"):
        predict(classifier, moving.read(0), apex=6)
    with pytest.raises(ValueError, match=r"expected uint8 frames \(T, H, W\) with T >= 1, got float64"):
        predict(classifier, moving.read(0).astype(float))


@pytest.mark.parametrize(("method", "said"), [(LINEAR, "votes"), (CENTRED, "probabilities")])
def test_intervals_of_a_video_are_named_with_what_the_method_gives(moving, finished, method, said):
    classifier = load_classifier(finished(method))
    found = recognise_with(classifier)(moving.read(0), 100)
    assert found.emotion == classifier.class_names[predict(classifier, moving.read(0), fps=100).label]
    assert {name for name, value in vars(found).items() if value} == {"emotion", said}
    assert tuple(getattr(found, said)) == classifier.class_names


def test_what_does_not_fit_into_memory_is_refused_with_the_number(monkeypatch):
    monkeypatch.setattr("akm_jax.classifier.memory_bytes", lambda: 16_000_000_000)
    require_memory(AKMNet(), 2000, 480, 640)
    with pytest.raises(ValueError, match=r"18,000 frames needs about 55.9 GB .* this machine has 16.0 GB, .*") as told:
        require_memory(AKMNet(), 18_000, 480, 640)
    fitting = int(re.search(r"enough for ([\d,]+) frames", str(told.value))[1].replace(",", ""))
    require_memory(AKMNet(), fitting, 480, 640)
    with pytest.raises(ValueError, match="cut it to one expression"):
        require_memory(AKMNet(), fitting + 1, 480, 640)
    require_memory(STSTNet(), 2000, 480, 640)
    with pytest.raises(ValueError, match=r"18,000 frames needs about 16.6 GB .*, enough for 17,361 frames"):
        require_memory(STSTNet(), 18_000, 480, 640)
    monkeypatch.setattr("akm_jax.classifier.memory_bytes", lambda: None)
    require_memory(AKMNet(), 10**9, 480, 640)


def test_a_run_of_an_older_version_is_read_with_its_defaults(moving, changed):
    """A setting that did not exist is not in its run.json."""
    place = changed(CENTRED)
    content = read_json(place / "run.json")
    del content["config"]["variant"]
    write_json(place / "run.json", content)
    require_its_predictions(place, moving)
