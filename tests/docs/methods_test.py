"""Figures and methods on the page of methods."""

import re

import pytest

from akm_jax.methods import method_names
from akm_jax.report.published import DATA_SETS, published_results


@pytest.fixture(scope="module")
def rows(page_text):
    """Cells of every row of every table."""
    lines = [line for line in page_text("methods.md").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("dataset", DATA_SETS)
def test_published_accuracies_are_those_of_reports(rows, dataset):
    column = 2 + DATA_SETS.index(dataset)
    found = {(row[0], row[1]): row[column] for row in rows if len(row) == 6 and re.fullmatch(r"-|\.\d{4}", row[-1])}
    published = {(one.method, one.frames): f"{one.accuracy:.4f}"[1:] for one in published_results(dataset)}
    assert {key: value for key, value in found.items() if value != "-"} == published


def test_methods_that_are_named_can_be_run(rows):
    named = {name for row in rows if len(row) == 3 for name in re.findall(r"^`(\w+)`$", row[0])}
    assert named - {"last", "inner", "test"} <= set(method_names())
    assert {"ststnet", "macro2micro"} <= named
