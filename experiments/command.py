"""What the command lines share: parsing with presets, loading data, one-screen errors."""

import dataclasses
import errno
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from rich.console import Console

from akm_jax.config import ExperimentConfig, TrainConfig, preset
from akm_jax.data.clip_set import ClipSet, resize_frame
from datasets_tfds.source import load_clip_set
from datasets_tfds.synthetic import ClipSpec, CorpusConfig, draw_clip, write_corpus
from datasets_tfds.synthetic.layouts import SMIC

# Seed of the drawn people of the stills; corpora of this seed are refused, so no person is both still and subject.
STILLS_SEED = 2**31 - 1

_ELSEWHERE = "; choose a folder you may write to with --run_dir or --data_dir"
_MORE_SPACE = "; make room, then give the same command again: it goes on from what is finished"
REMEDIES = {
    errno.ENOSPC: _MORE_SPACE,
    errno.EDQUOT: _MORE_SPACE,
    errno.EFBIG: _MORE_SPACE,
    errno.EROFS: _ELSEWHERE,
    errno.EACCES: _ELSEWHERE,
    errno.EPERM: _ELSEWHERE,
    errno.ENOTDIR: _ELSEWHERE,
}

console = Console(stderr=True, highlight=False)


@dataclasses.dataclass(frozen=True)
class ExperimentCommand(ExperimentConfig):
    """`ExperimentConfig` as command-line options; training options stand without a prefix (`--epochs`)."""

    train: Annotated[TrainConfig, tyro.conf.arg(name="")] = TrainConfig()


def parse_experiment(arguments: Sequence[str], *, program: str, description: str) -> ExperimentConfig:
    """Parse options whose defaults come from `--preset`."""
    chosen = preset(_preset_name(arguments))
    fields = {f.name: getattr(chosen, f.name) for f in dataclasses.fields(chosen)}
    return tyro.cli(
        ExperimentCommand,
        args=list(arguments),
        prog=program,
        description=description,
        default=ExperimentCommand(**fields),
        use_underscores=True,
    )


def _preset_name(arguments: Sequence[str]) -> str:
    for i, argument in enumerate(arguments):
        if argument.startswith("--preset="):
            return argument.removeprefix("--preset=")
        if argument == "--preset" and i + 1 < len(arguments):
            return arguments[i + 1]
    return ExperimentConfig.preset


def run_dir(config: ExperimentConfig) -> Path:
    """Where a run's results go."""
    return config.run_dir or Path("runs") / f"{config.dataset}-{config.preset}"


def load_data(config: ExperimentConfig) -> ClipSet:
    """The data set of an experiment; the synthetic one is drawn and written to disk first, in SMIC's layout."""
    model, dataset, manual_dir, data_dir = config.model, config.dataset, config.manual_dir, config.data_dir
    if dataset == "synthetic":
        dataset, manual_dir = "smic", draw_corpus(config)
        data_dir = manual_dir / "built"
    clip_set = load_clip_set(
        dataset,
        manual_dir=manual_dir,
        data_dir=data_dir,
        data_config=config.data_config,
        classes=config.classes,
        subject_pattern=config.data.subject_pattern,
        image_size=model.image_size,
        crop_source_size=model.crop_source_size,
        allow_missing=config.allow_missing,
        memory_gib=config.data.memory_gib,
        decode_threads=config.data.decode_threads,
    )
    how = "streamed from disk" if clip_set.streamed else "held in memory"
    console.print(f"{clip_set.gib:.3g} GiB of frames, {how} (--data.memory_gib={config.data.memory_gib:g})")
    return dataclasses.replace(clip_set, name=config.dataset)


def draw_corpus(config: ExperimentConfig) -> Path:
    """Draw the synthetic corpus unless it is there; its folder is named for everything it depends on."""
    drawn = config.synthetic
    if drawn.seed == STILLS_SEED:
        raise ValueError(f"--synthetic.seed={drawn.seed} is the seed of the stills; choose another one")
    name = f"smic_{drawn.subjects}x{drawn.clips}_strength{drawn.strength:g}_size{drawn.size}_seed{drawn.seed}"
    folder = (config.data_dir or Path("data")) / "synthetic" / name
    if not (folder / "truth.json").is_file():
        console.print(f"drawing {drawn.subjects} people x {drawn.clips} clips into {folder}")
        corpus = CorpusConfig(
            subjects=drawn.subjects, clips=drawn.clips, seed=drawn.seed, strength=drawn.strength, size=drawn.size
        )
        write_corpus(corpus, folder, show_progress=console.is_terminal)
    return folder


def draw_stills(config: ExperimentConfig, class_names: Sequence[str]) -> ClipSet:
    """Drawn faces at the apex of a full expression, clips of one frame, for pretraining.

    Raises:
        ValueError: the data set has a class that no still is drawn of.
    """
    unknown = set(class_names) - set(SMIC.class_emotions)
    if unknown:
        raise ValueError(f"--pretrain.people: no stills are drawn of class {', '.join(sorted(unknown))}")
    how, size = config.pretrain, config.synthetic.size
    people = np.repeat(np.arange(how.people), how.stills)
    index = np.tile(np.arange(how.stills), how.people)
    labels = (index % len(class_names)).astype(np.int32)
    frames = []
    for person, i, label in zip(people, index, labels, strict=True):
        emotions = SMIC.class_emotions[class_names[label]]
        emotion = emotions[(i // len(class_names)) % len(emotions)]
        spec = ClipSpec(STILLS_SEED, int(person), int(i), emotion, min_frames=3, max_frames=3, size=size)
        clip = draw_clip(spec)
        frames.append(clip.frames[clip.apex])
    model = config.model
    return ClipSet(
        name="drawn stills",
        class_names=tuple(class_names),
        clip_ids=tuple(f"{p}_{i}" for p, i in zip(people, index, strict=True)),
        subjects=tuple(str(p) for p in people),
        labels=labels,
        lengths=np.ones(len(frames), np.int32),
        frames=np.stack([resize_frame(f, model.image_size) for f in frames]),
        large_frames=np.stack([resize_frame(f, model.crop_source_size) for f in frames]),
        frame_numbers=np.zeros(len(frames), np.int32),
        fps=0.0,
        apexes=np.zeros(len(frames), np.int32),
    )


def run_command(main: Callable[[Sequence[str]], Any]) -> None:
    """Run a command line; expected errors are printed without a traceback, exit code 1."""
    try:
        main(sys.argv[1:])
    except OSError as e:
        remedy = REMEDIES.get(e.errno or 0, "")
        console.print(f"error: {e}{remedy}", style="red", soft_wrap=True, markup=False)
        sys.exit(1)
    except (ValueError, FloatingPointError, ImportError) as e:
        console.print(f"error: {e}", style="red", soft_wrap=True, markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on from here")
        sys.exit(130)
