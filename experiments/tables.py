"""The tables of AKMNet's paper, run and laid out: ours beside the published figures.

    python -m experiments.tables --table=5 --dataset=casme2 --manual_dir=FOLDER --plan     what it takes, nothing is run
    python -m experiments.tables --table=5 --dataset=casme2 --manual_dir=FOLDER
    python -m experiments.tables --table=5 --dataset=synthetic --preset=demo               drawn faces, minutes

3: all methods; 4: what mining is worth; 5: its parts; 6: key frames and the apex; 7: single frames; 8:
macro-expressions.
A line of a table is a run of its own: it is kept, goes on where it was stopped, and serves every table that needs it.
Results: table.html, table.md, table.csv and table.tex below the tables' directory.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.command import checked_options, command_line, console, refuse_unused, require_writable, run_command
from experiments.paper_tables.cells import TableSpec, choose_cells, find_table, in_order
from experiments.paper_tables.options import TablesCommand, parse

if TYPE_CHECKING:
    from akm_jax.data.clip_set import ClipSet
    from akm_jax.report.tables import Table
    from experiments.paper_tables.runs import PlannedRun


@command_line(writes=("--tables_dir",), resumes=True)
def main(arguments: Sequence[str]) -> None:
    """Parse, load, run what is missing, write the table."""
    command = parse(arguments, __doc__)
    spec = find_table(command.table)
    cells = choose_cells(spec, command.cells)
    # Here: whoever asks for --help, or mistypes an option, need not wait for what trains.
    from experiments.compiled_programs import keep_compiled_programs
    from experiments.data import load_data
    from experiments.paper_tables.runs import experiment_of, plan_runs, unused_of_all

    experiments = {cell.name: experiment_of(cell, command, spec) for cell in in_order(cells)}
    refuse_unused(arguments, unused_of_all(list(experiments.values())))
    with checked_options():
        command.run.validate()
    if not command.plan:
        require_writable("--tables_dir", command.folder)
    keep_compiled_programs(console)
    clip_set = load_data(command.data, command.run.data)
    planned = plan_runs(spec, cells, experiments, clip_set, command)
    if command.plan:
        from experiments.paper_tables.plan import print_plan

        print_plan(planned, command.folder)
        return
    run_table(spec, planned, clip_set, command)


def run_table(spec: TableSpec, planned: Sequence["PlannedRun"], clip_set: "ClipSet", command: TablesCommand) -> None:
    """Run what is not finished; write the table anew after every run."""
    from akm_jax.report.tables import as_markdown, rows_of
    from experiments.paper_tables.lines import make_table
    from experiments.paper_tables.runs import finish

    found = {}
    for one in planned:
        if one.why_not:
            continue
        place = one.experiment.run_dir
        console.print(
            f"table {command.table}, {one.cell.name}{', control' if one.control else ''}: {place}", soft_wrap=True
        )
        found[place] = finish(one)
        table = make_table(spec, planned, found, clip_set, command)
        write(table, command)
    if not found:
        write(table := make_table(spec, planned, found, clip_set, command), command)
    print(as_markdown(table, rows_of(table)))
    console.print(f"page: {command.folder / f'table{command.table}' / 'table.html'}", soft_wrap=True)


def write(table: "Table", command: TablesCommand) -> None:
    """The table's files."""
    from akm_jax.report.table_page import write_table_page
    from akm_jax.report.tables import write_table

    folder = command.folder / f"table{command.table}"
    write_table(table, folder)
    write_table_page(table, folder)


if __name__ == "__main__":
    run_command(main)
