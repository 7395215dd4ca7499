"""The data of an experiment: a set that a user has, or one that is drawn; and the still faces for pretraining."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from akm_jax.config import DataConfig, PretrainConfig
from akm_jax.data.clip_set import ClipSet
from akm_jax.data.long_videos import LongVideoSet
from akm_jax.data.pooling import pool_clip_sets
from akm_jax.files import one_at_a_time, read_json
from datasets_tfds.classes import PAPER4
from datasets_tfds.long.source import load_long_videos
from datasets_tfds.source import load_clip_set
from datasets_tfds.stills import write_stills
from datasets_tfds.synthetic import (
    ClipSpec,
    CorpusConfig,
    LongCorpusConfig,
    draw_clip,
    write_corpus,
    write_long_corpus,
)
from datasets_tfds.synthetic.annotated_layouts import DRAWN_AS
from datasets_tfds.synthetic.corpus import TRUTH_FILE
from datasets_tfds.synthetic.expressions import EMOTIONS
from datasets_tfds.synthetic.layouts import SMIC
from experiments.command import OptionError, console
from experiments.options import DRAWN_LONG, DataOptions, LongDataOptions, split_names

# Seed of the drawn people of the stills; corpora of this seed are refused, so no person is both still and subject.
STILLS_SEED = 2**31 - 1
# The sets of the composite of MEGC 2019, as an option names them.
SEVERAL = "smic,casme2,samm"


def load_data(data: DataOptions, how: DataConfig) -> ClipSet:
    """The data set of an experiment, or several as one; synthetic ones are drawn and written to disk first.

    Raises:
        FileNotFoundError, ValueError: data that cannot be read, or sets that cannot be pooled.
    """
    drawn = data.dataset == "synthetic"
    names = split_names(data.synthetic.layout if drawn else data.dataset)
    if not names or len(set(names)) < len(names):
        option = "synthetic.layout" if drawn else "dataset"
        raise ValueError(f"--{option}={','.join(names)}: expected a data set, or several, each once")
    if "synthetic" in names:
        raise ValueError(
            f"--dataset={data.dataset}: the drawn set is not pooled with others; --synthetic.layout={SEVERAL} draws "
            "several sets"
        )
    several, parts = len(names) > 1, []
    if several and (data.table_file or data.frames_folder):
        raise ValueError(
            f"--dataset={data.dataset}: --data.table and --data.frames say where the parts of one set lie; leave them "
            "out where several are pooled"
        )
    for i, (name, config) in enumerate(zip(names, _of_each("data_config", data.data_config, names), strict=True)):
        manual_dir, data_dir = data.manual_dir, data.data_dir
        if drawn:
            manual_dir = draw_corpus(data, name, seed=data.synthetic.seed + i)
            data_dir = manual_dir.parent / "built" / manual_dir.name
        elif several and manual_dir:
            manual_dir = manual_dir / name
        clip_set = load_clip_set(
            name,
            manual_dir=manual_dir,
            data_dir=data_dir,
            data_config=config,
            classes="megc3" if several and data.classes == "usual" else data.classes,
            subject_pattern="" if name != "folder" and "folder" in names else how.subject_pattern,
            allow_missing=data.allow_missing,
            places=data.places,
            is_drawn=drawn,
        )
        parts.append(_with_drawn_apexes(clip_set, manual_dir) if drawn and name == "smic" and manual_dir else clip_set)
    return _pooled(parts, data.dataset) if several else dataclasses.replace(parts[0], name=data.dataset)


def _of_each(option: str, value: str | None, names: Sequence[str]) -> list[str | None]:
    """The value of an option for each set: one for all, or as many as sets."""
    given = split_names(value or "")
    if len(given) not in (0, 1, len(names)):
        raise ValueError(
            f"--{option}={value}: {len(given)} values for {len(names)} sets ({', '.join(names)}); expected one, or "
            "one for each"
        )
    if len(given) == len(names):
        return list(given)
    return [given[0] if given else None] * len(names)


def _pooled(parts: Sequence[ClipSet], dataset: str) -> ClipSet:
    for part in parts:
        counts = np.bincount(part.labels, minlength=len(part.class_names))
        said = ", ".join(f"{name} {count}" for name, count in zip(part.class_names, counts, strict=True))
        console.print(f"{part.name}: {len(part)} clips of {len(set(part.subjects))} subjects ({said})", soft_wrap=True)
    return pool_clip_sets(parts, name="synthetic" if dataset == "synthetic" else None)


def _with_drawn_apexes(clip_set: ClipSet, folder: Path) -> ClipSet:
    """SMIC's layout has no place for apexes; of drawn clips they are known."""
    clips = read_json(folder / TRUTH_FILE)["clips"]
    known = {clip["clip"]: clip["apex"] - clip["onset"] for clip in clips if clip["apex"] is not None}
    apexes = np.array([known.get(clip_id, -1) for clip_id in clip_set.clip_ids], np.int32)
    return dataclasses.replace(clip_set, apexes=apexes)


def draw_corpus(data: DataOptions, layout: str, *, seed: int) -> Path:
    """Draw a synthetic corpus unless it is there; its folder is named for everything it depends on."""
    drawn = data.synthetic
    if seed == STILLS_SEED:
        raise ValueError(f"--synthetic.seed={drawn.seed}: {seed} is the seed of the stills; choose another one")
    name = f"{layout}_{drawn.subjects}x{drawn.clips}_strength{drawn.strength:g}_size{drawn.size}_seed{seed}"
    folder = (data.data_dir or Path("data")) / "synthetic" / name
    corpus = CorpusConfig(
        layout=layout,
        subjects=drawn.subjects,
        clips=drawn.clips,
        seed=seed,
        strength=drawn.strength,
        size=drawn.size,
    )
    what = f"{drawn.subjects} people x {drawn.clips} clips"
    return _draw_once(folder, what, lambda: write_corpus(corpus, folder, show_progress=True))


