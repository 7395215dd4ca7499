"""Work that need not hold training up: checkpoints and finished folds are written beside it."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

# Jobs under way or waiting: more would keep more copies of the weights in memory.
MOST_JOBS = 3


class Background:
    """One helper thread that does jobs in the order given, for use in `with`, which ends when they are done.

    After a job that failed no later one runs; its error comes out of the next `do`, or of the end of the `with`.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="akm_jax_background")
        self._jobs: deque[Future] = deque()

    def do(self, job: Callable[..., Any], *args: Any) -> None:
        """Hand over a job; returns at once unless too many wait."""
        while self._jobs and (len(self._jobs) >= MOST_JOBS or self._jobs[0].done()):
            self._jobs.popleft().result()
        before = self._jobs[-1] if self._jobs else None
        self._jobs.append(self._thread.submit(_run_after, before, job, args))

    def __enter__(self) -> "Background":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        self._thread.shutdown()
        if kind is None:
            for job in self._jobs:
                job.result()


def _run_after(before: Future | None, job: Callable[..., Any], args: tuple) -> None:
    if before is not None:
        before.result()  # done, since jobs run in order; raises its error, so nothing is built on what failed
    job(*args)
