"""Predictions made elsewhere, scored as those of a run are: a table of clips becomes the results of a run directory.

    clip_id,subject,label,prediction[,probabilities]

One row a clip, with a header; commas or semicolons, with or without a byte order mark. Probabilities stand in one
column a class, `p_<class>` or `probability_<class>`, or all in the column `probabilities`, separated by blanks or
semicolons, in the order of the class names. How the models were chosen is not known here: the rule is called `given`.
"""

import csv
import dataclasses
import io
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from akm_jax.data.subjects import subject_order
from akm_jax.files import fold_folder, read_table_text, write_json, write_text
from akm_jax.loso.results import git_revision
from akm_jax.loso.rules import GIVEN
from akm_jax.loso.run_dir import open_run
from akm_jax.loso.scores import score_results
from akm_jax.methods import method_names
from akm_jax.versions import versions

COLUMNS = ("clip_id", "subject", "label", "prediction")
TOGETHER = "probabilities"
PREFIXES = ("p_", "probability_")
# Probabilities are written with few digits: this far their sum may be from 1.
ROUNDING = 0.05
MOST_PROBLEMS = 20


@dataclasses.dataclass(frozen=True)
class Predictions:
    """A table of predictions.

    Attributes:
        path: its file.
        class_names: K names that labels and predictions index into.
        clip_ids, subjects: N texts.
        labels, predictions: int (N,).
        probabilities: (N, K); None where the table has none.
    """

    path: Path
    class_names: tuple[str, ...]
    clip_ids: tuple[str, ...]
    subjects: tuple[str, ...]
    labels: np.ndarray
    predictions: np.ndarray
    probabilities: np.ndarray | None

    def notes(self) -> list[str]:
        """What a reader of the scores should know of the table."""
        if self.probabilities is None:
            return ["The table holds no probabilities."]
        other = int(np.sum(self.probabilities.argmax(1) != self.predictions))
        if not other:
            return []
        return [f"{other} of {len(self.labels)} predictions are not the class of the largest probability; they count."]


def score_table(
    path: Path, run_dir: Path, *, class_names: Sequence[str] | None = None, name: str | None = None
) -> dict[str, Any]:
    """Score a table of predictions; write results, summary and predictions of a run directory.

    Args:
        path: the table.
        run_dir: where results go: a new directory, or one of the same table.
        class_names: all classes in their order; those of the columns of probabilities, or of the labels, when None.
        name: what made the predictions; `foreign` when None.

    Returns:
        The content of `summary.json`.

    Raises:
        FileNotFoundError: there is no such table.
        ValueError: it cannot be scored; every problem is named with its line. Or a directory of something else.
    """
    if name in method_names():
        raise ValueError(
            f"name {name!r} is a method of this library; expected another name for predictions made elsewhere"
        )
    table = read_predictions(path, class_names)
    config = {"method": name or "foreign", "rules": GIVEN, "folds": "", "seed": 0, "seeds": 1}
    data = _describe(table)
    with open_run(run_dir, config, data):
        results = _results(table)
        for result in results:
            write_json(fold_folder(run_dir, 0, result["subject"]) / "result.json", result)
        write_text(run_dir / "predictions.csv", _as_csv(table))
        summary = {
            "dataset": data["name"],
            "class_names": list(table.class_names),
            "headline_rule": None,
            **score_results(results, table.class_names),
            "notes": table.notes(),
            "config": config,
            "data": data,
            "versions": versions(("akm_jax", "numpy", "scikit-learn")),
            "git_revision": git_revision(),
        }
        write_json(run_dir / "summary.json", summary)
    return summary


def _describe(table: Predictions) -> dict[str, Any]:
    """What identifies the table, as `run_dir.describe_data` identifies a data set."""
    return {
        "name": table.path.name,
        "num_clips": len(table.clip_ids),
        "num_subjects": len(set(table.subjects)),
        "class_names": list(table.class_names),
        "checksum": f"{zlib.crc32(_as_csv(table).encode()):08x}",
    }


