"""Folds on several devices of one machine: a thread and a fold a device, nothing exchanged between them."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import jax

from akm_jax.observe import Observer, Place, Progress


class StoppedError(Exception):
    """Another fold failed or the run was stopped: this training ends without a word of its own."""


Devices = tuple[jax.Device, ...]
"""What computes a fold: one device, or several that share each step."""


def choose_devices(wanted: int, parts: int = 1) -> list[Devices]:
    """The devices of `wanted` folds at a time, or of as many as there are for 0.

    Args:
        wanted: folds at a time.
        parts: devices that share a step.

    Raises:
        ValueError: there are fewer.
    """
    local = jax.local_devices()
    found = [tuple(local[i : i + parts]) for i in range(0, len(local) - parts + 1, parts)]
    if wanted > len(found):
        raise ValueError(
            f"--devices={wanted}: this machine has {len(found)} ({local[0].device_kind}); give at most {len(found)}, "
            "or 0 for all"
        )
    return found[: wanted or None]


def on_every_device(devices: Sequence[Devices], train: Callable[[Devices, Observer], None], observer: Observer) -> None:
    """Call `train(device, observer)` in a thread for every device; return when all have returned.

    The first device starts alone; the others follow after its first compiled call, when the step is traced and, on
    back ends whose persistent cache serves every device (GPU), compiled for all of them.

    Args:
        devices: where to train.
        train: takes folds from those that are left until there is none.
        observer: is told of all trainings, by one thread at a time.

    Raises:
        Exception: what the first failing call raised; the others end at their next report, as they do on Ctrl-C.
    """
    together = _Together(observer)

    def work(device: Devices) -> None:
        try:
            if device is not devices[0]:
                together.wait_for_first_call()
            train(device, together)
        except BaseException:
            together.stop()
            raise
        finally:
            together.let_others_start()

    with ThreadPoolExecutor(len(devices), thread_name_prefix="akm_jax_device") as threads:
        try:
            for ended in as_completed([threads.submit(work, device) for device in devices]):
                error = ended.exception()
                if error is not None and not isinstance(error, StoppedError):
                    raise error
        except BaseException:  # KeyboardInterrupt reaches this thread only
            together.stop()
            raise


class _Together(Observer):
    """Passes on what several trainings report, one at a time, and ends them once one has failed."""

    def __init__(self, observer: Observer):
        self._observer = observer
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._called = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def let_others_start(self) -> None:
        self._called.set()

    def wait_for_first_call(self) -> None:
        self._called.wait()
        self._go_on()

    def _go_on(self) -> None:
        if self._stopped.is_set():
            raise StoppedError

    def tell(self, text: str) -> None:
        with self._lock:
            self._observer.tell(text)

    def training_starts(self, place: Place, epoch: int) -> None:
        self._go_on()
        with self._lock:
            self._observer.training_starts(place, epoch)

    def step_done(self, progress: Progress) -> None:
        self.let_others_start()
        self._go_on()
        with self._lock:
            self._observer.step_done(progress)

    def epoch_done(self, place: Place, entry: dict[str, Any]) -> None:
        self._go_on()
        with self._lock:
            self._observer.epoch_done(place, entry)
