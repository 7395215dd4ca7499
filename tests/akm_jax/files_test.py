"""Files that are whole or absent, and work that one process does."""

import errno
import fcntl
import threading

import pytest

from akm_jax.files import one_at_a_time, only_process, read_json, write_json, write_text


def test_who_comes_second_waits_and_says_so(tmp_path, caplog):
    order, entered = [], threading.Event()

    def first():
        with one_at_a_time(tmp_path / "place" / ".lock", "draws"):
            entered.set()
            while not caplog.text:
                pass
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(10)
    with one_at_a_time(tmp_path / "place" / ".lock", "draws"):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert f"another process draws; waiting until it is done ({tmp_path / 'place' / '.lock'})" in caplog.text


def test_the_lock_is_free_after_an_error(tmp_path, caplog):
    with pytest.raises(ValueError, match="broken"), one_at_a_time(tmp_path / ".lock", "draws"):
        raise ValueError("broken")
    with one_at_a_time(tmp_path / ".lock", "draws"):
        assert caplog.text == ""


def test_a_place_that_cant_be_written_is_an_error_and_no_wait(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), one_at_a_time(tmp_path / "file" / ".lock", "draws"):
        pass


def test_who_comes_second_is_refused_where_there_is_no_waiting(tmp_path):
    with (
        only_process(tmp_path / "lock", "in use"),
        pytest.raises(ValueError, match="in use"),
        only_process(tmp_path / "lock", "in use"),
    ):
        pass
    with only_process(tmp_path / "lock", "in use"):
        pass


def fail_with(code):
    def fail(*_args):
        raise OSError(code, "simulated")

    return fail


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_disk_without_locks_costs_a_warning(monkeypatch, tmp_path, caplog, code):
    monkeypatch.setattr(fcntl, "flock", fail_with(code))
    for lock in (one_at_a_time(tmp_path / ".lock", "draws"), only_process(tmp_path / "lock", "in use")):
        caplog.clear()
        with lock:
            assert f"{tmp_path}: its disk knows no locks; start only one process at a time" in caplog.text


def test_another_error_of_the_lock_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(fcntl, "flock", fail_with(errno.EIO))
    with pytest.raises(OSError, match="simulated"), one_at_a_time(tmp_path / ".lock", "draws"):
        pass


def test_names_that_are_not_utf_8_lose_no_result(tmp_path):
    write_text(tmp_path / "page.html", "clip \udcff 微")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "clip \\udcff 微"
    write_json(tmp_path / "o.json", {"clip": "\udcff"})
    assert read_json(tmp_path / "o.json") == {"clip": "\udcff"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.json", "page.html"]
