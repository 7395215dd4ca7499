"""A table of runs: what each scored under every rule, beside what was published and beside the table's main method.

The same rows are written as Markdown, CSV and LaTeX; `akm_jax.report.table_page` draws them.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from akm_jax.files import write_text
from akm_jax.loso.apexes import ApexReading, Share, apex_shares, read_apexes
from akm_jax.loso.comparison import Difference, Hits, McNemar, hits_of, mcnemar, optimism, paired_bootstrap
from akm_jax.loso.rules import FIRST_CHOSEN_EPOCH
from akm_jax.metrics import bootstrap_interval, majority_accuracy, majority_band, score
from akm_jax.report.run_files import main_rule

DASH = "–"  # noqa: RUF001


@dataclasses.dataclass(frozen=True)
class Cell:
    """One line of a table.

    Attributes:
        name: how command lines and folders call it.
        title, sees: what the table calls it, and which frames it sees.
        results: contents of the run's `result.json`; none where there is no run.
        why_not: why there is none.
        published: accuracy as published; None where there is none.
        control: labels were drawn at random; it is compared with chance alone.
    """

    name: str
    title: str
    sees: str
    results: tuple[dict[str, Any], ...] = ()
    why_not: str = ""
    published: float | None = None
    control: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of a data set.

    Attributes:
        number, title: of the paper.
        dataset: name of the data.
        class_names: K names.
        labels: for each tested clip id its class.
        subjects: for each tested clip id whom it shows.
        cells: its lines.
        reference: name of the cell that others are compared with.
        apexes: for each clip id the apex as an index, -1 for none, and frames per second; none where the table does not
            ask for apexes.
        notes: what a reader should know.
        selectors: what chooses frames and classifies nothing: their results hold `beta` and `selected` of each clip.
    """

    number: int
    title: str
    dataset: str
    class_names: tuple[str, ...]
    labels: Mapping[str, int]
    subjects: Mapping[str, str]
    cells: tuple[Cell, ...]
    reference: str
    apexes: Mapping[str, tuple[int, float]] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    selectors: tuple[Cell, ...] = ()

    @property
    def majority(self) -> float:
        """Accuracy of the largest class."""
        return majority_accuracy(np.array(list(self.labels.values())))

    @property
    def band(self) -> tuple[float, float]:
        """What chance reaches by the largest class."""
        return majority_band(np.array(list(self.labels.values())))


@dataclasses.dataclass(frozen=True)
class RuleScore:
    """Scores under one rule, means over seeds; `spread` is the standard deviation of the accuracy over them."""

    accuracy: float
    spread: float
    low: float
    high: float
    uf1: float
    uar: float


@dataclasses.dataclass(frozen=True)
class Row:
    """What a table says of a cell.

    Attributes:
        cell: the cell.
        seeds: how many.
        rule: whose accuracy is compared: `last`, or the first there is.
        scores: by rule.
        clips_ahead: clips more than were published, of as many as there are here; None where nothing was.
        optimism: accuracy under `test` less that under `last`; None where a rule is missing.
        versus: accuracy of the reference less this one's; None for the reference, for controls, and without a run.
        test: the same by McNemar.
    """

    cell: Cell
    seeds: int = 0
    rule: str = "last"
    scores: Mapping[str, RuleScore] = dataclasses.field(default_factory=dict)
    clips_ahead: float | None = None
    optimism: Difference | None = None
    versus: Difference | None = None
    test: McNemar | None = None


def rows_of(table: Table) -> list[Row]:
    """Score all cells.

    Raises:
        ValueError: cells with results of other clips than the table's.
    """
    reference = next((cell for cell in table.cells if cell.name == table.reference and cell.results), None)
    return [_row(table, cell, reference) if cell.results else Row(cell) for cell in table.cells]


