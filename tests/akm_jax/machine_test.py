"""What Linux has and others lack is simulated: calls that are not there, or that a disk does not know."""

import errno
import os
from pathlib import Path

import pytest

from akm_jax import machine
from akm_jax.ops import flow
from akm_jax.train import parts


def fails_with(code):
    def fail(*_args):
        raise OSError(code, os.strerror(code))

    return fail


def test_without_affinity_all_cores_count(monkeypatch):
    assert 1 <= machine.num_cores() <= os.cpu_count()
    monkeypatch.delattr(os, "sched_getaffinity")
    assert machine.num_cores() == os.cpu_count()
    parts.split_cpu()
    frames = flow.np.zeros((1, 16, 16), flow.np.uint8)
    assert flow.flow(frames, frames, method="dis").shape == (1, 16, 16, 2)


def test_without_proc_the_peak_of_memory_is_known(monkeypatch):
    measured = machine.peak_memory_bytes()
    monkeypatch.setattr(machine, "STATUS", Path("/nowhere/status"))
    assert machine.peak_memory_bytes() > measured / 2
    monkeypatch.setattr(machine.sys, "platform", "darwin")
    assert machine.peak_memory_bytes() > 0


def test_memory_of_the_machine_or_none(monkeypatch):
    assert machine.memory_bytes() > 2**28
    monkeypatch.delattr(os, "sysconf")
    assert machine.memory_bytes() is None


@pytest.mark.parametrize("code", [None, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS])
def test_room_is_asked_for_where_nothing_can_be_reserved(monkeypatch, tmp_path, code):
    """macOS lacks the call; ZFS, NFS and FUSE refuse it."""
    if code is None:
        monkeypatch.delattr(os, "posix_fallocate")
    else:
        monkeypatch.setattr(os, "posix_fallocate", fails_with(code))
    machine.require_room(tmp_path, 2**20, "a checkpoint")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="no room for a checkpoint") as error:
        machine.require_room(tmp_path, machine.free_bytes(tmp_path) + 2**40, "a checkpoint")
    assert error.value.errno == errno.ENOSPC


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_full(monkeypatch, tmp_path, code):
    monkeypatch.setattr(os, "posix_fallocate", fails_with(code))
    with pytest.raises(OSError, match="no room for two") as error:
        machine.require_room(tmp_path, 2, "two")
    assert error.value.errno == code


def test_the_disk_of_a_folder_that_is_not_there_yet(tmp_path):
    assert machine.free_bytes(tmp_path / "a" / "b") > 0
