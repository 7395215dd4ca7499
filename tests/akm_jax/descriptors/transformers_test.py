"""Transformers in scikit-learn: parameters, copies, pipelines, names of columns."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from akm_jax.descriptors.lbp_top import LBPTopConfig
from akm_jax.descriptors.regions import fixed_face
from akm_jax.descriptors.transformers import FHOFO, HIGO, MDMO, STCLQP, LBPSip, LBPTop

SMALL = {"rows": 2, "cols": 2}
OF_FRAMES = [
    LBPTop(**SMALL, radii=(1, 1, 1)),
    LBPSip(**SMALL, radius_t=1),
    HIGO(**SMALL),
    STCLQP(**SMALL, radii=(1, 1, 1), words=8),
]
SUBJECTS, LABELS = np.repeat([0, 1, 2], 4), np.array(["left", "right"] * 6)


@pytest.fixture(scope="module")
def clips():
    """Noise that moves to one side: 12 clips."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (12, 16, 40), dtype=np.uint8)
    steps = np.where(LABELS == "left", 1, -1)
    return [np.stack([np.roll(one, step * t, 1)[:, 8:24] for t in range(8)]) for one, step in zip(noise, steps)]  # noqa: B905


@pytest.mark.parametrize("transformer", OF_FRAMES, ids=lambda one: type(one).__name__)
def test_parameters_copies_and_names(transformer, clips):
    copy = pickle.loads(pickle.dumps(clone(transformer)))
    assert copy.get_params() == transformer.get_params()
    rows = copy.fit_transform(clips[:4], LABELS[:4])
    assert rows.dtype == np.float32
    assert rows.shape == (4, len(copy.get_feature_names_out()))
    assert len(set(copy.get_feature_names_out())) == rows.shape[1]
    assert clone(transformer).set_params(rows=1).config.rows == 1


def test_grid_search_leaving_subjects_out(clips):
    pipeline = make_pipeline(LBPTop(radii=(1, 1, 1)), SVC(kernel="linear"))
    search = GridSearchCV(pipeline, {"lbptop__rows": [1, 2], "svc__C": [1, 10]}, cv=LeaveOneGroupOut(), refit=False)
    search.fit(clips, LABELS, groups=SUBJECTS)
    assert search.best_score_ == 1


def test_rows_are_those_of_the_settings(clips):
    row = LBPTopConfig(2, 2, radii=(1, 1, 1))(clips[0])
    np.testing.assert_array_equal(LBPTop(**SMALL, radii=(1, 1, 1)).transform(clips[:2])[0], row)


def test_flow_and_landmarks():
    flow = np.random.default_rng(0).standard_normal((2, 3, 40, 40, 2))
    fhofo = FHOFO(pairs=3)
    assert fhofo.fit_transform(flow).shape == (2, len(fhofo.get_feature_names_out())) == (2, 600)
    assert MDMO().fit_transform([(one, fixed_face(40)) for one in flow]).shape == (2, 72)


def test_wrong_use_is_refused(clips):
    with pytest.raises(TypeError, match=r"LBPTop has no parameters \['row'\]; it has rows, cols"):
        LBPTop(row=2)
    with pytest.raises(ValueError, match="expected 2 labels, got none"):
        STCLQP().fit(clips[:2])
    with pytest.raises(NotFittedError):
        STCLQP().transform(clips)
    with pytest.raises(ValueError, match="rows of one length, got 2 clips and lengths"):
        FHOFO().transform([np.ones((n, 10, 10, 2)) for n in (2, 3)])