def _results(table: Predictions) -> list[dict[str, Any]]:
    """For each subject what `result.json` holds; nothing is known of trainings, and logits are not invented."""
    clips: dict[str, dict[str, Any]] = {}
    for i in range(len(table.clip_ids)):
        found = {"label": int(table.labels[i]), "prediction": int(table.predictions[i])}
        known = {} if table.probabilities is None else {"probabilities": table.probabilities[i].tolist()}
        clips.setdefault(table.subjects[i], {})[table.clip_ids[i]] = found | known
    return [
        {"subject": subject, "seed": 0, "histories": {}, "rules": {GIVEN: {"clips": clips[subject]}}}
        for subject in sorted(clips, key=subject_order)
    ]


def _as_csv(table: Predictions) -> str:
    """The table in the form of a run's `predictions.csv`, with probabilities in place of logits."""
    names, known = table.class_names, table.probabilities is not None
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = [f"{GIVEN}_seed0_probability_{name}" for name in names] if known else []
    writer.writerow(["clip_id", "subject", "label", f"{GIVEN}_seed0_prediction", *columns])
    for i, clip_id in enumerate(table.clip_ids):
        numbers = [] if table.probabilities is None else table.probabilities[i].tolist()
        writer.writerow([clip_id, table.subjects[i], names[table.labels[i]], names[table.predictions[i]], *numbers])
    return out.getvalue()


# Reading. Rows are dictionaries by column, with their line; problems are collected and raised together.

Row = tuple[int, dict[str, str]]


def read_predictions(path: Path, class_names: Sequence[str] | None = None) -> Predictions:
    """Read a table.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no table of predictions; every problem is named with file and line.
    """
    header, rows = _read(path)
    columns = _probability_columns(path, header, class_names)
    classes = tuple(class_names or columns or sorted({row["label"] for _, row in rows} - {""}, key=subject_order))
    problems = [problem for row in rows for problem in _problems_of_row(row, classes)]
    problems += _problems_of_table(rows)
    numbers, found = _probabilities(rows, columns, header, classes)
    _raise(path, problems + found)
    return Predictions(
        path,
        classes,
        tuple(row["clip_id"] for _, row in rows),
        tuple(row["subject"] for _, row in rows),
        np.array([classes.index(row["label"]) for _, row in rows]),
        np.array([classes.index(row["prediction"]) for _, row in rows]),
        numbers,
    )


def _raise(path: Path, problems: Sequence[tuple[int, str]]) -> None:
    if not problems:
        return
    lines = [f"{path}:{line}: {text}" for line, text in sorted(problems)[:MOST_PROBLEMS]]
    more = len(problems) - MOST_PROBLEMS
    raise ValueError("\n".join([*lines, *([f"and {more} problems more"] if more > 0 else [])]))


