"""Holding a run directory where there are no locks; what else it promises is in `driver_test.py`."""

import errno

import pytest

from akm_jax.loso import run_dir


def fail_with(code):
    def fail(*_args):
        raise OSError(code, "simulated")

    return fail


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_disk_without_locks_costs_a_warning(monkeypatch, tmp_path, code):
    monkeypatch.setattr(run_dir.fcntl, "flock", fail_with(code))
    with pytest.warns(UserWarning, match="knows no locks"), run_dir.open_run(tmp_path / "run", {"method": "x"}, {}):
        assert (tmp_path / "run" / "run.json").is_file()


def test_another_error_of_the_lock_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(run_dir.fcntl, "flock", fail_with(errno.EIO))
    with pytest.raises(OSError, match="simulated"), run_dir.open_run(tmp_path / "run", {"method": "x"}, {}):
        pass
