import pytest

from akm_jax.data.folds import leave_one_subject_out
from akm_jax.data.subjects import match_subject, match_subjects


@pytest.mark.parametrize(
    "written", ["6", "06", "006", "s6", "S06", "sub06", "Subject 6", "sub-6", "6.0", " 6 ", "\uff16"]
)
def test_a_number_is_understood_in_every_spelling(written):
    assert match_subject(written, ["1", "6", "16"]) == "6"


def test_names_as_they_are_written_come_first_and_two_that_fit_are_none():
    assert match_subject("anna", ["Anna", "bea"]) == "Anna"
    assert match_subject("s1", ["1", "s1"]) == "s1"
    assert match_subject("01", ["1", "s1"]) is None
    assert match_subject("7", ["1", "6"]) is None


def test_several_come_once_in_the_order_given_and_unknown_ones_are_named():
    assert match_subjects(["s3", "01", "1"], ["1", "2", "3"], "--folds", "the data set") == ("3", "1")
    with pytest.raises(ValueError, match="--folds: no clips of subject x, 4; the data set has 1, 2, 10"):
        match_subjects(["x", "4", "1"], ["10", "2", "1"], "--folds", "the data set")


def test_folds_are_found_in_every_spelling(make_clip_set):
    assert [fold.subject for fold in leave_one_subject_out(make_clip_set(), ["sub03", "s1"])] == ["1", "3"]
