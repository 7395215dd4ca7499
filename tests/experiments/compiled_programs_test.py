import io
from pathlib import Path

import jax
import pytest
from rich.console import Console

from experiments import compiled_programs
from experiments.compiled_programs import JAX_SETTING, cache_folder, keep_compiled_programs


@pytest.fixture
def settings(monkeypatch):
    """What is set of JAX's configuration, which itself stays as the tests need it."""
    changed = {}
    monkeypatch.setattr(jax.config, "update", changed.__setitem__)
    monkeypatch.delenv(JAX_SETTING, raising=False)
    monkeypatch.delenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", raising=False)
    return changed


def keep() -> str:
    text = io.StringIO()
    keep_compiled_programs(Console(file=text, width=1000))
    return text.getvalue()


def test_programs_are_kept_in_the_users_cache_folder(settings, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert keep() == ""
    folder = tmp_path / "akm_jax" / "compiled"
    assert list(folder.iterdir()) == []
    assert settings == {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": compiled_programs.SHORTEST_COMPILATION_S,
    }


def test_without_the_variable_the_folder_lies_under_home(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == Path.home() / ".cache" / "akm_jax" / "compiled"


@pytest.mark.parametrize("value", ["elsewhere", ""])
def test_the_users_own_setting_stays(settings, monkeypatch, tmp_path, value):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(JAX_SETTING, value)
    assert keep() == ""
    assert not settings
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["/proc/akm", "{file}"])
def test_a_folder_that_cannot_be_written_costs_a_warning(settings, monkeypatch, tmp_path, folder):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", folder.format(file=tmp_path / "file"))
    text = keep()
    assert text.startswith("warning: compiled programs cannot be kept")
    assert Path(folder).stem.strip("{}") in text
    assert len(text.splitlines()) == 1
    assert not settings


def test_a_user_without_a_home_is_warned(settings, monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert "home directory" in keep()
    assert not settings
