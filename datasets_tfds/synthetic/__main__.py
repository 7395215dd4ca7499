"""Command line: `python -m datasets_tfds.synthetic --layout=smic --out=DIR --subjects=6 --clips=8 --seed=0`.

The layouts cas_me2 and samm_lv are of long videos and have options of their own.
"""

import argparse
import pathlib
import sys
from collections.abc import Callable
from typing import Annotated, Any

import tyro

from datasets_tfds.synthetic.config import CorpusConfig
from datasets_tfds.synthetic.corpus import write_corpus
from datasets_tfds.synthetic.long_corpus import LongCorpusConfig, write_long_corpus
from datasets_tfds.synthetic.long_layouts import LONG_LAYOUTS


def main(config: Annotated[CorpusConfig, tyro.conf.arg(name="")], out: pathlib.Path) -> None:
    """Draw faces that make micro-expressions and write them in the on-disk layout of a real data set.

    Args:
        config: what to draw.
        out: folder to write; must not exist yet, or be empty. It will hold the data set's top folder, its table
            if it has one, truth.json and landmarks.csv. --layout=cas_me2 and --layout=samm_lv draw long videos; --help
            with one of these tells their options.
    """
    _report(write_corpus, config, out)


def main_long(config: Annotated[LongCorpusConfig, tyro.conf.arg(name="")], out: pathlib.Path) -> None:
    """Draw long videos with expressions in them and write them in the on-disk layout of a real data set.

    Args:
        config: what to draw.
        out: folder to write; must not exist yet, or be empty. It will hold the data set's top folder, its table and
            truth.json.
    """
    _report(write_long_corpus, config, out)


def _report(write: Callable[..., pathlib.Path], config: Any, out: pathlib.Path) -> None:
    written = write(config, out.expanduser(), show_progress=True)
    print(f"wrote {written}")


def _find_command(arguments: list[str]) -> Callable[..., None]:
    """The layout decides which options there are."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--layout", nargs="?")
    return main_long if parser.parse_known_args(arguments)[0].layout in LONG_LAYOUTS else main


if __name__ == "__main__":
    try:
        tyro.cli(_find_command(sys.argv[1:]), prog="python -m datasets_tfds.synthetic", use_underscores=True)
    except (ValueError, ImportError) as error:
        sys.exit(f"error: {error}")
