"""Emotion class and key frames of one clip: a folder of frames, or a video file (all its frames).

    python -m experiments.predict my_clip/ --checkpoint=runs/smic-paper
    python -m experiments.predict my_clip.avi --checkpoint=akmnet.pt --classes=positive,negative,surprise,others --json

The clip should run from onset to offset and show the face as the training clips do.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from akm_jax.classifier import Classifier, Prediction, load_classifier, predict
from akm_jax.data.own_clip import read_frames
from akm_jax.report.picture import key_frame_picture
from experiments.command import console, run_command
from experiments.compiled_programs import keep_compiled_programs


@dataclasses.dataclass(frozen=True)
class PredictCommand:
    """What to read, and with which network."""

    clip: Annotated[Path, tyro.conf.Positional]
    """Folder of frames (jpg, jpeg, bmp, png) or video file."""
    checkpoint: Path
    """Run directory of experiments.loso, or a PyTorch state dict (.pt) of the released program."""
    fold: str | None = None
    """Subject whose fold's network is used: for a clip of the data set, its own. The first fold if not given."""
    seed: int | None = None
    """Repetition of the run; the first one if not given."""
    classes: str | None = None
    """Class names of a .pt file, comma-separated."""
    picture: Path = Path("key_frames.png")
    """Where the key-frame picture goes (png, svg or pdf)."""
    json: bool = False
    """Print one JSON object and nothing else on standard output."""


def main(arguments: Sequence[str]) -> None:
    """Parse, read, classify, draw, print."""
    command = tyro.cli(
        PredictCommand,
        args=list(arguments),
        prog="python -m experiments.predict",
        description=__doc__,
        use_underscores=True,
    )
    keep_compiled_programs(console)
    frames, names = read_frames(command.clip)
    class_names = command.classes.split(",") if command.classes else None
    classifier = load_classifier(command.checkpoint, subject=command.fold, seed=command.seed, class_names=class_names)
    prediction = predict(classifier, frames)
    best = classifier.class_names[int(prediction.probabilities.argmax())]
    key_frame_picture(
        command.picture,
        frames,
        prediction.beta,
        prediction.selected,
        prediction.threshold,
        names=names,
        title=f"{command.clip.name}: {best} ({prediction.probabilities.max():.0%})",
    )
    if command.json:
        print(json.dumps(as_json(classifier, prediction, names)))
    else:
        print_prediction(classifier, prediction, names, command.picture)


def as_json(classifier: Classifier, prediction: Prediction, names: Sequence[str]) -> dict:
    """The prediction as JSON types."""
    return {
        "classes": list(classifier.class_names),
        "probabilities": prediction.probabilities.tolist(),
        "logits": prediction.logits.tolist(),
        "beta": prediction.beta.tolist(),
        "selected": prediction.selected.tolist(),
        "threshold": prediction.threshold,
        "frames": list(names),
        "checkpoint": classifier.source,
    }


def print_prediction(classifier: Classifier, prediction: Prediction, names: Sequence[str], picture: Path) -> None:
    """Print the prediction as a person wants to read it."""
    console.print(f"network: {classifier.source}")
    for i in prediction.probabilities.argsort()[::-1]:
        print(f"{classifier.class_names[i]:>12}  {prediction.probabilities[i]:6.1%}")
    chosen = [name for name, on in zip(names, prediction.selected, strict=True) if on]
    print(f"{len(chosen)} key frames of {len(names)}, top {names[int(prediction.beta.argmax())]}: {', '.join(chosen)}")
    console.print(f"picture: {picture}")


if __name__ == "__main__":
    run_command(main)
