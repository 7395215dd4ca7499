"""A process that runs command lines one after another, each as `python -m MODULE ARGUMENTS` would.

What a process of its own spends on imports, tracing and compiling is spent once. Reads a request a line from standard
input, writes an answer a line to the standard output it was started with:

    {"module", "arguments", "cwd", "largest_file", "home"}    largest_file: bytes a file may grow to, null for no limit;
                                                              home: the user's home folder, null for the true one
    {"returncode", "stdout", "stderr"}
"""

import importlib
import json
import os
import resource
import sys
import tempfile
import traceback
from collections.abc import Sequence
from unittest import mock


def answer(request: dict) -> dict:
    """Run one command; what it prints, also from C++, goes to files that lie open where a process has its streams."""
    os.chdir(request["cwd"])
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        for stream, file in ((1, out), (2, err)):
            os.dup2(file.fileno(), stream)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest_file"] or soft, hard))
        try:
            with mock.patch.dict(os.environ, {"HOME": request["home"]} if request["home"] else {}):
                code = exit_code(request["module"], request["arguments"])
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        found = {"returncode": code}
        for name, file in (("stdout", out), ("stderr", err)):
            file.seek(0)
            found[name] = file.read()
    return found


def exit_code(module: str, arguments: Sequence[str]) -> int:
    """Call the module's `main` as its last lines do."""
    from experiments.command import run_command

    with mock.patch.object(sys, "argv", [module, *arguments]):
        try:
            found = importlib.import_module(module)
            run_command(getattr(found, "command", None) or found.main)
        except SystemExit as e:
            return e.code if isinstance(e.code, int) else int(e.code is not None)
        except BaseException:
            traceback.print_exc()
            return 1
    return 0


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)
