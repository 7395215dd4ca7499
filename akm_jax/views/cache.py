"""Views of all clips of a set, computed once and kept on disk; and what is refused as no pure function of a clip.

    <cache>/<view>-<digest of settings and source>/<checksum of the set>/<clip id>-<digest of all it is computed from>

An entry is an .npz archive after the SHA-256 of its bytes. It is read only if it is whole; a damaged one is made anew.
Of several processes that lack entries of one set the first computes them, and the others wait.
"""

import contextlib
import dataclasses
import hashlib
import inspect
import io
import os
import re
import tempfile
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from akm_jax.data.clip_set import Clips
from akm_jax.files import one_at_a_time
from akm_jax.observe import Track
from akm_jax.views.clip_landmarks import checksum_of, read_landmarks
from akm_jax.views.view import Clip, LeakError, Seen, View, Views, from_files, landmark_file

# Name of the one array of a view that gives no names.
ONLY = "value"
VARIABLE = "AKM_VIEWS_DIR"
FLOW_VERSIONS = {"tvl1": 2}
"""Counts changes of what flow of a name gives: count up, and whatever was kept of it is computed anew."""
DIGEST_BYTES = hashlib.sha256().digest_size
_PLAIN = (bool, int, float, str, bytes, Path, type(None))


def cache_folder() -> Path:
    """Where views are kept: `AKM_VIEWS_DIR`, or `akm_jax/views` in the user's folder for caches."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "akm_jax" / "views"


def compute_views(
    view: View,
    clips: Clips,
    clip_ids: Sequence[str],
    *,
    folder: Path | None = None,
    track: Track = lambda items, what, total: items,
) -> Views:
    """What a view makes of every clip. What is ready-made is read where it lies, and not kept a second time.

    Args:
        view: a frozen dataclass with plain settings, or a function without a closure.
        clips: the set.
        clip_ids: N names, for the files.
        folder: where views are kept; `cache_folder()` when None.
        track: progress display.

    Raises:
        LeakError: the view asks for what it must not see, holds more than settings, or is no pure function: computed
            again it gives something else.
        FileNotFoundError: a file that the view takes something from is not there.
        ValueError: a clip cannot be read, or the view gives something other than arrays; a file of landmarks is
            misformed, or lacks clips.
    """
    if (ready := from_files(view)) is not None:
        return Views(ready.given(clip_ids))
    points = _landmarks(view, clip_ids)
    place = (folder or cache_folder()) / f"{_name(view)}-{fingerprint(view)}" / f"{clips.pictures.checksum:08x}"
    fresh: list[int] = []
    seen = []
    paths = [place / _file_name(clips, i, clip_ids[i]) for i in range(len(clips))]
    with contextlib.ExitStack() as held:
        is_held = False
        for i, path in enumerate(track(paths, f"Computing views ({_name(view)})", len(clips))):
            found = read_entry(path)
            if found is None and not is_held:
                is_held = True
                held.enter_context(one_at_a_time(place / ".lock", f"computes views ({_name(view)}) of these clips"))
                found = read_entry(path)
            if found is None:
                found = _compute(view, clips, i, clip_ids[i], points[i])
                write_entry(path, found)
                fresh.append(i)
            seen.append(found)
        for i in {*fresh[:1], *fresh[len(fresh) // 2 :][:1]}:
            if not _equal(_compute(view, clips, i, clip_ids[i], points[i]), seen[i]):
                for k in fresh:
                    paths[k].unlink(missing_ok=True)
                raise LeakError(
                    f"view {_name(view)} is no pure function of a clip: computed again for {clip_ids[i]} it gives "
                    "something else; it must not count calls, draw at random or look at other clips"
                )
    return Views([_as_given(found) for found in seen])


def see(view: View, clips: Clips, clip_ids: Sequence[str]) -> Views:
    """What a view makes of clips that nothing is kept of.

    Raises:
        LeakError, ValueError: as `compute_views`.
    """
    points = _landmarks(view, clip_ids)
    return Views([_as_given(_compute(view, clips, i, clip_id, points[i])) for i, clip_id in enumerate(clip_ids)])


def _landmarks(view: View, clip_ids: Sequence[str]) -> Sequence[np.ndarray | None]:
    """Landmarks of each clip where the view wants them from a file."""
    path = landmark_file(view)
    return [None] * len(clip_ids) if path is None else read_landmarks(path, clip_ids)


def _as_given(found: dict[str, np.ndarray]) -> Seen:
    return dict(found) if list(found) != [ONLY] else found[ONLY]


def fingerprint(view: View) -> str:
    """Digest of a view's settings and source: another one where either has changed.

    What the view calls outside its own body is not followed: after a change there, remove the kept entries, or count up
    a setting of the view; after one of optical flow, `FLOW_VERSIONS`.

    Raises:
        LeakError: it holds more than plain settings.
    """
    kind = view if inspect.isfunction(view) else type(view)
    settings = repr(describe_view(view))
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):  # typed at a prompt or in a notebook
        source = _compiled(kind)
    flow = FLOW_VERSIONS.get(str(getattr(view, "flow", "")), "")
    text = f"{kind.__module__}.{kind.__qualname__}\n{settings}\n{source}{flow}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def describe_view(view: View) -> dict[str, Any]:
    """Name and settings of a view; of one that reads files their checksum too.

    Raises:
        LeakError: it holds more than plain settings.
        FileNotFoundError: the folder of ready-made pictures, or the file of landmarks, is not there.
    """
    _require_pure(view)
    settings: dict[str, Any] = {} if inspect.isfunction(view) else dataclasses.asdict(view)  # type: ignore[call-overload]
    if (ready := from_files(view)) is not None:
        settings["given_checksum"] = ready.given_checksum()
    if (path := landmark_file(view)) is not None:
        settings["landmarks_checksum"] = checksum_of(path)
    return {"name": _name(view), **settings}


def read_entry(path: Path) -> dict[str, np.ndarray] | None:
    """An entry; None if there is none or it is damaged."""
    if not path.is_file():
        return None
    content = path.read_bytes()
    digest, archive = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    if hashlib.sha256(archive).digest() != digest:
        return None
    with np.load(io.BytesIO(archive), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def write_entry(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an entry beside its place, then rename it: several runs may write the same one."""
    archive = io.BytesIO()
    np.savez(archive, **arrays)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".partial", delete=False) as file:
        file.write(hashlib.sha256(archive.getbuffer()).digest())
        file.write(archive.getbuffer())
    Path(file.name).replace(path)


