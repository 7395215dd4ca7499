"""What the command lines share: a console, and errors that fit on one screen."""

import errno
import sys
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console

_ELSEWHERE = "; choose a folder you may write to with --run_dir or --data_dir"
_MORE_SPACE = "; make room, then give the same command again: it goes on from what is finished"
REMEDIES = {
    errno.ENOSPC: _MORE_SPACE,
    errno.EDQUOT: _MORE_SPACE,
    errno.EFBIG: _MORE_SPACE,
    errno.EROFS: _ELSEWHERE,
    errno.EACCES: _ELSEWHERE,
    errno.EPERM: _ELSEWHERE,
    errno.ENOTDIR: _ELSEWHERE,
}

console = Console(stderr=True, highlight=False)


def run_command(main: Callable[[Sequence[str]], Any]) -> None:
    """Run a command line; expected errors are printed without a traceback, exit code 1."""
    try:
        main(sys.argv[1:])
    except OSError as e:
        remedy = REMEDIES.get(e.errno or 0, "")
        console.print(f"error: {e}{remedy}", style="red", soft_wrap=True, markup=False)
        sys.exit(1)
    except (ValueError, FloatingPointError, ImportError) as e:
        console.print(f"error: {e}", style="red", soft_wrap=True, markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on from here")
        sys.exit(130)
