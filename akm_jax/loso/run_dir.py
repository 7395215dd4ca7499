"""The run directory: whose it is, that only one process writes to it, where a fold's files lie.

run.json              method, settings and data the run was started with
folds/seed0/s1/       result.json and thumbnails.json of a finished fold, and its checkpoints; named for who is left out
pretrained/           weights every fold starts from, where there are such
log.jsonl             one line an epoch and training; tensorboard/ holds the same as event files
predictions.csv       one row a clip: prediction and logits for each rule and seed
summary.json          scores for each rule, and how they were obtained
report.html           the same to look at
lock                  held by the process that writes; empty
"""

import contextlib
import dataclasses
import json
import shutil
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from akm_jax.config import RunOptions
from akm_jax.data.clip_set import ClipSet
from akm_jax.files import only_process, read_json, write_json
from akm_jax.methods.protocol import Method
from akm_jax.views.cache import describe_view

# Settings that say where things lie, how they are read, how often to save, on how many devices, what is looked at
# beforehand: a run may go on with other ones.
FREE_SETTINGS = (
    "run_dir",
    "manual_dir",
    "data_dir",
    "table_file",
    "frames_folder",
    "checkpoint_interval_s",
    "allow_missing",
    "data",
    "devices",
    "check_leaks",
)


@contextlib.contextmanager
def open_run(run_dir: Path, settings: Mapping[str, Any], data: ClipSet | Mapping[str, Any]) -> Iterator[Path]:
    """Hold a run directory for this process: new, or one that the same run left unfinished.

    Half-written files of a killed process are removed. The hold ends with the process, however it ends.

    Args:
        run_dir: the directory.
        settings: of the run, as `describe_run` gives them.
        data: its data, or what identifies them, as `describe_data` gives it.

    Raises:
        ValueError: the directory holds a run of another method, of other settings or of other data (every difference
            is named), or another process is writing to it.
        OSError: the directory cannot be written.
    """
    refusal = (
        f"{run_dir}: another process is writing to this run directory; wait for it to end, or give another --run_dir"
    )
    with only_process(run_dir / "lock", refusal):
        _claim(run_dir, settings, describe_data(data) if isinstance(data, ClipSet) else data)
        _remove_partial(run_dir)
        yield run_dir


def _claim(run_dir: Path, settings: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Record what a run directory is for, or check that it is for the same."""
    bound = {k: v for k, v in settings.items() if k not in FREE_SETTINGS}
    mine = {"config": bound, "data": dict(data)}
    path = run_dir / "run.json"
    if not path.is_file():
        write_json(path, mine)
        return
    found = read_json(path)
    if "method" not in found.get("config", {}):
        raise ValueError(
            f"{run_dir} holds a run of a version before 0.2, whose checkpoints and checksums are of another form: it "
            "cannot go on. Its results stay readable (python -m experiments.report); give another --run_dir to start a "
            "new one."
        )
    theirs, ours = _flatten(found), _flatten(mine)
    differing = [k for k in sorted({*theirs, *ours}) if theirs.get(k) != ours.get(k)]
    if differing:
        lines = [f"  {k}: there {theirs.get(k)!r}, now {ours.get(k)!r}" for k in differing]
        raise ValueError(
            f"{run_dir} holds a run with other settings or data:\n" + "\n".join(lines) + "\n"
            "Give the same options to go on with it, or another --run_dir to start a new one."
        )


def _remove_partial(run_dir: Path) -> None:
    for path in list(run_dir.rglob(".*.partial")):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def describe_data(clip_set: ClipSet) -> dict[str, Any]:
    """What identifies a data set: sizes and a checksum of clips, labels, times and pictures."""
    checksum = zlib.crc32("\n".join([*clip_set.clip_ids, *clip_set.subjects, *clip_set.class_names]).encode())
    for array in (clip_set.labels, clip_set.lengths, clip_set.fps, clip_set.apexes):
        checksum = zlib.crc32(np.ascontiguousarray(array).data, checksum)
    checksum = zlib.crc32(clip_set.checksum.to_bytes(4, "little"), checksum)
    return {
        "name": clip_set.name,
        "num_clips": len(clip_set),
        "num_frames": int(clip_set.lengths.sum()),
        "num_subjects": len(set(clip_set.subjects)),
        "class_names": list(clip_set.class_names),
        **({"sets": list(dict.fromkeys(clip_set.sets))} if clip_set.sets else {}),
        "checksum": f"{checksum:08x}",
    }


def describe_run(method: Method, options: RunOptions, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The settings of a run as JSON types: name of the method, its settings, its view, the run's options, and `extra`.

    Raises:
        ValueError: the method has settings that are no frozen dataclass, or that are called as something else is.
        LeakError: its view holds more than settings.
    """
    config = method.config
    known = dataclasses.is_dataclass(config) and not isinstance(config, type)
    if not known and getattr(config, "__dict__", {}):
        raise ValueError(
            f"method {method.name!r} holds {', '.join(sorted(vars(config)))}, but its config is no dataclass: a run "
            "could not be held to them; make the method, or its config, a frozen dataclass with these as fields"
        )
    own = dataclasses.asdict(config) if known else {}
    if method.view is not None:
        own["view"] = describe_view(method.view)
    named = {"method": method.name, **(extra or {}), **dataclasses.asdict(options)}
    if both := sorted(named.keys() & own.keys()):
        raise ValueError(f"method {method.name!r}: its settings {', '.join(both)} are called as options of the run are")
    return json.loads(json.dumps({**named, **own}, default=_as_text))


def _as_text(value: Any) -> str:
    """A setting that JSON has no type for, as text: a path as it is written."""
    return str(value) if isinstance(value, Path) else repr(value)


def _flatten(content: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(content, dict):
        return {prefix: content}
    return {k: v for key, value in content.items() for k, v in _flatten(value, f"{prefix}.{key}".lstrip(".")).items()}
