"""From a user's folder or a prepared TFDS set to a `ClipSet`: built on first use, then read from the prepared files.

tensorflow-datasets is needed inside functions only, so that importing this takes no time; TensorFlow is never needed.
"""

import contextlib
import logging
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from akm_jax.data.clip_set import ClipSet
from akm_jax.files import one_at_a_time
from akm_jax.observe import make_console
from akm_jax.progress import track as show
from datasets_tfds.layout import BY_NAME, Places
from datasets_tfds.records import read_records

_log = logging.getLogger(__name__)


def load_clip_set(
    dataset: str,
    *,
    manual_dir: Path | None = None,
    data_dir: Path | None = None,
    data_config: str | None = None,
    allow_missing: bool = False,
    classes: str = "usual",
    subject_pattern: str = "",
    places: Places = BY_NAME,
    is_drawn: bool = False,
) -> ClipSet:
    """Read a data set; prepares it first where that has not been done, or not from the present files.

    Args:
        dataset: one of the keys of `_builder_classes`.
        manual_dir: the folder with the data as distributed. When given, a prepared set is used only if it was made from
            exactly these files (names, sizes, modification times), and made anew otherwise.
        data_dir: where prepared sets lie; TFDS's own default (`TFDS_DATA_DIR`, `~/tensorflow_datasets`) if not given.
        data_config: builder configuration, e.g. "hs" or "vis"; the builder's first one if not given.
        allow_missing: leave clips with missing or broken files out, instead of failing.
        classes: what emotions become, one of `datasets_tfds.classes.SCHEMES`. Clips whose emotion has no class are left
            out, and counted in the log. SMIC keeps its three classes.
        subject_pattern: regular expression that finds the subject in a clip's path, in set "folder" only.
        places: where table and frames lie, if these are not called as usual.
        is_drawn: `manual_dir` is a drawn corpus in the set's layout: its published numbers say nothing of it.

    Returns:
        The clips in the order of subject number, then clip id; their pictures are decoded when they are read.

    Raises:
        FileNotFoundError: `manual_dir` is absent or does not hold the set; or it is not given and nothing is prepared.
        ValueError: unknown data set, configuration or class scheme; broken data; a prepared set that cannot be used.
    """
    own = subject_options(dataset, subject_pattern) | place_options(dataset, places) | {"is_drawn": is_drawn}
    make_builder = _builder_maker(dataset, data_config, data_dir, allow_missing, own)
    builder = prepared_builder(make_builder, manual_dir and Path(manual_dir).expanduser(), allow_missing)
    return read_records(builder, scheme=classes, track=track)


def _builder_classes() -> dict[str, Any]:
    """The data sets that can be read, and their builders."""
    from datasets_tfds.casme.casme_dataset_builder import Builder as Casme  # here: these need tensorflow-datasets
    from datasets_tfds.casme2.casme2_dataset_builder import Builder as Casme2
    from datasets_tfds.folder.folder_dataset_builder import Builder as Folder
    from datasets_tfds.samm.samm_dataset_builder import Builder as Samm
    from datasets_tfds.smic.smic_dataset_builder import Builder as Smic

    return {"casme": Casme, "casme2": Casme2, "folder": Folder, "samm": Samm, "smic": Smic}


def builder_class(dataset: str, data_config: str | None = None) -> Any:
    """The builder class of a data set.

    Raises:
        ValueError: there is no such data set, or it has no configuration `data_config`.
    """
    classes = _builder_classes()
    if dataset not in classes:
        raise ValueError(f"unknown data set {dataset!r}; known: {', '.join(sorted(classes))}")
    found = classes[dataset]
    if data_config is not None and data_config not in found.builder_configs:
        known = ", ".join(found.builder_configs)
        raise ValueError(f"data set {dataset!r} has no configuration {data_config!r}; known: {known}")
    return found


def _builder_maker(
    dataset: str, data_config: str | None, data_dir: Path | None, allow_missing: bool, own: Mapping[str, Any]
) -> Callable[[], Any]:
    """What makes the builder; called again after its prepared set has been deleted, because a builder reads it once."""
    found = builder_class(dataset, data_config)
    return lambda: found(
        config=data_config,
        data_dir=data_dir and Path(data_dir).expanduser(),
        allow_missing=allow_missing,
        track=track,
        **own,
    )


