"""Memory in huge pages, which a C library chooses when a program starts.

A training step on the CPU takes and returns gigabytes; in pages of 4 KiB the kernel hands them out one by one, which
costs about a tenth of the step. Many Linux systems give huge pages only to programs that ask ("madvise"), and the GNU C
library asks if it is told to in an environment variable at the start.
"""

import os
import sys
from pathlib import Path

CHOICE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
VARIABLE, SETTING = "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"


def start_again_with_huge_pages() -> None:
    """Replace this process by the same command with the variable set; does nothing where that changes nothing.

    A variable that the user has set, even to nothing, stays as it is.
    """
    if VARIABLE in os.environ or not CHOICE.is_file() or "[madvise]" not in CHOICE.read_text():
        return
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, VARIABLE: SETTING})
