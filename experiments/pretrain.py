"""Pretrain AKMNet on still faces: a folder with one folder of pictures a class, any format, read as grey.

    python -m experiments.pretrain --images=FOLDER
    python -m experiments.pretrain --images=FOLDER --draw=50     drawn faces, no data needed
    python -m experiments.loso --init=runs/pretrain-FOLDER-paper --dataset=casme2 ...

The paper starts from 4 x 1000 photographs of faces of the four classes; neither they nor its weights were released.
Every fold of a run with --init starts from what is learned here: no person of the stills may be one of the data set.
"""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import tyro

from akm_jax.config import AKMNetConfig, DataConfig, ModelConfig, PretrainConfig, RunOptions
from akm_jax.files import PRETRAINED
from akm_jax.observe import Observer, Progress
from akm_jax.progress import track
from experiments.command import checked_options, command_line, console, parse, require_writable, run_command
from experiments.options import check_preset, value_of

USUAL = PretrainConfig()


@dataclasses.dataclass(frozen=True)
class StillsConfig(DataConfig):
    """How stills are read; where decoded ones are kept changes no result."""

    subject_pattern: tyro.conf.Suppress[tyro.conf.Fixed[str]] = ""  # whom stills show is not asked


@dataclasses.dataclass(frozen=True)
class PretrainCommand:
    """What is learned from, and how."""

    images: Path
    """Folder of the pictures, FOLDER/CLASS/PICTURE."""
    draw: int = 0
    """Draw the folder first, unless it is there: faces of so many people in no corpus, for trying it out, each with the
    four classes of the paper, as large as the network sees them."""
    preset: Literal["paper", "demo", "tiny"] = "paper"
    """The network of that preset of experiments.loso: the published one, a slim one, or the smallest."""
    run_dir: Path | None = None
    """Where weights go; runs/pretrain-<name of the folder>-<preset> when not given."""
    epochs: int = USUAL.epochs
    """Passes over the stills."""
    clips_per_step: int = USUAL.clips_per_step
    """Stills a step."""
    learning_rate: float = USUAL.learning_rate
    """Peak learning rate, one cosine decay."""
    held_out_share: float = USUAL.held_out_share
    """Share of each class that only measures how well it worked."""
    seed: int = 0
    """Of weights, order and crops."""
    model: ModelConfig = ModelConfig()
    data: StillsConfig = StillsConfig()

    @property
    def place(self) -> Path:
        """The run directory."""
        return self.run_dir or Path("runs") / f"pretrain-{self.images.resolve().name}-{self.preset}"

    @property
    def config(self) -> AKMNetConfig:
        """Settings of the network and its pretraining."""
        how = PretrainConfig(
            epochs=self.epochs,
            clips_per_step=self.clips_per_step,
            learning_rate=self.learning_rate,
            held_out_share=self.held_out_share,
        )
        return AKMNetConfig(model=self.model, pretrain=how)

    @property
    def settings(self) -> dict[str, Any]:
        """What the run directory records."""
        config = self.config
        recorded = {
            "method": "pretrain",
            "preset": self.preset,
            "seed": self.seed,
            "model": dataclasses.asdict(config.model),
            "pretrain": dataclasses.asdict(config.pretrain),
        }
        return json.loads(json.dumps(recorded))


@command_line(writes=("--run_dir",), resumes=True)
def main(arguments: Sequence[str]) -> None:
    """Parse, read the pictures, train, write the weights, say how well they read."""
    preset = value_of(arguments, "preset", "paper")
    check_preset(preset)
    command = parse(
        PretrainCommand,
        arguments,
        program="python -m experiments.pretrain",
        description=__doc__,
        default=PretrainCommand(images=tyro.MISSING, model=AKMNetConfig.preset(preset).model),
    )
    config = command.config
    with checked_options():
        config.validate()
        command.data.validate()
    require_writable("--run_dir", command.place)
    # Here: whoever mistypes an option need not wait for what trains.
    from akm_jax.loso.run_dir import open_run
    from akm_jax.methods.akmnet import AKMNet
    from akm_jax.train import checkpoint
    from akm_jax.train.pretrain import pretrain
    from datasets_tfds.stills import load_stills
    from experiments.compiled_programs import keep_compiled_programs

    observer = EpochLines()
    if command.draw:
        from experiments.data import draw_still_folder  # here: it loads what draws

        require_writable("--images", command.images)
        draw_still_folder(command.images, command.draw, size=config.model.image_size)
    stills = load_stills(command.images, track=observer.track)
    counts = ", ".join(f"{(stills.labels == k).sum()} {name}" for k, name in enumerate(stills.class_names))
    console.print(f"{len(stills)} stills: {counts}; weights go to {command.place}", soft_wrap=True)
    keep_compiled_programs(console)
    with open_run(command.place, command.settings, stills):
        found, problems = checkpoint.newest(command.place / PRETRAINED)
        for problem in problems:
            console.print(f"{problem}; pretraining again", soft_wrap=True)
        if found is None:
            options = RunOptions(seed=command.seed, data=command.data)
            done = pretrain(AKMNet(config).on_this_machine(0).config, stills, options, observer)
            observer.end()
            notes = {"accuracy": done.accuracy, "held_out_accuracy": done.held_out_accuracy}
            checkpoint.save(command.place / PRETRAINED, command.epochs, done.state, notes)
        else:
            notes = found.notes
    options_of_run = f"--preset={command.preset} --init={command.place}"
    if AKMNetConfig.preset(command.preset).pretrain.people:
        options_of_run += " --pretrain.people=0"
    console.print(
        f"accuracy {notes['accuracy']:.3f} of the stills learned from, {notes['held_out_accuracy']:.3f} of those held "
        f"out; start from these weights: python -m experiments.loso {options_of_run}",
        soft_wrap=True,
    )


class EpochLines(Observer):
    """A line an epoch; a bar while pictures are read, or elsewhere than on a terminal a line a minute."""

    def __init__(self) -> None:
        self._latest: Progress | None = None

    def track(self, items: Iterable, what: str, total: int) -> Iterable:
        """Show it."""
        return track(items, what, total, console)

    def step_done(self, progress: Progress) -> None:
        """A new epoch: the one before it is over."""
        if self._latest is not None and progress.epoch > self._latest.epoch:
            self.end()
        self._latest = progress

    def end(self) -> None:
        """Print the line of the last epoch."""
        done = self._latest
        if done is not None:
            rate = done.frames / done.seconds
            console.print(
                f"epoch {done.epoch}/{done.epochs}: loss {done.loss:.3f}, {rate:,.0f} stills/s", soft_wrap=True
            )


if __name__ == "__main__":
    run_command(main)
