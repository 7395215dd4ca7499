"""What is in a folder of data, and what is wrong with it, before anything is built.

    python -m experiments.check_data --dataset=casme2 --manual_dir=FOLDER

Every frame is read once and nothing is written. Exit code 1 if the set can't be built from the folder.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from akm_jax.progress import track
from datasets_tfds.survey import Survey
from experiments.command import command_line, console, parse, run_command

_MOST_LINES = 10  # of what is merely handled


def main(
    manual_dir: Path,
    dataset: Literal["casme", "casme2", "samm", "smic", "folder", "cas_me2", "samm_lv", "long_folder"],
    data_config: str | None = None,
    pattern: Annotated[str, tyro.conf.arg(name="data.subject_pattern")] = "",
    counting: Literal["from0", "from1", "seconds"] | None = None,
    table: Annotated[Path | None, tyro.conf.arg(name="data.table")] = None,
    frames: Annotated[Path | None, tyro.conf.arg(name="data.frames")] = None,
    json: bool = False,
) -> int:
    """Check a folder.

    Args:
        manual_dir: the folder with the data as distributed.
        dataset: which data set it is; folder is your own clips. Sets of long videos: cas_me2, samm_lv, and long_folder
            for your own.
        data_config: builder configuration, e.g. raw, or vis for smic; the usual one if not given.
        pattern: regular expression that finds the subject in a clip's path, as of experiments.loso.
        counting: how the table of long_folder counts; from1 if not given.
        table: the annotation table, where it is not called as distributed.
        frames: the folder that holds the subjects (or long videos), where it is not called as distributed.
        json: print one JSON object instead of text.
    """
    try:
        found = find(dataset, manual_dir, data_config, pattern, counting, (table, frames), quiet=json)
    except (ValueError, OSError) as error:
        print(_to_json({"can_be_built": False, "error": str(error)}) if json else f"error: {error}")
        return 1
    can_be_built = not found.check.problems and bool(found.usable)
    print(_to_json(_as_record(found, can_be_built)) if json else _as_text(found, can_be_built))
    return 0 if can_be_built else 1


def find(
    dataset: str,
    manual_dir: Path,
    data_config: str | None = None,
    subject_pattern: str = "",
    counting: str | None = None,
    places: tuple[Path | None, Path | None] = (None, None),
    *,
    quiet: bool = True,
) -> Survey:
    """Survey a folder and read all its frames; `places` are table and frames, where these are not called as usual.

    Raises:
        FileNotFoundError: the folder, the set or its table is absent.
        ValueError: unknown set or configuration, a pattern it can't use, or the table can't be used.
    """
    from datasets_tfds.layout import Places
    from datasets_tfds.long.source import LONG_SETS, counting_options, long_builder_class
    from datasets_tfds.source import builder_class, place_options, subject_options  # here: --help does not need these

    options = subject_options(dataset, subject_pattern) | counting_options(dataset, counting)
    options |= place_options(dataset, Places(*places))
    if dataset in LONG_SETS:
        found = long_builder_class(dataset, data_config).survey(manual_dir.expanduser(), **options)
    else:
        builder = builder_class(dataset, data_config)
        config = builder.builder_configs[data_config] if data_config else builder.BUILDER_CONFIGS[0]
        found = builder.survey(config.tree, manual_dir.expanduser(), **options)
    found.read_frames(_without_display if quiet else _display)
    found.note_uncommon()
    return found


def _without_display(items: Any, what: str, total: int) -> Any:
    return items


def _display(items: Any, what: str, total: int) -> Any:
    return track(items, what, total, console)


def _as_record(found: Survey, can_be_built: bool) -> dict[str, Any]:
    check = found.check
    told = {"problems": check.problems, "notes": check.notes, "handled": check.handled}
    left_out = {"left_out": sorted(check.left_out)}
    return {"title": check.title, "can_be_built": can_be_built, **found.describe(), **told, **left_out}


def _to_json(record: dict[str, Any]) -> str:
    return json.dumps(record, indent=1)


def _as_text(found: Survey, can_be_built: bool) -> str:
    figures, check = found.describe(), found.check
    lines = [check.title, *_figure_lines(figures)]
    lines += _section(f"{len(check.problems)} to repair", check.problems)
    lines += _section("to know", check.notes)
    more = len(check.handled) - _MOST_LINES
    lines += _section("taken care of", check.handled[:_MOST_LINES] + [f"and {more} more (--json)"] * (more > 0))
    if can_be_built:
        return "\n".join([*lines, "The set can be built."])
    rest = f"; --allow_missing builds the other {len(found.usable)} {figures['unit']}" if found.usable else ""
    return "\n".join([*lines, f"The set can't be built as it is{rest}."])


def _figure_lines(figures: dict[str, Any]) -> list[str]:
    """The survey's figures, a line each; "found / published"."""
    lengths = figures["frames_per_clip"]
    lines = [f"frames    {figures['tree']}"]
    if figures["table"]:
        rows = _pair(figures["rows"])
        sheet = f", sheet {figures['sheet']}" if figures["sheet"] else ""
        lines.append(f"table     {figures['table']}{sheet}, edition {figures['version']}, {rows} rows")
    unit = figures["unit"]
    if figures["table"] or figures["apexes"]:
        lines.append(f"apexes    {figures['apexes']} {'intervals' if 'intervals' in figures else unit}")
    is_published = figures["clips"]["published"] is not None
    beside = " published" if is_published else ""
    lines += [
        f"{unit:<9} {_pair(figures['clips'], is_published)}{beside}, {figures['frames']} frames",
        f"subjects  {_pair(figures['subjects'], is_published)}{beside}",
        f"length    {lengths['min']} / {lengths['mean']} / {lengths['median']:g} / {lengths['max']} frames "
        "(min / mean / median / max)",
    ]
    lines += [f"class     {name} {_pair(counts, is_published)}" for name, counts in figures["classes"].items()]
    return lines + _interval_lines(figures, is_published) if "intervals" in figures else lines


def _interval_lines(figures: dict[str, Any], is_published: bool) -> list[str]:
    """Frame rates, known faces, and the expressions of each type with their lengths."""
    lines = [
        f"fps       {', '.join(f'{rate:g}' for rate in figures['fps'])}",
        f"faces     known beforehand in {figures['faces']} of {figures['clips']['found']} videos",
    ]
    for kind, found in figures["intervals"].items():
        unknown = f", {found['unknown_onsets']} of unknown onset" if found["unknown_onsets"] else ""
        lines.append(
            f"{kind:<9} {_pair(found, is_published)} intervals in {found['videos']} videos, length {found['min']} / "
            f"{found['mean']} / {found['max']} frames (min / mean / max){unknown}"
        )
    return lines


def _pair(counts: dict[str, Any], is_published: bool = True) -> str:
    """Found / published; what was found where nothing of the set is published."""
    if not is_published:
        return str(counts["found"])
    return f"{counts['found']} / {'?' if counts['published'] is None else counts['published']}"


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"{title}:", *(f"  {line}" for line in lines)] if lines else []


@command_line(json=True)
def command(arguments: Sequence[str]) -> None:
    """Parse, check; the program ends with code 1 where the set can't be built."""
    if code := parse(main, arguments, program="python -m experiments.check_data", description=__doc__):
        sys.exit(code)


if __name__ == "__main__":
    run_command(command)
