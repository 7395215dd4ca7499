"""Known errors of tables: applied where the old value stands, left alone where a copy is already repaired."""

from pathlib import Path

import pytest

import datasets_tfds
from datasets_tfds.corrections import Correction, correct, read_corrections
from datasets_tfds.tables import Row

ROW = Row(5, 7, {"onset": 10.0, "apex": 12, "offset": 90})
KNOWN = (Correction("sub01_EP01", "offset", "90", "19", "typing error"),)
BLIND = (
    Correction("2013#5", "onset", "", "11", "moved"),
    Correction("2013#5", "offset", "", "19", "moved"),
)
KEYS = ("sub01_EP01", "2013#5")


def on_disk(cells) -> bool:
    return int(cells["offset"]) == 19


def test_a_correction_applies_where_the_old_value_stands():
    row, said = correct(ROW, KEYS, KNOWN, lambda cells: True)
    assert row.cells == {"onset": 10.0, "apex": 12, "offset": "19"}
    assert said == ["offset 90 -> 19 (typing error)"]


def test_a_repaired_copy_is_left_alone():
    repaired = Row(5, 7, {**ROW.cells, "offset": 19})
    assert correct(repaired, KEYS, (*KNOWN, *BLIND), on_disk) == (repaired, [])


def test_another_row_is_left_alone():
    assert correct(ROW, ("sub02_EP01", "2013#6"), (*KNOWN, *BLIND), on_disk) == (ROW, [])


def test_where_the_old_value_is_not_known_the_disk_decides():
    row, said = correct(ROW, KEYS, BLIND, on_disk)
    assert row.cells == {"onset": "11", "apex": 12, "offset": "19"}
    assert said == ["onset 10 -> 11, offset 90 -> 19 (moved)"]
    assert correct(ROW, KEYS, BLIND, lambda cells: False) == (ROW, [])
    assert correct(ROW, KEYS, BLIND, lambda cells: True) == (ROW, [])


@pytest.mark.parametrize("dataset", ["casme", "casme2", "samm"])
def test_shipped_corrections_can_be_read(dataset):
    found = read_corrections(Path(datasets_tfds.__file__).parent / dataset / "corrections.csv")
    assert found
    assert all("#" in one.key and one.new.isdigit() for one in found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("key,field,new\n", "expected key, field, old, new, reason"),
        ("key,field,old,new,reason\na,onset,1,2,\n", "expected a field of onset, apex, offset"),
        ("key,field,old,new,reason\na,subject,1,2,why\n", "expected a field of onset, apex, offset"),
    ],
)
def test_a_bad_table_of_corrections_is_an_error(tmp_path, text, message):
    path = tmp_path / "corrections.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_corrections(path)
