"""Class schemes: the four classes of the paper, the composite of MEGC 2019, and every emotion its own class."""

import collections
import logging

import numpy as np
import pytest

from akm_jax.data.clip_set import ClipSet
from akm_jax.data.folds import leave_one_set_out, leave_one_subject_out
from akm_jax.data.pooling import pool_clip_sets
from datasets_tfds.classes import MEGC3_COUNTS, assign_classes, check_label_scheme, class_of_emotion

CASME2 = {
    **dict(others=99, disgust=63, happiness=32, repression=27, surprise=25, sadness=7, fear=2),
}
SAMM = dict(anger=57, happiness=26, others=26, surprise=15, contempt=12, disgust=9, fear=8, sadness=6)


PIXEL = np.zeros((1, 1, 1), np.uint8)


def emotions(counts: dict[str, int]) -> dict[str, str]:
    clips = [name for name, count in counts.items() for _ in range(count)]
    return {f"clip{k}": name for k, name in enumerate(clips)}


def casme2() -> dict[str, str]:
    """CASME II's emotions; the two clips outside the composite have their own ids."""
    clips = emotions(CASME2)
    for clip_id, emotion in (("sub04_EP12_01f", "disgust"), ("sub05_EP09_05f", "repression")):
        clips.pop(next(key for key, value in clips.items() if value == emotion))
        clips[clip_id] = emotion
    return clips


def counts(found) -> dict[str, int]:
    return collections.Counter(found.names[label] for label in found.labels.values())


def test_four_classes_have_the_published_sizes():
    found = assign_classes("casme2", "paper4", casme2())
    assert found.names == ("positive", "negative", "surprise", "others")
    assert counts(found) == {"positive": 32, "negative": 72, "surprise": 25, "others": 126}
    sizes = counts(assign_classes("samm", "paper4", emotions(SAMM)))
    assert sizes == {"positive": 26, "negative": 92, "surprise": 15, "others": 26}


def test_tense_is_others():
    found = assign_classes("casme", "paper4", {"a": "tense", "b": "contempt"})
    assert [found.names[found.labels[key]] for key in "ab"] == ["others", "negative"]


@pytest.mark.parametrize(("dataset", "clips", "total"), [("casme2", casme2(), 145), ("samm", emotions(SAMM), 133)])
def test_the_composite_has_its_exact_clips(dataset, clips, total, caplog):
    with caplog.at_level(logging.INFO):
        found = assign_classes(dataset, "megc3", clips)
    assert found.names == ("negative", "positive", "surprise")
    assert counts(found) == MEGC3_COUNTS[dataset]
    assert len(found.labels) == total
    assert not {"sub04_EP12_01f", "sub05_EP09_05f"} & found.labels.keys()
    assert f"{len(clips) - total} clips outside the classes of megc3" in caplog.text
    assert "numbers differ" not in caplog.text


def test_the_composite_pools_442_clips_of_68_subjects():
    """Each set's clips go round its people."""
    of_smic = [name for name, count in MEGC3_COUNTS["smic"].items() for _ in range(count)]
    named = {"smic": of_smic}
    for dataset, clips in (("casme2", casme2()), ("samm", emotions(SAMM))):
        found = assign_classes(dataset, "megc3", clips)
        named[dataset] = [found.names[label] for label in found.labels.values()]
    sets = [
        ClipSet.from_frames([PIXEL] * len(labels), labels, np.arange(len(labels)) % people, name=dataset)
        for (dataset, labels), people in zip(named.items(), (16, 24, 28), strict=True)
    ]
    pooled = pool_clip_sets(sets)
    assert [len(one) for one in sets] == [164, 145, 133]
    assert (len(pooled), len(set(pooled.subjects))) == (442, 68)
    assert np.bincount(pooled.labels).tolist() == [250, 109, 83]
    folds = leave_one_subject_out(pooled)
    assert len(folds) == 68
    assert sorted(clip for fold in folds for clip in fold.test) == list(range(442))
    assert all(len(fold.train) + len(fold.test) == 442 for fold in folds)
    assert [len(fold.test) for fold in leave_one_set_out(pooled)] == [164, 145, 133]


