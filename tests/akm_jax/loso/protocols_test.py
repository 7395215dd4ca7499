"""Several sets through the driver: composite and leave-one-set-out, with a method of a few lines."""

import dataclasses
import json
import re
import shutil
from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from akm_jax.config import PROTOCOLS, RunOptions
from akm_jax.data.clip_set import HeldPictures
from akm_jax.data.pooling import pool_clip_sets
from akm_jax.files import read_json
from akm_jax.loso.driver import run_folds
from akm_jax.loso.run_dir import describe_run, open_run
from akm_jax.methods.akmnet import AKMNet
from akm_jax.methods.protocol import Epoch, Method, Start, Training
from akm_jax.observe import SILENT
from akm_jax.report.page import write_report
from akm_jax.report.run_files import read_run
from akm_jax.report.thumbnails import write_thumbnails
from akm_jax.run import run_loso
from akm_jax.views.view import Views


def brightness(clip):
    """Mean of the first 8 x 8 squares down one column of the picture, and some noise."""
    frames = clip.frames.mean(0, dtype=np.float32)
    return np.array([frames[8 * k : 8 * k + 8, 8:12].mean() for k in range(3)], np.float32)


@dataclasses.dataclass(frozen=True)
class Nearest(Method):
    """Distance to the class means of the training clips; two epochs, the first of which knows half the clips."""

    name: ClassVar[str] = "nearest"
    view: ClassVar = brightness

    @property
    def epochs(self) -> int:
        return 2

    def train_fold(self, training: Training, views: Views, start: Start) -> Iterable[Epoch]:
        seen = views.stack(training.clips)
        for number in (1, 2):
            part = slice(None) if number == 2 else slice(None, None, 2)
            means = [seen[part][training.labels[part] == k].mean(0) for k in range(3)]
            yield Epoch(
                number,
                [
                    -np.stack([np.abs(views.stack(group) - mean).sum(1) for mean in means], 1).astype(np.float64)
                    for group in training.watched
                ],
            )


@pytest.fixture(scope="module")
def clip_set(make_clip_set):
    """Three sets of which samm is the hardest: its labels are mixed up."""
    rng = np.random.default_rng(1)
    parts = [
        dataclasses.replace(make_clip_set(people, clips, seed=seed), name=name)
        for seed, (name, people, clips) in enumerate((("smic", 2, 6), ("casme2", 2, 9), ("samm", 2, 6)))
    ]
    parts[2] = dataclasses.replace(parts[2], labels=rng.permutation(parts[2].labels))
    return pool_clip_sets(parts)


def run(clip_set, run_dir, method=None, **options):
    """A run without log and page, which take longer than such a method."""
    method, chosen = method or Nearest(), RunOptions(**options)
    described = describe_run(method, chosen)
    with open_run(run_dir, described, clip_set):
        return run_folds(method, clip_set, run_dir, options=chosen, observer=SILENT, described=described)


@pytest.fixture(scope="module", params=["loso", "leave_one_set_out"])
def finished(request, clip_set, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp(request.param)
    return run(clip_set, run_dir, protocol=request.param, rules="last,inner,test", seeds=2), run_dir, request.param


def outcomes(run_dir, rule, seed):
    """Set, label and prediction of every clip, from the files of the folds."""
    rows = []
    for path in run_dir.glob(f"folds/seed{seed}/s*/result.json"):
        clips = json.loads(path.read_text())["rules"][rule]["clips"]
        rows += [(clip_id.partition("/")[0], c["label"], c["prediction"]) for clip_id, c in clips.items()]
    return rows


def test_scores_of_each_set_are_those_of_its_clips(finished, clip_set):
    summary, run_dir, protocol = finished
    assert summary["complete"]  # every subject was left out, by itself or with its set
    assert (summary["headline_rule"], summary.get("part")) == ("last", None)
    assert summary["left_out"] == (
        ["casme2_1", "casme2_2", "samm_1", "samm_2", "smic_1", "smic_2"]
        if protocol == "loso"
        else ["smic", "casme2", "samm"]
    )
    assert summary["num_subjects"] == 6
    for rule, scores in summary["rules"].items():
        assert set(scores["per_set"]) == {"smic", "casme2", "samm"}
        assert set(scores["per_subject"]) == set(clip_set.subjects)
        for name, found in scores["per_set"].items():
            expected = []
            for seed in (0, 1):
                rows = [row[1:] for row in outcomes(run_dir, rule, seed) if row[0] == name]
                labels, predictions = np.array(rows).T
                uf1 = f1_score(labels, predictions, average=None, labels=[0, 1, 2]).mean()
                uar = recall_score(labels, predictions, average=None, labels=[0, 1, 2]).mean()
                expected.append([np.mean(labels == predictions), uf1, uar])
            np.testing.assert_allclose([found[m] for m in ("accuracy", "uf1", "uar")], np.mean(expected, 0))
            assert found["num_clips"] == len(labels) == clip_set.sets.count(name)
            assert found["majority_accuracy"] == pytest.approx(np.bincount(labels).max() / len(labels))
        for measure in ("accuracy", "uf1", "uar"):
            of_sets = [found[measure] for found in scores["per_set"].values()]
            assert scores["mean_over_sets"][measure] == pytest.approx(np.mean(of_sets))
    assert summary["rules"]["last"]["per_set"]["smic"]["uf1"] > summary["rules"]["last"]["per_set"]["samm"]["uf1"]


def test_one_set_has_no_scores_of_sets(make_clip_set, tmp_path):
    scores = run(make_clip_set(3, 6), tmp_path, rules="last")["rules"]["last"]
    assert "per_set" not in scores
    assert "mean_over_sets" not in scores


def test_the_page_shows_the_sets_and_what_was_left_out(finished, clip_set):
    summary, run_dir, protocol = finished
    for path in run_dir.glob("folds/seed0/s*/result.json"):
        write_thumbnails(path.parent, clip_set, read_json(path))
    page = write_report(run_dir).read_text()
    files = read_run(run_dir)
    assert files.scores_from_summary
    assert files.num_planned == len(files.results) == 2 * len(summary["left_out"])
    assert 'id="sets"' in page
    for found in summary["rules"]["test"]["per_set"].values():
        assert f"<td>{found['uf1']:.3f}</td><td>{found['uar']:.3f}</td>" in page
    who = "subject" if protocol == "loso" else "set"
    assert f"leave one {who} out" in page
    assert f"Each fold trains on all {who}s but one" in page
    assert f"the left-out {who} had no say" in page
    assert "WHO" not in page
    assert re.search(r'alt="First frame of clip \w+/', page)  # found in the folder of the fold


def test_a_page_of_a_run_that_goes_on_counts_what_is_to_be_left_out(finished, tmp_path):
    _, run_dir, protocol = finished
    for name in ("run.json", "folds/seed0/sX/result.json"):
        fold = "ssmic" if protocol == "leave_one_set_out" else "ssmic_1"
        (tmp_path / name.replace("sX", fold)).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name.replace("sX", fold)).write_text((run_dir / name.replace("sX", fold)).read_text())
    page = write_report(tmp_path).read_text()
    assert f"1 of {2 * (6 if protocol == 'loso' else 3)} folds" in page


