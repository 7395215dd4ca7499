"""Command lines: thin scripts that parse, call the library and print."""

import sys

from experiments.huge_pages import start_again_with_huge_pages

if sys.argv[:1] == ["-m"]:  # `python -m experiments.loso`, before anything large is imported; not where a test imports
    start_again_with_huge_pages()