def _row(table: Table, cell: Cell, reference: Cell | None) -> Row:
    rules = tuple(cell.results[0]["rules"])
    rule = main_rule(rules)
    _require_clips(table, hits_of(cell.results, rule, table.subjects), cell)
    scores = {name: _score(table, cell, name) for name in rules}
    ahead = None if cell.published is None else (scores[rule].accuracy - cell.published) * len(table.labels)
    row = Row(cell, len({r["seed"] for r in cell.results}), rule, scores, ahead)
    if {"last", "test"} <= set(rules):
        row = dataclasses.replace(row, optimism=optimism(cell.results, table.subjects))
    if reference is None or cell is reference or cell.control or rule not in reference.results[0]["rules"]:
        return row
    ours, theirs = (hits_of(one.results, rule, table.subjects) for one in (reference, cell))
    return dataclasses.replace(row, versus=paired_bootstrap(ours, theirs), test=mcnemar(ours, theirs))


def _require_clips(table: Table, hits: Hits, cell: Cell) -> None:
    if set(hits.clip_ids) != set(table.labels):
        differing = sorted(set(hits.clip_ids) ^ set(table.labels))[:5]
        raise ValueError(
            f"table {table.number}, {cell.name}: its run has results of other clips than the table: {differing}; "
            "delete its run directory, or choose another --tables_dir"
        )


def _score(table: Table, cell: Cell, rule: str) -> RuleScore:
    hits = hits_of(cell.results, rule, table.subjects)
    of_seeds = []
    for seed in sorted({r["seed"] for r in cell.results}):
        clips = {k: c for r in cell.results if r["seed"] == seed for k, c in r["rules"][rule]["clips"].items()}
        labels, found = (np.array([clips[k][key] for k in hits.clip_ids]) for key in ("label", "prediction"))
        of_seeds.append(score(labels, found, hits.subjects, table.class_names))
    low, high = bootstrap_interval(hits.correct.mean(0), hits.subjects)
    mean = {name: float(np.mean([getattr(one, name) for one in of_seeds])) for name in ("accuracy", "uf1", "uar")}
    return RuleScore(spread=float(np.std([one.accuracy for one in of_seeds])), low=low, high=high, **mean)


@dataclasses.dataclass(frozen=True)
class KeyFrames:
    """What a cell's key frames have to do with the apexes: share of clips whose apex is one, and has the top beta."""

    cell: Cell
    readings: tuple[ApexReading, ...]
    key: Share
    top: Share


def key_frames_of(table: Table) -> list[KeyFrames]:
    """Of every cell, then every selector, that scores frames of clips with an apex."""
    found = []
    for cell in (*table.cells, *table.selectors) if table.apexes else ():
        if not cell.results or cell.control:
            continue
        readings = read_apexes(cell.results, main_rule(cell.results[0]["rules"]), table.apexes)
        if readings:
            found.append(KeyFrames(cell, tuple(readings), *apex_shares(readings)))
    return found


def verdict(found: KeyFrames) -> str:
    """In plain words, whether key frames find the apex."""
    key, top = found.key, found.top
    return (
        f"{found.cell.title}: the apex is a key frame in {key.value:.3f} of the clips; as many random frames give "
        f"{key.chance:.3f} ({key.low:.3f} to {key.high:.3f}), so this is {_words(key)}. The apex has the top score in "
        f"{top.value:.3f}; a random frame would be it in {top.chance:.3f} ({top.low:.3f} to {top.high:.3f}): "
        f"{_words(top)}."
    )


def _words(share: Share) -> str:
    if share.value < share.low:
        return "worse than random selection"
    return "better than random selection" if share.beats_chance else "no better than random selection"


# As text. Columns by title; a function gives the cell of a row, "" where there is nothing to say.


def _signed(value: float, digits: int = 3) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")  # noqa: RUF001


def _accuracy(rule: str) -> Callable[[Row], str]:
    def text(row: Row) -> str:
        found = row.scores.get(rule)
        if found is None:
            return ""
        return f"{found.accuracy:.3f}" + (f" ± {found.spread:.3f}" if row.seeds > 1 else "")

    return text