def _draw_once(folder: Path, what: str, write: Callable[[], Path]) -> Path:
    """Draw a corpus unless it is there, or another process draws it now."""
    truth = folder / TRUTH_FILE
    if not truth.is_file():
        with one_at_a_time(folder.with_name(f".{folder.name}.lock"), f"draws {folder.name}"):
            if not truth.is_file():
                console.print(f"drawing {what} into {folder}", soft_wrap=True)
                write()
    return folder


def load_long_data(data: LongDataOptions) -> LongVideoSet:
    """The long videos of an experiment; synthetic ones are drawn and written to disk first."""
    dataset, manual_dir, data_dir = data.dataset, data.manual_dir, data.data_dir
    if dataset == DRAWN_LONG:
        dataset, manual_dir = data.synthetic_long.layout, draw_long_corpus(data)
        data_dir = manual_dir / "built"
    videos = load_long_videos(
        dataset,
        manual_dir=manual_dir,
        data_dir=data_dir,
        data_config=data.data_config,
        allow_missing=data.allow_missing,
        counting=data.counting,
        places=data.places,
        is_drawn=data.dataset == DRAWN_LONG,
    )
    return dataclasses.replace(videos, name=data.dataset)


def draw_long_corpus(data: LongDataOptions) -> Path:
    """Draw the synthetic long videos unless they are there; their folder is named for everything they depend on."""
    drawn = data.synthetic_long
    size = f"{drawn.subjects}x{drawn.videos}x{drawn.seconds:g}s"
    folder = (data.data_dir or Path("data")) / "synthetic_long"
    folder = folder / f"{drawn.layout}_{size}_strength{drawn.strength:g}_seed{drawn.seed}"
    try:
        config = LongCorpusConfig(**dataclasses.asdict(drawn))
    except ValueError as e:  # which begins with the name of what is wrong
        raise OptionError(f"--{DRAWN_LONG}.{e}") from e
    what = f"{drawn.subjects} people x {drawn.videos} long videos"
    return _draw_once(folder, what, lambda: write_long_corpus(config, folder, show_progress=True))


def drawn_emotions(name: str, class_names: Sequence[str]) -> tuple[str, ...]:
    """Emotions that stills of a class show in turn, whatever the scheme; none for a class that is not known.

    Args:
        name: the class: of SMIC, of the paper's four, of MEGC 2019, or an emotion.
        class_names: all of them. "others" takes in repression where that is no class of its own.
    """
    if name in SMIC.class_emotions:
        return SMIC.class_emotions[name]
    if name == "others" and "repression" not in class_names:
        return ("others", "repression")
    return DRAWN_AS.get(name, (name,) if name in EMOTIONS else ())


def draw_stills(how: PretrainConfig, class_names: Sequence[str], *, size: int) -> ClipSet:
    """Drawn faces at the apex of a full expression, clips of one frame, for pretraining.

    Args:
        how: how many people and stills.
        class_names: classes of the set that is trained on afterwards.
        size: side of the drawn frames, pixels.

    Raises:
        ValueError: the data set has a class that no still is drawn of.
    """
    emotions_of = {name: drawn_emotions(name, class_names) for name in class_names}
    unknown = sorted(name for name, emotions in emotions_of.items() if not emotions)
    if unknown:
        raise ValueError(
            f"--pretrain.people={how.people}: no stills are drawn of class {', '.join(unknown)}; give 0, or --init=RUN "
            "of a pretraining on stills of your own (python -m experiments.pretrain --images=FOLDER)"
        )
    people = np.repeat(np.arange(how.people), how.stills)
    index = np.tile(np.arange(how.stills), how.people)
    names = [class_names[i % len(class_names)] for i in index]
    frames = []
    for person, i, name in zip(people, index, names, strict=True):
        emotions = emotions_of[name]
        emotion = emotions[(i // len(class_names)) % len(emotions)]
        spec = ClipSpec(STILLS_SEED, int(person), int(i), emotion, min_frames=3, max_frames=3, size=size)
        clip = draw_clip(spec)
        frames.append(clip.frames[clip.apex][None])
    return ClipSet.from_frames(
        frames,
        names,
        people.tolist(),
        name="drawn stills",
        class_names=class_names,
        clip_ids=[f"{p}_{i}" for p, i in zip(people, index, strict=True)],
    )


def draw_still_folder(folder: Path, people: int, *, size: int) -> None:
    """Draw stills of the paper's four classes, one of each a person, into a folder of pictures, unless they are there.

    Args:
        folder: FOLDER/CLASS/PICTURE.
        people: drawn ones, none of whom is in a corpus.
        size: side of the pictures, pixels.

    Raises:
        ValueError: fewer than two people, or the folder holds something else.
    """
    if people < 2:
        raise ValueError(f"--draw={people}: expected at least 2 people, for some are held out; 0 draws nothing")
    how = PretrainConfig(people=people, stills=len(PAPER4))
    with one_at_a_time(folder.absolute().with_name(f".{folder.name}.lock"), f"draws {folder.name}"):
        if not folder.exists():
            console.print(f"drawing {len(PAPER4)} x {people} stills into {folder}", soft_wrap=True)
        write_stills(draw_stills(how, PAPER4, size=size), folder)
