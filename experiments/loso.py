"""Training and evaluation of a method, AKMNet unless --method names another, leaving out a subject, or a set, in turn.

    python -m experiments.loso --dataset=smic --manual_dir=FOLDER     your SMIC download, the published network
    python -m experiments.loso --dataset=folder --manual_dir=FOLDER   your own clips
    python -m experiments.loso --preset=demo                          a drawn corpus, minutes on a laptop

Several sets, three of them the composite of MEGC 2019, all subjects or one set after another left out; the same, drawn:

    python -m experiments.loso --dataset=smic,casme2,samm --manual_dir=FOLDER --protocol=loso|leave_one_set_out
    python -m experiments.loso --preset=demo --synthetic.layout=smic,casme2,samm --protocol=loso|leave_one_set_out

Results go to the run directory: summary.json, predictions.csv, folds/. The same command goes on where it was stopped.
"""

import functools
from collections.abc import Sequence
from pathlib import Path

from akm_jax.methods import find_method
from akm_jax.methods.akmnet import AKMNet
from akm_jax.methods.protocol import Method
from experiments.command import checked_options, command_line, console, require_writable, run_command
from experiments.options import Experiment, parse_experiment


@command_line(writes=("--run_dir", "--data_dir"), resumes=True)
def main(arguments: Sequence[str]) -> None:
    """Parse, load, train every fold, print the scores."""
    experiment = parse_experiment(arguments, program="python -m experiments.loso", description=__doc__)
    # Here: whoever asks for --help, or mistypes an option, need not wait for what trains.
    from akm_jax.run import run_loso
    from experiments.compiled_programs import keep_compiled_programs
    from experiments.data import load_data

    with checked_options():
        experiment.options.validate()
        method = make_method(experiment, ())
        method.validate()
    require_writable("--run_dir", experiment.run_dir)
    keep_compiled_programs(console)
    devices = describe_devices(method.on_this_machine(experiment.options.devices), experiment)
    clip_set = load_data(experiment.data, experiment.options.data)
    lengths = clip_set.lengths
    console.print(
        f"{clip_set.name}: {len(clip_set)} clips of {len(set(clip_set.subjects))} subjects, {lengths.sum()} frames "
        f"({lengths.min()} to {lengths.max()} a clip); {devices}results in {experiment.run_dir}",
        soft_wrap=True,
    )
    summary = run_loso(
        make_method(experiment, clip_set.class_names),
        clip_set,
        experiment.run_dir,
        options=experiment.options,
        settings=experiment.settings,
        console=console,
    )
    print_summary(summary, experiment.run_dir / "report.html", epochs=method.epochs)


def make_method(experiment: Experiment, class_names: Sequence[str]) -> Method:
    """The method with its settings; AKMNet is given the drawn faces it may be pretrained on."""
    kind = find_method(experiment.method_name)
    if kind is AKMNet:
        from experiments.data import draw_stills

        how, size = experiment.config.pretrain, experiment.data.synthetic.size
        return AKMNet(experiment.config, stills=functools.partial(draw_stills, how, class_names, size=size))
    return experiment.config if isinstance(experiment.config, Method) else kind(experiment.config)  # type: ignore[call-arg]


def describe_devices(method: Method, experiment: Experiment) -> str:
    """What will compute.

    Raises:
        ValueError: there are fewer devices than asked for.
    """
    if not method.parts:
        return ""
    from akm_jax.loso.devices import choose_devices

    devices = choose_devices(experiment.options.devices, method.parts)
    return f"{len(devices) * method.parts} x {devices[0][0].device_kind}; "


def print_summary(summary: dict, report: Path, *, epochs: int | None = None) -> None:
    """Print the scores as a person wants to read them.

    Args:
        summary: of the run.
        report: its page.
        epochs: of a training, where known: of few, rule test has no choice.
    """
    from akm_jax.loso.rules import FIRST_CHOSEN_EPOCH

    who = "set" if summary["config"].get("protocol") == "leave_one_set_out" else "subject"
    part = summary.get("part", "")
    whole = summary.get("complete", True)
    notes = {
        "last": "last epoch (headline)" if whole else "last epoch",
        "inner": "best on inner subjects",
        "test": f"best on test {who}: optimistic",
    }
    if epochs is not None and epochs <= FIRST_CHOSEN_EPOCH:
        notes["test"] = "last epoch: there is none before it to choose"
    low, high = summary["majority_band95"]
    console.print(
        f"majority class {summary['majority_accuracy']:.3f} of {summary['num_clips']} clips, "
        f"by chance {low:.3f} to {high:.3f}{f'   {part}' if part else ''}",
        soft_wrap=True,
    )
    for rule, scores in summary["rules"].items():
        low, high = scores["accuracy_ci95"]
        console.print(
            f"{rule:>5}: accuracy {scores['accuracy']:.3f} [{low:.3f}, {high:.3f}], UF1 {scores['uf1']:.3f}, "
            f"UAR {scores['uar']:.3f}   {', '.join([part] * bool(part) + [notes[rule]])}",
            soft_wrap=True,
        )
        print_sets(scores)
    if part:
        console.print(
            f"{part} were left out: no result of the set; without --folds, in another --run_dir, all are",
            soft_wrap=True,
        )
    elif not whole:
        console.print("every epoch stopped early: a try-out, no result of the set", soft_wrap=True)
    facts = [
        text.format(summary[name])
        for name, text in (
            ("padding_share", "padding {:.1%}"),
            ("padding_of_last_steps", "{:.1%} in the last step of an epoch, which holds the clips left over"),
            ("compilations", "compilations of the step {}"),
            ("frames_per_second", "{:,.0f} frames/s"),
        )
        if name in summary
    ]
    if facts:
        console.print(", ".join(facts), soft_wrap=True)
    console.print(f"report: {report}", soft_wrap=True)


def print_sets(scores: dict) -> None:
    """Print what each data set of several comes to, and the mean over sets."""
    rows = [
        (name, f"{found['accuracy']:.3f} (majority {found['majority_accuracy']:.3f})", found)
        for name, found in scores.get("per_set", {}).items()
    ]
    if "mean_over_sets" in scores:
        rows.append(("mean", f"{scores['mean_over_sets']['accuracy']:.3f}", scores["mean_over_sets"]))
    for name, accuracy, found in rows:
        console.print(
            f"       {name:<8} accuracy {accuracy:<24} UF1 {found['uf1']:.3f}, UAR {found['uar']:.3f}", soft_wrap=True
        )


if __name__ == "__main__":
    run_command(main)
