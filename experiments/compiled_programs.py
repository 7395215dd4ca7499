"""Where compiled programs are kept from one start to the next, so that only the first start compiles."""

import os
import tempfile
from pathlib import Path

import jax
from rich.console import Console

# JAX's own setting; set, even to nothing, it is the user's choice and stays.
JAX_SETTING = "JAX_COMPILATION_CACHE_DIR"
# Programs that compile faster are not worth a file.
SHORTEST_COMPILATION_S = 1.0


def cache_folder() -> Path:
    """The user's folder for compiled programs: `$XDG_CACHE_HOME/akm_jax/compiled`, or under `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "akm_jax" / "compiled"


def keep_compiled_programs(console: Console) -> None:
    """Turn on JAX's persistent compilation cache; a folder that cannot be written costs a warning, not the run."""
    if JAX_SETTING in os.environ:
        return
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # whoever can write here runs code in later starts
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, RuntimeError) as e:  # RuntimeError: the user has no home folder
        console.print(
            f"warning: compiled programs cannot be kept ({e}), so every start compiles them anew; make the folder "
            f"writable, or name another one in the environment variable {JAX_SETTING}",
            style="yellow",
            soft_wrap=True,
        )
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", SHORTEST_COMPILATION_S)