def subject_options(dataset: str, subject_pattern: str) -> dict[str, str]:
    """Options of the builder, and of its `survey`, that only the set "folder" has; none where no pattern is given.

    Raises:
        ValueError: a pattern for another set.
    """
    if subject_pattern and dataset != "folder":
        raise ValueError(f"--data.subject_pattern={subject_pattern}: {dataset} says who its subjects are; leave it out")
    return {"subject_pattern": subject_pattern} if subject_pattern else {}


def place_options(dataset: str, places: Places) -> dict[str, Places]:
    """Where table and frames lie as an option of the builder, and of its `survey`; none where no place is given.

    Raises:
        ValueError: a place that the set does not have.
    """
    if places.table is not None and dataset == "smic":
        raise ValueError(f"--data.table={places.table}: {dataset} has no table; leave it out")
    if places.frames is not None and dataset in ("folder", "long_folder"):
        raise ValueError(
            f"--data.frames={places.frames}: the frames of {dataset} lie where its table says; leave it out, and give "
            "--manual_dir, the folder that the table's paths start from"
        )
    return {} if places == BY_NAME else {"places": places}


def prepared_builder(make_builder: Callable[[], Any], manual_dir: Path | None, allow_missing: bool) -> Any:
    """A builder whose set is prepared: from the present files of `manual_dir`, if that is given."""
    builder = make_builder()
    fingerprint = None if manual_dir is None else builder.fingerprint(manual_dir)
    reason = _why_not_usable(builder, fingerprint, allow_missing)
    if reason is None:
        return _tell_left_out(builder)
    if manual_dir is None:
        kind = ValueError if builder.info.initialized else FileNotFoundError
        raise kind(
            f"{builder.info.full_name} in {builder.data_dir}: {reason}; pass --manual_dir, the folder that "
            f"holds the data as distributed\n{builder.MANUAL_DOWNLOAD_INSTRUCTIONS}"
        )
    place = Path(builder.data_dir)
    with one_at_a_time(place.parent.with_name(f".{place.parent.name}.lock"), f"prepares {builder.info.full_name}"):
        builder = make_builder()  # another process may have prepared it meanwhile
        reason = _why_not_usable(builder, fingerprint, allow_missing)
        if reason is None:
            return _tell_left_out(builder)
        level = logging.WARNING if builder.info.initialized else logging.INFO
        _log.log(level, "%s in %s: %s; preparing it from %s", builder.info.full_name, place, reason, manual_dir)
        with _set_aside(place):
            return _build(make_builder(), manual_dir)


def _tell_left_out(builder: Any) -> Any:
    if left_out := builder.info.metadata["left_out"]:
        _log.warning("%s was prepared without %s", builder.info.full_name, ", ".join(left_out))
    return builder


def _why_not_usable(builder: Any, fingerprint: str | None, allow_missing: bool) -> str | None:
    """Why the prepared set cannot be used as it is; None if it can."""
    if not builder.info.initialized:
        return "nothing is prepared there"
    record, file_format = builder.info.metadata, builder.info.file_format.value
    if file_format != "array_record":
        return f"it has file format {file_format}, expected array_record"
    if "fingerprint" not in record:
        return "it does not say what it was made from"
    if record["problems"] and not allow_missing:
        clips = ", ".join(record["left_out"])
        return f"it was made with missing clips allowed, and lacks {clips or 'none'} (--allow_missing accepts that)"
    if fingerprint not in (None, record["fingerprint"]):
        return "it was made from other files, or these have changed since"
    return None


@contextlib.contextmanager
def _set_aside(folder: Path) -> Iterator[None]:
    """Make room for a new `folder`; the old one comes back if the new one cannot be made."""
    old = folder.with_name(f"incomplete.replaced_{folder.name}")
    shutil.rmtree(old, ignore_errors=True)
    if not folder.exists():
        yield
        return
    folder.rename(old)
    try:
        yield
    except BaseException:
        old.rename(folder)
        raise
    shutil.rmtree(old)


def _build(builder: Any, manual_dir: Path) -> Any:
    """Prepare the set; what TFDS prints goes to stderr."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    with contextlib.redirect_stdout(sys.stderr):
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual_dir))
    return builder


def track(items: Iterable, what: str, total: int) -> Iterable:
    """Show progress on stderr."""
    return show(items, what, total, make_console())
