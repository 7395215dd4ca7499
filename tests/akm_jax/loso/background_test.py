import threading
import time

import pytest

from akm_jax.loso.background import MOST_JOBS, Background


def fail(message):
    raise OSError(message)


def test_jobs_are_done_in_order_and_all_are_done_at_the_end():
    done = []
    with Background() as background:
        for i in range(20):
            background.do(done.append, i)
    assert done == list(range(20))


def test_jobs_run_beside_the_caller_and_only_so_many_wait():
    may_go, done = threading.Event(), []
    with Background() as background:
        background.do(may_go.wait)
        for i in range(MOST_JOBS - 1):
            background.do(done.append, i)  # returns although the first one is not done
        assert not done
        threading.Timer(0.1, may_go.set).start()
        background.do(done.append, "last")
        assert may_go.is_set()
    assert done == [*range(MOST_JOBS - 1), "last"]


def do_all(*jobs):
    """Hand over jobs, each a function with its arguments; an exception stands for the caller's own failure."""
    with Background() as background:
        for job in jobs:
            if isinstance(job, BaseException):
                raise job
            background.do(*job)


@pytest.mark.parametrize("later", [1, 4 * MOST_JOBS])
def test_after_a_failed_job_no_other_runs_and_its_error_comes_out(later):
    done = []
    with pytest.raises(OSError, match="disk full"):
        do_all((fail, "disk full"), *[(done.append, 1)] * later)
    assert not done


def test_an_error_is_seen_before_the_end():
    with pytest.raises(OSError, match="disk full"):
        do_all((fail, "disk full"), *[(time.sleep, 0)] * MOST_JOBS, ValueError("the end"))


def test_an_error_of_the_caller_is_not_replaced_and_jobs_are_still_done():
    done = []
    with pytest.raises(KeyboardInterrupt):
        do_all((done.append, 1), (fail, "disk full"), KeyboardInterrupt())
    assert done == [1]
