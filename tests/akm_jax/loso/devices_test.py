"""Trainings side by side, with stand-ins for devices; `loso_command_test.py` runs simulated ones."""

import threading
import time
from collections import deque

import jax
import pytest

from akm_jax.loso.devices import choose_devices, on_every_device
from akm_jax.observe import Observer, Place, Progress


def progress(device):
    return Progress(Place(0, device, "all_subjects"), 1, 2, 0.5, 10, 1.0)


class Alone(Observer):
    """Notices two reports at once."""

    def __init__(self):
        self.told = []
        self._busy = False

    def step_done(self, progress):
        assert not self._busy
        self._busy = True
        time.sleep(0.001)
        self._busy = False
        self.told.append(progress.place.subject)

    def training_starts(self, place, epoch):
        self.told.append(("starts", place.subject, epoch))

    def epoch_done(self, place, entry):
        self.told.append(("epoch", place.subject, entry))


def test_every_device_trains_and_reports_one_at_a_time():
    observer = Alone()

    def train(device, observer):
        observer.training_starts(progress(device).place, 3)
        for _ in range(20):
            observer.step_done(progress(device))
        observer.epoch_done(progress(device).place, {"epoch": 1})

    on_every_device(["a", "b", "c"], train, observer)
    for device in "abc":
        assert observer.told.count(device) == 20
        assert observer.told.count(("starts", device, 3)) == observer.told.count(("epoch", device, {"epoch": 1})) == 1


def test_the_others_start_after_the_first_call_of_the_first():
    events = []

    def train(device, observer):
        events.append(f"{device} starts")
        if device == "a":
            time.sleep(0.05)
            events.append("a compiled")
        observer.step_done(progress(device))

    on_every_device(["a", "b"], train, Observer())
    assert events == ["a starts", "a compiled", "b starts"]


def test_a_first_device_with_nothing_to_train_lets_the_others_start():
    started = []
    on_every_device(["a", "b"], lambda device, observer: started.append(device), Observer())
    assert started == ["a", "b"]


@pytest.mark.parametrize("failing", ["a", "b"])
@pytest.mark.parametrize("error", [FloatingPointError("loss is not finite"), KeyboardInterrupt()])
def test_what_fails_stops_the_others_at_their_next_call(failing, error):
    calls, left = deque(), threading.active_count()

    def train(device, observer):
        while True:
            time.sleep(0.002)
            observer.step_done(progress(device))
            calls.append(device)
            if device == failing and set(calls) == {"a", "b"}:
                raise error

    with pytest.raises(type(error)):
        on_every_device(["a", "b"], train, Observer())
    assert threading.active_count() == left


def test_a_device_that_fails_before_its_first_call_stops_those_that_wait():
    def train(device, observer):
        assert device == "a"
        raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        on_every_device(["a", "b"], train, Observer())


def test_devices_are_all_or_the_first_ones(monkeypatch):
    first = jax.devices()[0]
    monkeypatch.setattr(jax, "local_devices", lambda: [first, "second", "third"])
    assert len(choose_devices(0)) == 3
    assert choose_devices(2) == [(first,), ("second",)]
    assert choose_devices(0, parts=2) == [(first, "second")]
    with pytest.raises(ValueError, match=r"--devices=4: this machine has 3 \(cpu\); give at most 3, or 0 for all"):
        choose_devices(4)