def _interval(row: Row) -> str:
    found = row.scores[row.rule]
    return f"{found.low:.3f} to {found.high:.3f}"


def _chance(p: float) -> str:
    """A p value; one that rounds to 0 is told by its bound, for it is not 0."""
    return "< 0.001" if p < 0.0005 else f"{p:.3f}"


def _difference(found: Difference | None) -> str:
    return f"{_signed(found.value)} [{_signed(found.low)}, {_signed(found.high)}]" if found else ""


COLUMNS: dict[str, Callable[[Row], str]] = {
    "seeds": lambda row: str(row.seeds),
    "last": _accuracy("last"),
    "95 % interval": _interval,
    "UF1": lambda row: f"{row.scores[row.rule].uf1:.3f}",
    "UAR": lambda row: f"{row.scores[row.rule].uar:.3f}",
    "inner": _accuracy("inner"),
    "test": _accuracy("test"),
    "published": lambda row: "" if row.cell.published is None else f"{row.cell.published:.4f}",
    "clips ahead": lambda row: "" if row.clips_ahead is None else _signed(row.clips_ahead, 1),
    "test less last": lambda row: _difference(row.optimism),
    "reference less this": lambda row: _difference(row.versus),
    "p, bootstrap": lambda row: _chance(row.versus.p) if row.versus else "",
    "p, McNemar": lambda row: f"{_chance(row.test.p)} ({row.test.only_one}:{row.test.only_other})" if row.test else "",
}
# Columns of differences; the others are of what each scored.
COMPARED = ("test less last", "reference less this", "p, bootstrap", "p, McNemar")