def _read(path: Path) -> tuple[list[str], list[Row]]:
    """Header and rows; lines of nothing but separators, as spreadsheets leave them, are no rows."""
    text, separator = read_table_text(path, COLUMNS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    lines = []
    try:
        for fields in reader:
            lines.append((reader.line_num, [field.strip() for field in fields]))
    except csv.Error as e:
        raise ValueError(f"{path}:{reader.line_num}: not a line of a table ({e})") from e
    return _named(path, [(line, fields) for line, fields in lines if any(fields)])


def _named(path: Path, lines: Sequence[tuple[int, list[str]]]) -> tuple[list[str], list[Row]]:
    """Fields by their columns."""
    if not lines:
        raise ValueError(f"{path}: the file is empty; expected a header, {','.join(COLUMNS)}, and a row for each clip")
    (line, header), *rows = lines
    missing = [name for name in COLUMNS if name not in header]
    twice = [name for name, count in Counter(header).items() if count > 1 and name]
    if missing or twice:
        what = [f"no column {', '.join(missing)}"] * bool(missing) + [f"column {', '.join(twice)} twice"] * bool(twice)
        raise ValueError(f"{path}:{line}: {'; '.join(what)}; found {', '.join(header)}, expected {', '.join(COLUMNS)}")
    if not rows:
        raise ValueError(f"{path}:{line}: the table has a header and no rows; expected one for each clip")
    wrong = [
        (line, f"{len(fields)} fields; expected {len(header)}") for line, fields in rows if len(fields) != len(header)
    ]
    _raise(path, wrong)
    return header, [(line, dict(zip(header, fields, strict=True))) for line, fields in rows]


def _problems_of_row(row: Row, classes: Sequence[str]) -> list[tuple[int, str]]:
    line, found = row
    problems = [f"{name} is empty" for name in COLUMNS if not found[name]]
    for name in ("label", "prediction"):
        if found[name] and found[name] not in classes:
            problems.append(
                f"{name} {found[name]!r} is no class; expected one of {', '.join(classes)}, or give them all"
            )
    if "/" in found["subject"]:
        problems.append(f"subject {found['subject']!r}: expected a name without a slash, for a folder is called so")
    return [(line, problem) for problem in problems]


def _problems_of_table(rows: Sequence[Row]) -> list[tuple[int, str]]:
    problems: list[tuple[int, str]] = []
    first: dict[str, int] = {}
    for line, row in rows:
        if row["clip_id"] and first.setdefault(row["clip_id"], line) != line:
            problems.append(
                (
                    line,
                    f"clip {row['clip_id']!r} again, as in line {first[row['clip_id']]}; expected ids that are unique",
                )
            )
    subjects = {row["subject"] for _, row in rows}
    if len(subjects) == 1:
        problems.append(
            (rows[0][0], f"all clips are of subject {subjects.pop()!r}; leaving one subject out needs at least two")
        )
    return problems


def _probability_columns(path: Path, header: Sequence[str], class_names: Sequence[str] | None) -> dict[str, str]:
    """Column of each class; none where probabilities stand together or not at all."""
    columns: dict[str, str] = {}
    for column in header:
        prefix = next((p for p in PREFIXES if column.startswith(p) and column != p), None)
        if prefix and (twice := columns.setdefault(column.removeprefix(prefix), column)) != column:
            raise ValueError(f"{path}:1: columns {twice} and {column} are of one class; expected one column a class")
    if columns and TOGETHER in header:
        raise ValueError(f"{path}:1: column {TOGETHER} beside {', '.join(columns.values())}; expected one or the other")
    if columns and class_names and set(columns) != set(class_names):
        raise ValueError(
            f"{path}:1: columns of probabilities are of the classes {', '.join(columns)}; expected one for each of "
            f"{', '.join(class_names)}"
        )
    return columns


def _probabilities(
    rows: Sequence[Row], columns: dict[str, str], header: Sequence[str], classes: Sequence[str]
) -> tuple[np.ndarray | None, list[tuple[int, str]]]:
    """Probabilities (N, K), or None where no row has any; and what is wrong with them."""
    if not columns and TOGETHER not in header:
        return None, []
    texts = [
        [row[columns[name]] for name in classes if name in columns] if columns else _split(row[TOGETHER])
        for _, row in rows
    ]
    if not any(any(found) for found in texts):
        return None, []
    numbers, problems = np.zeros((len(rows), len(classes))), []
    for i, ((line, _), found) in enumerate(zip(rows, texts, strict=True)):
        try:
            numbers[i] = _distribution(found, classes)
        except ValueError as e:
            problems.append((line, str(e)))
    return numbers, problems


def _split(text: str) -> list[str]:
    """The numbers of one field; brackets around them, as arrays are printed, are dropped."""
    return [part for part in re.split(r"[;\s]+", text.strip("[]() \t")) if part]


def _distribution(texts: Sequence[str], classes: Sequence[str]) -> list[float]:
    """One row of probabilities.

    Raises:
        ValueError: they are not K numbers that make a distribution.
    """
    said = f"probabilities {' '.join(texts) or '(none)'}"
    try:
        numbers = [float(text.replace(",", ".")) for text in texts]
    except ValueError:
        numbers = []
    if len(numbers) != len(classes) or not np.isfinite(numbers).all():
        raise ValueError(f"{said}: expected {len(classes)} numbers, for {', '.join(classes)}")
    if min(numbers) < 0 or abs(sum(numbers) - 1) > ROUNDING:
        raise ValueError(f"{said}: expected numbers from 0 that add up to 1, got a sum of {sum(numbers):.3g}")
    return numbers
