"""Leave-one-subject-out training and evaluation of AKMNet.

    python -m experiments.loso --dataset=smic --manual_dir=FOLDER     your SMIC download, the published network
    python -m experiments.loso --preset=demo                          a drawn corpus, minutes on a laptop

Results go to the run directory: summary.json, predictions.csv, folds/. The same command goes on where it was stopped.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import jax
from flax import nnx

from akm_jax.config import ExperimentConfig
from akm_jax.data.clip_set import ClipSet
from akm_jax.interop.torch import copy_matching, load_state_dict
from akm_jax.loso.devices import choose_devices
from akm_jax.loso.driver import run_loso
from akm_jax.loso.log import RunLog
from akm_jax.loso.run_dir import open_run
from akm_jax.models.akmnet import AKMNet
from akm_jax.observe import Observers
from akm_jax.report.page import write_report
from akm_jax.report.writer import ReportWriter
from akm_jax.train import checkpoint
from akm_jax.train.checkpoint import Training
from akm_jax.train.parts import choose_parts, split_cpu
from akm_jax.train.pretrain import pretrain
from akm_jax.train.state import TrainState, initial_state, new_state
from experiments.command import console, draw_stills, load_data, parse_experiment, run_command, run_dir
from experiments.compiled_programs import keep_compiled_programs
from experiments.progress import TrainingDisplay


def main(arguments: Sequence[str]) -> None:
    """Parse, load, train every fold, print the scores."""
    config = parse_experiment(arguments, program="python -m experiments.loso", description=__doc__)
    config.validate()
    keep_compiled_programs(console)
    split_cpu()
    parts = choose_parts(config.train.parts, config.train.clips_per_step, config.devices)
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, parts=parts))
    devices = choose_devices(config.devices, parts)
    clip_set = load_data(config)
    place = run_dir(config)
    lengths = clip_set.lengths
    console.print(
        f"{clip_set.name}: {len(clip_set)} clips of {len(set(clip_set.subjects))} subjects, {lengths.sum()} frames "
        f"({lengths.min()} to {lengths.max()} a clip); {len(devices) * parts} x {devices[0][0].device_kind}; "
        f"results in {place}"
    )
    folds = len(config.chosen_folds) or len(set(clip_set.subjects))
    trainings = ("inner" in config.chosen_rules) + bool({"last", "test"} & set(config.chosen_rules))
    epochs = folds * config.seeds * trainings * config.train.epochs
    with open_run(place, config, clip_set):
        start = starting_weights(config, clip_set, place / "pretrained")
        with TrainingDisplay(console, epochs) as display:
            observer = Observers([display, RunLog(place), ReportWriter(place, clip_set)])
            summary = run_loso(config, clip_set, place, start=start, observer=observer)
        report = write_report(place)
    print_summary(summary, report)


def starting_weights(config: ExperimentConfig, clip_set: ClipSet, folder: Path) -> TrainState | None:
    """Weights every fold starts from: of a file, from drawn stills, or None for fresh ones."""
    if config.init_weights is not None:
        state_dict = load_state_dict(config.init_weights)
        model = AKMNet(config.model, len(clip_set.class_names), rngs=nnx.Rngs(config.seed))
        model, left = copy_matching(state_dict, model)
        console.print(f"starting from {config.init_weights}; entries that do not fit: {', '.join(left) or 'none'}")
        return new_state(model, config.train)[1]
    if config.pretrain.people == 0:
        return None
    like = initial_state(
        jax.random.key(0), model=config.model, train=config.train, num_classes=len(clip_set.class_names)
    )
    found, problems = checkpoint.load_latest(folder, like)
    for problem in problems:
        console.print(f"{problem}; pretraining again")
    if found is not None:
        console.print(f"starting from {folder}")
        return found.state
    console.print(f"pretraining on {config.pretrain.people * config.pretrain.stills} drawn stills of other people")
    stills = draw_stills(config, clip_set.class_names)
    with TrainingDisplay(console, config.pretrain.epochs) as display:
        state, accuracy = pretrain(config, stills, display)
    console.print(f"stills of held-out people: accuracy {accuracy:.3f}")
    checkpoint.save(folder, Training(state, config.pretrain.epochs))
    return state


def print_summary(summary: dict, report: Path) -> None:
    """Print the scores as a person wants to read them."""
    notes = {
        "last": "last epoch (headline)",
        "inner": "best on inner subjects",
        "test": "best on test subject: optimistic",
    }
    low, high = summary["majority_band95"]
    console.print(
        f"majority class {summary['majority_accuracy']:.3f} of {summary['num_clips']} clips, "
        f"by chance {low:.3f} to {high:.3f}"
    )
    for rule, scores in summary["rules"].items():
        low, high = scores["accuracy_ci95"]
        console.print(
            f"{rule:>5}: accuracy {scores['accuracy']:.3f} [{low:.3f}, {high:.3f}], UF1 {scores['uf1']:.3f}, "
            f"UAR {scores['uar']:.3f}   {notes[rule]}",
            markup=False,
        )
    console.print(
        f"padding {summary['padding_share']:.1%}, compilations of the step {summary['compilations']}, "
        f"{summary['frames_per_second']:,.0f} frames/s; look at {report}"
    )


if __name__ == "__main__":
    run_command(main)