def as_texts(table: Table, rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Header and lines; columns that nobody fills are left out, and a cell without a run is a dash and why."""
    full = [name for name, text in COLUMNS.items() if any(row.scores and text(row) for row in rows)]
    lines = [[row.cell.title, row.cell.sees, *_texts(row, full)] for row in rows]
    low, high = table.band
    chance = {"last": f"{table.majority:.3f}", "95 % interval": f"{low:.3f} to {high:.3f}"}
    lines.append(["majority class, and what chance reaches", "", *(chance.get(name, "") for name in full)])
    return ["method", "frames", *full], lines


def _texts(row: Row, columns: Sequence[str]) -> list[str]:
    if row.scores:
        return [COLUMNS[name](row) for name in columns]
    published = {name: COLUMNS[name](row) for name in columns if name == "published"}
    return [published.get(name) or DASH for name in columns]


def explanations(table: Table, rows: Sequence[Row]) -> list[str]:
    """What stands below a table, sentence by sentence."""
    said = [f"{row.cell.title}, {row.cell.sees}: {DASH}, {row.cell.why_not}." for row in rows if not row.scores]
    controls = [row for row in rows if row.cell.control and row.scores]
    for row in controls:
        found = ", ".join(f"{rule} {_in_band(scores.accuracy, table)}" for rule, scores in row.scores.items())
        said.append(
            f"Negative control, {row.cell.title}, {row.cell.sees}: {found} what chance reaches ({table.band[0]:.3f} to "
            f"{table.band[1]:.3f})."
        )
    if controls:
        said.append(
            "Above what chance reaches a control may lie under rule test, for it looks; under any other rule it is a "
            "reason to look for a leak. What lies below is no sign of one."
        )
    return [*said, *_worth_of_test(table, rows), *map(verdict, key_frames_of(table)), *table.notes]


def _worth_of_test(table: Table, rows: Sequence[Row]) -> list[str]:
    """By how many points rule `test` exceeds `last` in the lines whose trainings leave it epochs to choose from."""
    chosen = [row for row in rows if row.optimism and _epochs(row) > FIRST_CHOSEN_EPOCH and not row.cell.control]
    if not chosen:
        return []
    test, last = (
        _runs_of([hits_of(row.cell.results, rule, table.subjects) for row in chosen]) for rule in ("test", "last")
    )
    found, seeds = paired_bootstrap(test, last), sorted({row.seeds for row in chosen})
    low, mean, high = (f"{100 * value:.1f}" for value in (found.low, found.value, found.high))
    return [
        f"Rule test, which chooses on the left-out subject, exceeds rule last by {mean} points (95 % interval {low} to "
        f"{high}; subjects and runs drawn anew), mean over {len(found.by_seed)} runs: lines "
        f"{len(chosen)}, seeds of each {' to '.join(map(str, sorted({seeds[0], seeds[-1]})))}. Lines with one epoch to "
        "choose from do not count."
    ]


def _epochs(row: Row) -> int:
    """Of a training."""
    return int(row.cell.results[0]["rules"]["last"]["epoch"])


def _runs_of(lines: Sequence[Hits]) -> Hits:
    """All seeds of several lines, of the same clips, below one another."""
    return dataclasses.replace(lines[0], correct=np.concatenate([hits.correct for hits in lines]))


def _in_band(accuracy: float, table: Table) -> str:
    low, high = table.band
    return f"{accuracy:.3f} {'within' if low <= accuracy <= high else 'above' if accuracy > high else 'below'}"


def write_table(table: Table, folder: Path) -> list[Path]:
    """Write `table.md`, `table.csv`, `table.tex` and, of key frames and apexes, `key_frames.csv`; gives their paths."""
    import pandas as pd  # here: pandas takes a second to load

    rows = rows_of(table)
    header, lines = as_texts(table, rows)
    frame = pd.DataFrame(lines, columns=header)
    texts = {
        "table.md": as_markdown(table, rows),
        "table.csv": pd.DataFrame(map(_numbers, rows)).to_csv(index=False),
        "table.tex": f"% {heading(table)}\n" + _as_latex(frame.to_latex(index=False, escape=True)),
    }
    readings = [
        {"cell": found.cell.name, **dataclasses.asdict(one), "distance": one.distance, "distance_ms": one.distance_ms}
        for found in key_frames_of(table)
        for one in found.readings
    ]
    if readings:
        texts["key_frames.csv"] = pd.DataFrame(readings).to_csv(index=False)
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def _as_latex(text: str) -> str:
    return text.replace("−", "$-$").replace("< 0.", "$<$ 0.")  # noqa: RUF001


def heading(table: Table) -> str:
    """Number, title, and of what data."""
    people = len(set(table.subjects.values()))
    return f"Table {table.number}: {table.title}; {table.dataset}, {len(table.labels)} clips of {people} subjects"


def as_markdown(table: Table, rows: Sequence[Row]) -> str:
    """Heading, table, and what is to be known of it."""
    header, lines = as_texts(table, rows)
    body = ["| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *lines)]
    return "\n\n".join([f"# {heading(table)}", "\n".join(body), *explanations(table, rows)]) + "\n"


def _numbers(row: Row) -> dict[str, Any]:
    """A row for programs: every number unrounded."""
    cell = row.cell
    found: dict[str, Any] = {"cell": cell.name, "method": cell.title, "frames": cell.sees, "seeds": row.seeds}
    for rule, scores in row.scores.items():
        found |= {f"{rule}_{name}": value for name, value in dataclasses.asdict(scores).items()}
    found |= {"published": cell.published, "clips_ahead": row.clips_ahead, "why_not": cell.why_not}
    for name, difference in (("optimism", row.optimism), ("reference_ahead", row.versus)):
        if difference:
            found |= {f"{name}{k}": v for k, v in (("", difference.value), ("_low", difference.low))}
            found |= {f"{name}_high": difference.high, f"{name}_p": difference.p}
    if row.test:
        found |= {"mcnemar_p": row.test.p, "only_reference": row.test.only_one, "only_this": row.test.only_other}
    return found
