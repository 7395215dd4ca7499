"""Spot expressions in long videos with SOFTNet, leaving each subject out in turn.

    python -m experiments.spot --dataset=cas_me2 --manual_dir=FOLDER     your CAS(ME)^2 download
    python -m experiments.spot --dataset=long_folder --manual_dir=FOLDER your own videos and a table of intervals
    python -m experiments.spot --dataset=synthetic_long --flow=dis       drawn videos, minutes on a laptop

Results go to the run directory: summary.json, predictions.csv, report.html. The same command goes on where it was
stopped. With --recognise=RUN, a run of experiments.loso, spotted micro-expressions get an emotion and STRS is scored.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from akm_jax.spotting.options import SpottingOptions
from experiments.command import (
    checked_options,
    command_line,
    console,
    parse,
    refuse_unused,
    require_writable,
    run_command,
)
from experiments.options import DRAWN_LONG, LongDataOptions

if TYPE_CHECKING:
    from akm_jax.spot import Recognise

_BARE = tyro.conf.arg(name="")


@dataclasses.dataclass(frozen=True)
class SpotCommand:
    """What to spot, in which videos."""

    data: Annotated[LongDataOptions, _BARE] = LongDataOptions()
    run: Annotated[SpottingOptions, _BARE] = SpottingOptions()
    run_dir: Path | None = None
    """Where results go; runs/spot-<dataset> when not given."""
    recognise: Path | None = None
    """Run directory of experiments.loso, of any method, whose models name the emotion of each micro-expression: that of
    the fold without the subject, or the first one where the run does not know the subject."""
    epochs: int = 10
    """Passes over the training frames of a fold."""
    learning_rate: float = 5e-4
    """Of plain SGD."""
    seed: int = 1
    """Of the random start, and of which frames without an expression are taken."""
    features_dir: Path | None = None
    """Where features are kept; the user's folder for caches when not given."""


@command_line(writes=("--run_dir", "--data_dir"), resumes=True)
def main(arguments: Sequence[str]) -> None:
    """Parse, load, run, print the scores."""
    command = parse(SpotCommand, arguments, program="python -m experiments.spot", description=__doc__)
    from datasets_tfds.long.source import LONG_SETS  # here: --help need not wait for it

    if command.data.dataset in (*LONG_SETS, DRAWN_LONG):  # another is refused where the videos are loaded
        refuse_unused(arguments, command.data.unused)
    with checked_options():
        command.run.validate()
    from akm_jax.spot import run_spotting  # here: --help need not wait for it
    from akm_jax.spotting.training import SpotterConfig
    from akm_jax.train.parts import split_cpu
    from experiments.compiled_programs import keep_compiled_programs
    from experiments.data import load_long_data
    from experiments.evaluate_spots import print_spot_scores

    training = SpotterConfig(epochs=command.epochs, learning_rate=command.learning_rate, seed=command.seed)
    run_dir = command.run_dir or Path("runs") / f"spot-{command.data.dataset}"
    require_writable("--run_dir", run_dir)
    keep_compiled_programs(console)
    split_cpu()
    recognise = None if command.recognise is None else make_recogniser(command.recognise)
    videos = load_long_data(command.data)
    console.print(
        f"{videos.name}: {len(videos)} videos of {len(videos.subjects)} subjects, "
        f"{sum(one.num_frames for one in videos)} frames; results in {run_dir}",
        soft_wrap=True,
    )
    summary = run_spotting(
        videos,
        run_dir,
        options=command.run,
        training=training,
        settings=_settings(command, run_dir),
        recognise=recognise,
        emotion_class=_class_of(command),
        features_dir=command.features_dir,
        console=console,
    )
    print_spot_scores(summary | {"types": summary["scores"], "min_iou": 0.5})
    for name, found in summary["baselines"].items():
        by_type = ", ".join(f"{kind} {row['f1']:.3f}" for kind, row in found.items())
        console.print(f"F1 of the {name} baseline: {by_type}", soft_wrap=True)
    console.print(f"report: {run_dir / 'report.html'}", soft_wrap=True)


def _settings(command: SpotCommand, run_dir: Path) -> dict[str, Any]:
    """What a run directory records beside the options of the run."""
    return {"run_dir": run_dir, "recognise": command.recognise, **dataclasses.asdict(command.data)}


def _class_of(command: SpotCommand) -> Callable[[str], str]:
    """From an annotated emotion to the class that the recogniser may give it."""
    if command.recognise is None:
        return str
    from akm_jax.files import read_json
    from datasets_tfds.classes import class_of_emotion

    names = read_json(command.recognise / "run.json")["data"]["class_names"]
    return lambda emotion: class_of_emotion(emotion, names)


def make_recogniser(run_dir: Path) -> "Recognise":
    """Name emotions by the models of a run: of each video's subject that which was trained without it.

    Raises:
        ValueError: the run is not complete, of several sets, or says nothing of single clips.
    """
    from akm_jax.classifier import load_classifier, predict
    from akm_jax.data.subjects import match_subject
    from akm_jax.files import read_json

    if not (run_dir / "summary.json").is_file():
        raise ValueError(f"--recognise={run_dir}: not a finished run; expected a run directory of experiments.loso")
    summary = read_json(run_dir / "summary.json")
    if summary.get("part") or summary.get("data", {}).get("sets"):
        what = f"only {summary['part']} were left out" if summary.get("part") else "a run of several sets"
        raise ValueError(
            f"--recognise={run_dir}: {what}, so that videos would be read by networks that have learned from whom they "
            "show; expected a run of all subjects of one set"
        )
    folds = {path.parent.name.removeprefix("s") for path in run_dir.glob("folds/seed*/s*/result.json")}
    # One now: what can't be read shall be told before videos are read and anything is trained.
    loaded: dict[str | None, Any] = {None: load_classifier(run_dir)}

    def recognise(video, crops):
        subject = match_subject(video.subject, folds)
        if subject not in loaded:
            loaded[subject] = load_classifier(run_dir, subject=subject)
        return loaded[subject].class_names[predict(loaded[subject], crops, fps=video.fps).label]

    return recognise


if __name__ == "__main__":
    run_command(main)
