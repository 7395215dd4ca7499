"""Command line: `python -m datasets_tfds.synthetic --layout=smic --out=DIR --subjects=6 --clips=8 --seed=0`."""

import pathlib
import sys
from typing import Annotated

import tyro

from datasets_tfds.synthetic.config import CorpusConfig
from datasets_tfds.synthetic.corpus import write_corpus


def main(config: Annotated[CorpusConfig, tyro.conf.arg(name="")], out: pathlib.Path) -> None:
    """Draw faces that make micro-expressions and write them in the on-disk layout of a real data set.

    Args:
        config: what to draw.
        out: folder to write; must not exist yet, or be empty. It will hold the data set's top folder, its table
            if it has one, and truth.json.
    """
    written = write_corpus(config, out, show_progress=sys.stderr.isatty() or sys.stdout.isatty())
    print(f"wrote {written}")


if __name__ == "__main__":
    try:
        tyro.cli(main, prog="python -m datasets_tfds.synthetic", use_underscores=True)
    except (ValueError, ImportError) as error:
        sys.exit(f"error: {error}")
