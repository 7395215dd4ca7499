import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from akm_jax.loso.scores import score_results
from akm_jax.report.chosen_clips import choose, read_clips
from akm_jax.report.published import AKMNET, published_results
from akm_jax.report.run_files import comparable, natural_order
from akm_jax.report.thumbnails import read_thumbnails, write_thumbnails


def fold(entries, *, subject="1", seed=0):
    """A result of rule last; entries are (clip id, label, logits)."""
    clips = {
        name: {"label": label, "prediction": int(np.argmax(logits)), "logits": logits}
        | {"threshold": 0.5, "beta": [0.4, 0.6], "selected": [0, 1]}
        for name, label, logits in entries
    }
    return {"subject": subject, "seed": seed, "histories": {}, "rules": {"last": {"epoch": 1, "clips": clips}}}


def test_thumbnails_are_the_frames_they_say(clip_set, make, tmp_path):
    result = make.result(clip_set, "2", 0)
    write_thumbnails(tmp_path, clip_set, result)
    found = read_thumbnails(tmp_path)
    assert set(found) == set(result["rules"]["last"]["clips"])
    for clip_id, entry in found.items():
        clip = clip_set.clip_ids.index(clip_id)
        start, length, apex = clip_set.starts[clip], clip_set.lengths[clip], clip_set.apexes[clip]
        top = int(np.argmax(result["rules"]["last"]["clips"][clip_id]["beta"]))
        wanted = {"first": 0, "top beta": top, "apex": apex, "last": length - 1}
        assert {f["name"]: f["index"] for f in entry["frames"]} == {k: v for k, v in wanted.items() if v >= 0}
        assert entry["apex"] == (apex if apex >= 0 else None)
        for frame in entry["frames"]:
            picture = Image.open(io.BytesIO(base64.b64decode(frame["png"])))
            np.testing.assert_array_equal(np.asarray(picture), clip_set.read(clip)[frame["index"]])
            assert frame["number"] == clip_set.frame_numbers[start + frame["index"]]


def test_thumbnails_of_other_data_are_refused(clip_set, tmp_path):
    with pytest.raises(ValueError, match="clips \\['elsewhere'\\] are not in data set 'test'"):
        write_thumbnails(tmp_path, clip_set, fold([("elsewhere", 0, [1.0, 0.0, 0.0])]))


def test_damaged_thumbnails_are_named(tmp_path):
    (tmp_path / "thumbnails.json").write_text(json.dumps({"clip": {"apex": None}}))
    with pytest.raises(ValueError, match=r"thumbnails\.json: not a file of thumbnails; delete it"):
        read_thumbnails(tmp_path)


def test_fold_without_thumbnails_has_none(tmp_path):
    assert read_thumbnails(tmp_path) == {}


def test_scores_equal_scikit_learn_and_average_over_seeds(clip_set, make):
    results = [make.result(clip_set, s, seed) for seed in (0, 1) for s in dict.fromkeys(clip_set.subjects)]
    found = score_results(results, clip_set.class_names)["rules"]["inner"]
    labels = {c: int(label) for c, label in zip(clip_set.clip_ids, clip_set.labels, strict=True)}
    by_seed = []
    for seed in (0, 1):
        read = {c.clip_id: c.prediction for c in read_clips(results, "inner", seed)}
        truth, answers = list(labels.values()), [read[c] for c in labels]
        by_seed.append(
            (
                accuracy_score(truth, answers),
                f1_score(truth, answers, average="macro"),
                recall_score(truth, answers, average="macro"),
                confusion_matrix(truth, answers),
            )
        )
    for i, name in enumerate(("accuracy", "uf1", "uar")):
        values = [scores[i] for scores in by_seed]
        assert found[f"{name}_by_seed"] == pytest.approx(values)
        assert (found[name], found[f"{name}_std"]) == pytest.approx((np.mean(values), np.std(values)))
    np.testing.assert_array_equal(found["confusion"], by_seed[0][3] + by_seed[1][3])
    low, high = found["accuracy_ci95"]
    assert low < found["accuracy"] < high


def test_seeds_with_other_subjects_are_not_averaged():
    done = [fold([], subject=s, seed=seed) for seed, names in enumerate(["12", "1", "12"]) for s in names]
    assert [(r["seed"], r["subject"]) for r in comparable(done)] == [(0, "1"), (0, "2"), (2, "1"), (2, "2")]


def test_chosen_clips_are_the_most_confident_and_none_comes_twice():
    sure, fair, weak = [9.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.5, 0.0, 0.0]
    entries = [("right a", 0, fair), ("right b", 0, sure), ("right c", 1, [0.0, 2.0, 0.0])]
    entries += [("wrong a", 1, sure), ("wrong b", 1, fair), ("wrong c", 2, fair), ("wrong d", 2, weak)]
    entries += [("wrong e", 1, weak), ("wrong f", 1, [0.6, 0.0, 0.0])]
    best, worst, misread = choose(read_clips([fold(entries)], "last", 0))
    assert [r.clip_id for r in best.readings] == ["right b", "right c"]
    assert [r.clip_id for r in worst.readings] == ["wrong a", "wrong b", "wrong c"]
    assert [r.clip_id for r in misread.readings] == ["wrong f", "wrong d"]
    assert best.readings[0].confidence == pytest.approx(np.exp(9) / (np.exp(9) + 2))


def test_without_probabilities_clips_are_chosen_by_name_and_said_to_be_so():
    clips = {name: {"label": i % 2, "prediction": 0} for i, name in enumerate("dcba")}
    result = {"subject": "1", "seed": 0, "histories": {}, "rules": {"given": {"clips": clips}}}
    groups = choose(read_clips([result], "given", 0))
    assert [group.title for group in groups] == ["Read correctly: a clip of a class", "Misread: some clips"]
    assert [[r.clip_id for r in group.readings] for group in groups] == [["b"], ["a", "c"]]
    assert groups[0].readings[0].probabilities == ()


def test_run_without_mistakes_shows_only_the_best():
    groups = choose(read_clips([fold([("a", 0, [1.0, 0.0])])], "last", 0))
    assert [len(g.readings) for g in groups] == [1]


@pytest.mark.parametrize(
    ("dataset", "akmnet", "correct", "clips"),
    [("casme", 0.7566, 143, 189), ("casme2", 0.6706, 171, 255), ("smic", 0.7256, 119, 164), ("samm", 0.7170, 114, 159)],
)
def test_published_figures(dataset, akmnet, correct, clips):
    rows = published_results(dataset)
    assert (rows[-1].method, rows[-1].accuracy) == (AKMNET, akmnet)
    assert abs(correct / clips - akmnet) < 1e-4  # published with four decimals
    assert max(row.accuracy for row in rows) == akmnet


def test_sets_that_nobody_published_have_none():
    assert published_results("synthetic") == published_results("smic", "nir") == ()
    assert published_results("smic", "hs") == published_results("smic")


def test_numbers_in_names_count_as_numbers():
    assert sorted(["s10", "s2", "sub", "3"], key=natural_order) == ["3", "s2", "s10", "sub"]
