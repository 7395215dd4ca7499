"""Command lines: thin scripts that parse, call the library and print."""

import sys

try:
    import akm_jax  # noqa: F401
except ImportError as e:  # it names the systems it runs on
    sys.exit(f"error: {e}")
from experiments.huge_pages import start_again_with_huge_pages

if sys.argv[:1] == ["-m"]:  # `python -m experiments.loso`, before anything large is imported; not where a test imports
    start_again_with_huge_pages()