def test_a_stopped_run_goes_on_and_another_protocol_is_refused(finished, clip_set, tmp_path):
    whole, run_dir, protocol = finished
    options = {"protocol": protocol, "rules": "last,inner,test", "seeds": 2}
    shutil.copytree(run_dir, tmp_path, dirs_exist_ok=True)
    before = (tmp_path / "predictions.csv").read_bytes()
    (tmp_path / "predictions.csv").unlink()
    next(tmp_path.glob("folds/seed1/s*/result.json")).unlink()
    assert run(clip_set, tmp_path, **options)["rules"] == whole["rules"]
    assert (tmp_path / "predictions.csv").read_bytes() == before
    other = "loso" if protocol != "loso" else "leave_one_set_out"
    with pytest.raises(ValueError, match=f"config.protocol: there '{protocol}', now '{other}'"):
        run(clip_set, tmp_path, **options | {"protocol": other})


def test_nothing_of_a_left_out_set_reaches_its_training(clip_set, tmp_path):
    given = []

    class Watched(Nearest):
        def train_fold(self, training, views, start):
            given.append(training)
            return super().train_fold(training, views, start)

    options = {"protocol": "leave_one_set_out", "rules": "last,inner", "folds": "samm"}
    run(clip_set, tmp_path / "one", Watched(), **options)
    sets = np.array(clip_set.sets)
    for training in given:
        assert "samm" not in sets[training.clips]
        assert set(sets[training.watched[-1]]) == {"samm"}
        assert len(training.watched[-1]) == clip_set.sets.count("samm")
        for group in training.watched[:-1]:  # the inner validation subjects are of the other sets too
            assert "samm" not in sets[group]
    rng = np.random.default_rng(0)
    hidden = sets == "samm"
    frames = tuple(
        rng.permuted(clip_set.read(i)) if i == np.flatnonzero(hidden)[0] else clip_set.read(i)
        for i in range(len(clip_set))
    )
    labels = np.where(hidden, (clip_set.labels + 1) % 3, clip_set.labels).astype(np.int32)
    other = dataclasses.replace(clip_set, labels=labels, pictures=HeldPictures(frames))
    run(other, tmp_path / "other", Watched(), **options)
    first, second = (
        json.loads((tmp_path / name / "folds/seed0/ssamm/result.json").read_text())["rules"]["last"]["clips"]
        for name in ("one", "other")
    )
    changed = f"samm/{clip_set.clip_ids[np.flatnonzero(hidden)[0]].partition('/')[2]}"
    assert [first[c]["logits"] for c in first if c != changed] == [second[c]["logits"] for c in second if c != changed]
    assert first[changed]["logits"] != second[changed]["logits"]


def test_wrong_protocols_are_refused_before_anything_is_written(make_clip_set, clip_set, tmp_path):
    with pytest.raises(ValueError, match="--protocol=loo: expected one of loso, leave_one_set_out"):
        run_loso(Nearest(), clip_set, tmp_path / "run", protocol="loo")
    with pytest.raises(ValueError, match="leave_one_set_out: data set 'test' is one"):
        run_loso(Nearest(), make_clip_set(), tmp_path / "run", protocol="leave_one_set_out")
    assert not (tmp_path / "run").exists()


@pytest.mark.long
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_akmnet_runs_under_every_protocol(clip_set, tiny_config, tmp_path, protocol):
    """Mostly compiling, one program for all folds."""
    method = AKMNet(dataclasses.replace(tiny_config, train=dataclasses.replace(tiny_config.train, epochs=1)))
    summary = run(clip_set, tmp_path, method.on_this_machine(1), protocol=protocol, rules="last")
    assert summary["compilations"] <= 1  # none where the other protocol has compiled it
    assert set(summary["rules"]["last"]["per_set"]) == {"smic", "casme2", "samm"}
