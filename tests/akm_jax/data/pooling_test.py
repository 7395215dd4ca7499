"""Sets pooled into one: names, order, pictures, classes; folds over subjects and over sets."""

import dataclasses

import numpy as np
import pytest

from akm_jax.data.clip_set import HeldPictures
from akm_jax.data.folds import leave_one_set_out, leave_one_subject_out, make_folds
from akm_jax.data.pooling import pool_clip_sets
from akm_jax.loso.run_dir import describe_data


@pytest.fixture(scope="module")
def parts(make_clip_set):
    sizes = {"smic": (3, 3, 32), "casme2": (2, 6, 48), "samm": (2, 3, 40)}
    return [
        dataclasses.replace(make_clip_set(people, clips, image_size=side, seed=side), name=name)
        for name, (people, clips, side) in sizes.items()
    ]


@pytest.fixture(scope="module")
def pooled(parts):
    return pool_clip_sets(parts)


def test_clips_subjects_and_pictures_are_those_of_the_sets(parts, pooled):
    assert pooled.name == "smic+casme2+samm"
    assert len(pooled) == sum(map(len, parts)) == 27
    assert len(set(pooled.subjects)) == 7  # subjects 1 and 2 of three sets are six people
    clip = 0
    for part in parts:
        for i in range(len(part)):
            assert pooled.clip_ids[clip] == f"{part.name}/{part.clip_ids[i]}"
            assert pooled.subjects[clip] == f"{part.name}_{part.subjects[i]}"
            assert pooled.sets[clip] == part.name
            assert pooled.class_names[pooled.labels[clip]] == part.class_names[part.labels[i]]
            for column in ("lengths", "fps", "apexes"):
                assert getattr(pooled, column)[clip] == getattr(part, column)[i]
            np.testing.assert_array_equal(pooled.read(clip), part.read(i))
            clip += 1
    np.testing.assert_array_equal(pooled.frame_numbers, np.concatenate([part.frame_numbers for part in parts]))
    assert describe_data(pooled)["sets"] == ["smic", "casme2", "samm"]
    assert "sets" not in describe_data(parts[0])


def test_classes_in_another_order_are_matched_by_name(parts):
    other = dataclasses.replace(parts[1], class_names=("surprise", "negative", "positive"))
    pooled = pool_clip_sets([parts[0], other])
    assert pooled.class_names == parts[0].class_names
    assert [pooled.class_names[k] for k in pooled.labels[9:]] == [other.class_names[k] for k in other.labels]


def test_the_checksum_changes_with_any_part(parts, pooled):
    frames = [parts[2].read(i).copy() for i in range(len(parts[2]))]
    frames[-1][0, 0, 0] ^= 1
    changed = dataclasses.replace(parts[2], pictures=HeldPictures(tuple(frames)))
    assert pool_clip_sets([*parts[:2], changed]).checksum != pooled.checksum
    assert pool_clip_sets(parts).checksum == pooled.checksum


def test_a_subject_of_one_set_is_left_out_of_all(pooled):
    folds = leave_one_subject_out(pooled)
    assert sorted(fold.subject for fold in folds) == sorted(set(pooled.subjects))
    (fold,) = leave_one_subject_out(pooled, ["casme2_2"])
    assert fold.test.tolist() == [15, 16, 17, 18, 19, 20]  # after the 9 clips of smic and the 6 of casme2_1
    assert fold.train.tolist() == [i for i in range(27) if i not in fold.test]


def test_a_set_is_left_out_whole(pooled):
    folds = make_folds(pooled, "leave_one_set_out")
    assert [fold.subject for fold in folds] == ["smic", "casme2", "samm"]
    assert [fold.test.tolist() for fold in folds] == [[*range(9)], [*range(9, 21)], [*range(21, 27)]]
    for fold in folds:
        assert sorted([*fold.train, *fold.test]) == list(range(27))
    assert [fold.subject for fold in leave_one_set_out(pooled, ["samm"])] == ["samm"]


def test_mistakes_are_named(parts, pooled, make_clip_set):
    with pytest.raises(ValueError, match="at least two data sets, each once; got smic$"):
        pool_clip_sets(parts[:1])
    with pytest.raises(ValueError, match="each once; got smic, smic"):
        pool_clip_sets([parts[0], parts[0]])
    with pytest.raises(ValueError, match="different classes .*samm: negative, positive, surprise, others.*megc3"):
        pool_clip_sets([parts[0], dataclasses.replace(parts[2], class_names=(*parts[2].class_names, "others"))])
    with pytest.raises(ValueError, match=r"sets \['a/b'\] cannot name the folder"):
        pool_clip_sets([parts[0], dataclasses.replace(parts[1], name="a/b")])
    clashing = [
        dataclasses.replace(parts[0], name=name, subjects=(subject,) * len(parts[0]))
        for name, subject in (("a", "b_c"), ("a_b", "c"))
    ]
    with pytest.raises(ValueError, match="subjects of two sets come out with one name"):
        pool_clip_sets(clashing)
    with pytest.raises(ValueError, match="leave_one_set_out: data set 'smic' is one; expected at least two pooled"):
        leave_one_set_out(parts[0])
    with pytest.raises(ValueError, match="--folds: no clips of set casme; the data set has casme2, samm, smic"):
        leave_one_set_out(pooled, ["casme"])
    only = np.where(np.array(pooled.sets) == "smic", pooled.labels, 0).astype(np.int32)
    with pytest.raises(ValueError, match="fold of set 'smic'.*no clip of class positive, surprise"):
        leave_one_set_out(dataclasses.replace(pooled, labels=only))
    with pytest.raises(ValueError, match=r"lengths differ: \{'sets': 2\}"):
        dataclasses.replace(pooled, sets=("smic", "samm"))