def test_the_edition_of_2019_gives_the_composite_of_the_labels_of_2014(caplog):
    clips, renamed = casme2(), ("sub24_EP07_01", "sub24_EP07_04f", "sub24_EP10_03")
    for clip_id in renamed:  # sadness in 2014
        clips.pop(next(key for key, value in clips.items() if value == "sadness"))
        clips[clip_id] = "surprise"
    found = assign_classes("casme2", "megc3", clips)
    assert counts(found) == MEGC3_COUNTS["casme2"]
    assert f"{', '.join(renamed)} are surprise in this edition and sadness in that of 2014" in caplog.text
    assert "numbers differ" not in caplog.text


def test_other_numbers_than_the_composites_are_told(caplog):
    assign_classes("samm", "megc3", {"a": "anger", "b": "others"})
    assert "negative 1/92, positive 0/26, surprise 0/15" in caplog.text


def test_every_emotion_its_own_class():
    found = assign_classes("samm", "emotion", {"a": "fear", "b": "happiness", "c": "fear"})
    assert found.names == ("happiness", "fear")
    assert found.labels == {"a": 1, "b": 0, "c": 1}


@pytest.mark.parametrize(
    ("dataset", "scheme", "clips", "message"),
    [
        ("samm", "paper5", {"a": "fear"}, "--classes=paper5: expected one of usual, paper4, megc3, emotion"),
        ("casme", "megc3", {"a": "fear"}, "casme is no part of the composite; its parts: smic, casme2, samm"),
        ("samm", "megc3", {"a": "others"}, "none of the 1 clips of samm has a class"),
        ("samm", "paper4", {"a": "joy"}, "unknown emotions joy"),
    ],
)
def test_what_has_no_classes_is_an_error(dataset, scheme, clips, message):
    with pytest.raises(ValueError, match=message):
        assign_classes(dataset, scheme, clips)


def test_a_set_with_classes_keeps_them():
    check_label_scheme("smic", "paper4")
    check_label_scheme("smic", "megc3")
    with pytest.raises(ValueError, match="smic annotates no emotions"):
        check_label_scheme("smic", "emotion")
    with pytest.raises(ValueError, match="expected one of usual, paper4"):
        check_label_scheme("smic", "four")


def test_what_is_usual_depends_on_the_set():
    assert assign_classes("casme2", "usual", casme2()) == assign_classes("casme2", "paper4", casme2())
    check_label_scheme("smic", "usual")
    own = assign_classes("folder", "usual", {"a": "10", "b": "9", "c": "Zorn", "d": "angst", "e": "9"})
    assert own.names == ("9", "10", "Zorn", "angst")
    assert own.labels == {"a": 1, "b": 0, "c": 2, "d": 3, "e": 0}


def test_labels_of_ones_own_are_grouped_whatever_their_case(caplog):
    labels = {"a": "Happy", "b": "REPRESSION", "c": "other", "d": "Surprise", "e": "Negative"}
    found = assign_classes("folder", "paper4", labels)
    assert {key: found.names[label] for key, label in found.labels.items()} == {
        **dict(a="positive", b="others", c="others", d="surprise", e="negative")
    }
    with caplog.at_level(logging.INFO):
        assert set(assign_classes("folder", "megc3", labels).labels) == {"a", "b", "d", "e"}
    assert "1 clips outside the classes of megc3 (1 other)" in caplog.text
    assert "numbers differ" not in caplog.text


@pytest.mark.parametrize("scheme", ["paper4", "megc3"])
def test_labels_of_ones_own_that_no_scheme_groups_are_an_error(scheme):
    with pytest.raises(ValueError, match=f"--classes={scheme}: folder has labels bored, 生气, which it can't group"):
        assign_classes("folder", scheme, {"a": "bored", "b": "生气", "c": "fear"})


@pytest.mark.parametrize(
    ("emotion", "names", "expected"),
    [
        ("Happiness", ("negative", "positive", "surprise"), "positive"),
        ("surprise", ("negative", "positive", "surprise"), "surprise"),
        ("repression", ("negative", "positive", "surprise"), "negative"),
        ("repression", ("positive", "negative", "surprise", "others"), "others"),
        ("disgust", ("disgust", "negative"), "disgust"),
        ("confusion", ("positive", "negative", "others"), "others"),
        ("confusion", ("positive", "negative"), "confusion"),
    ],
)
def test_an_emotion_has_its_class_among_those_of_another_set(emotion, names, expected):
    assert class_of_emotion(emotion, names) == expected
