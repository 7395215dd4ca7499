"""What this machine has, asked in ways that Linux and macOS both answer: cores, memory, room on a disk."""

import errno
import os
import re
import resource
import shutil
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")  # Linux
_CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
# A file system that keeps no promise of room, such as ZFS, NFS or FUSE, answers one of these.
_NO_RESERVATION = (errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.ENODEV)


def num_cores() -> int:
    """Cores this process may use; where the system does not tell (macOS), those there are."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def memory_bytes() -> int | None:
    """Memory of the machine, or of the container where that is less; None where it does not tell."""
    try:
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
    for path in _CONTAINER_LIMITS:
        try:
            text = path.read_text().strip()
        except OSError:
            continue
        found = min(found, int(text)) if text.isdigit() else found
    return found


def peak_memory_bytes() -> int:
    """Most memory this process has held so far; without `/proc` perhaps that of the process it came from."""
    if STATUS.is_file() and (found := re.search(r"VmHWM:\s+(\d+)", STATUS.read_text())):
        return int(found[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux KiB


def free_bytes(folder: Path) -> int:
    """Room on the disk of a folder, which need not be there yet."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


def require_room(folder: Path, num_bytes: int, what: str) -> None:
    """Raise OSError where a folder has no room for so many bytes, which `what` names.

    The room is reserved and given back, which sees quotas too; where the system or its disk reserves nothing, the free
    bytes of the disk are asked for.
    """
    probe = folder / "room"
    try:
        with probe.open("wb") as file:
            if num_bytes and not _reserve(file.fileno(), num_bytes) and free_bytes(folder) < num_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as e:
        raise OSError(e.errno, f"no room for {what}", str(folder)) from e
    finally:
        probe.unlink(missing_ok=True)


def _reserve(file: int, num_bytes: int) -> bool:
    """Reserve room for a file; False where nothing can be reserved."""
    reserve = getattr(os, "posix_fallocate", None)
    if reserve is None:
        return False
    try:
        reserve(file, 0, num_bytes)
    except OSError as e:
        if e.errno in _NO_RESERVATION:
            return False
        raise
    return True