def _compiled(kind: Any) -> str:
    """What stands for a source that is not kept anywhere: the compiled functions of a view."""
    functions = [kind] if inspect.isfunction(kind) else [one for one in vars(kind).values() if inspect.isfunction(one)]
    return "\n".join(f"{function.__qualname__} {_code(function.__code__)}" for function in functions)


def _code(code: types.CodeType) -> str:
    constants = [_code(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _require_pure(view: View) -> None:
    if inspect.isfunction(view):
        if view.__closure__:
            names = ", ".join(view.__code__.co_freevars)
            raise LeakError(
                f"view {view.__qualname__} uses {names} of the function it is made in, through which labels could "
                "reach it; make it a frozen dataclass whose fields are its settings"
            )
        defaults = {p.name: p.default for p in inspect.signature(view).parameters.values() if p.default is not p.empty}
        for name, value in defaults.items():
            _require_plain(view, name, value)
        return
    if not dataclasses.is_dataclass(view) or not type(view).__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise LeakError(
            f"view {_name(view)}: expected a frozen dataclass whose fields are its settings, or a plain function"
        )
    held = {field.name: getattr(view, field.name) for field in dataclasses.fields(view)} | getattr(view, "__dict__", {})
    for name, value in held.items():
        _require_plain(view, name, value)


def _require_plain(view: View, name: str, value: Any) -> None:
    """Numbers, texts, and tuples or frozen dataclasses of them."""
    if isinstance(value, tuple):
        for item in value:
            _require_plain(view, name, item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            _require_plain(view, f"{name}.{field.name}", getattr(value, field.name))
    elif not isinstance(value, _PLAIN):
        raise LeakError(
            f"view {_name(view)} holds {name}, a {type(value).__name__}: labels could reach it so, and results could "
            "not be kept by its settings; expected numbers, texts, or tuples of them"
        )


def _name(view: View) -> str:
    return view.__name__ if inspect.isfunction(view) else type(view).__name__


def _file_name(clips: Clips, i: int, clip_id: str) -> str:
    """Readable, and unique whatever the clip is called; another one where the clip's times have changed."""
    readable = re.sub(r"[^\w.-]+", "_", clip_id, flags=re.ASCII)[:60]
    of = repr((clip_id, int(clips.lengths[i]), float(clips.fps[i]), int(clips.apexes[i])))
    return f"{readable}-{hashlib.sha256(of.encode()).hexdigest()[:16]}"


def _compute(view: View, clips: Clips, i: int, clip_id: str, landmarks: np.ndarray | None) -> dict[str, np.ndarray]:
    frames = clips.read(i).view()
    frames.flags.writeable = False
    try:
        made: Seen = view(Clip(frames, float(clips.fps[i]), int(clips.apexes[i]), landmarks))
    except LeakError:
        raise
    except ValueError as error:
        raise ValueError(f"view {_name(view)}, clip {clip_id}: {error}") from error
    named = dict(made) if isinstance(made, Mapping) else {ONLY: made}
    arrays = {name: np.asarray(value) for name, value in named.items()}
    wrong = [name for name, array in arrays.items() if array.dtype.kind not in "biufc"]
    if wrong or not arrays:
        raise ValueError(
            f"view {_name(view)} gives {type(made).__name__} for clip {clip_id}; expected an array of numbers, or "
            "arrays by name"
        )
    return arrays


def _equal(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k], equal_nan=True) for k in one)
