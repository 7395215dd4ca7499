"""Emotion class and key frames of one clip: a folder of frames, or a video file (all its frames).

    python -m experiments.predict my_clip/ --checkpoint=runs/smic-paper
    python -m experiments.predict my_clip.avi --checkpoint=akmnet.pt --classes=positive,negative,surprise,others --json

The clip should run from onset to offset and show the face as the training clips do.
"""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from akm_jax.classifier import Classifier, Prediction, load_classifier, predict
from akm_jax.data.video import read_frames
from akm_jax.report.fonts import shown
from akm_jax.report.picture import key_frame_picture
from experiments.command import command_line, console, parse, require_writable, run_command
from experiments.compiled_programs import keep_compiled_programs

PICTURES = (".png", ".svg", ".pdf")
DEFAULT_PICTURE = Path("key_frames.png")


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
    picture: Path | None = None
    """Where the key-frame picture goes (png, svg or pdf); key_frames.png if not given and the folder can be written."""
    json: bool = False
    """Print one JSON object and nothing else on standard output."""


@command_line(writes=("--picture",), json=True)
def main(arguments: Sequence[str]) -> None:
    """Parse, read, classify, draw, print."""
    command = parse(PredictCommand, arguments, program="python -m experiments.predict", description=__doc__)
    picture = _place_of_picture(command.picture)
    keep_compiled_programs(console)
    frames, names = read_frames(command.clip)
    class_names = command.classes.split(",") if command.classes else None
    classifier = load_classifier(command.checkpoint, subject=command.fold, seed=command.seed, class_names=class_names)
    prediction = predict(classifier, frames)
    if not command.json:  # before the picture: what was found shall not be lost with it
        print_prediction(classifier, prediction, names)
    error = None if picture is None else _draw(picture, command.clip, classifier, prediction, frames, names)
    if command.json:
        told = {"picture": None if picture is None or error else str(picture), **({"error": error} if error else {})}
        print(json.dumps(as_json(classifier, prediction, names) | told))
    elif picture is not None and not error:
        console.print(f"picture: {picture}", soft_wrap=True)
    if error:
        if not command.json:
            console.print(f"error: {error}", style="red", soft_wrap=True)
        sys.exit(1)


def _place_of_picture(wanted: Path | None) -> Path | None:
    """Where the picture goes, checked before the work; None where nobody asked for one and it can't be written."""
    if wanted is not None:
        require_writable("--picture", wanted, PICTURES)
        return wanted
    try:
        require_writable("--picture", DEFAULT_PICTURE, PICTURES)
    except (OSError, ValueError) as e:
        console.print(f"no picture is drawn: {e}; --picture=FILE says where", style="yellow", soft_wrap=True)
        return None
    return DEFAULT_PICTURE


def _draw(
    picture: Path, clip: Path, classifier: Classifier, prediction: Prediction, frames: np.ndarray, names: Sequence[str]
) -> str | None:
    """Draw the picture; why it can't be, if it can't."""
    best = int(prediction.probabilities.argmax())
    named = shown(classifier.class_names[best], f"class {best}")
    title = f"{shown(clip.name, 'clip')}: {named} ({prediction.probabilities[best]:.0%})"
    try:
        key_frame_picture(
            picture, frames, prediction.beta, prediction.selected, prediction.threshold, names=names, title=title
        )
    except (OSError, ValueError) as e:
        return f"the picture can't be written: {e}; --picture=FILE says where"
    return None


def as_json(classifier: Classifier, prediction: Prediction, names: Sequence[str]) -> dict:
    """The prediction as JSON types."""
    return {
        "classes": list(classifier.class_names),
        "probabilities": prediction.probabilities.tolist(),
        "logits": prediction.logits.tolist(),
        "beta": prediction.beta.tolist(),
        "selected": prediction.selected.tolist(),
        "threshold": prediction.threshold,
        "top": int(prediction.beta.argmax()),
        "frames_counted_from": 0,
        "frames": list(names),
        "checkpoint": classifier.source,
    }


def print_prediction(classifier: Classifier, prediction: Prediction, names: Sequence[str]) -> None:
    """Print the prediction as a person wants to read it."""
    console.print(f"network: {classifier.source}", soft_wrap=True)
    for i in prediction.probabilities.argsort()[::-1]:
        print(f"{classifier.class_names[i]:>12}  {prediction.probabilities[i]:6.1%}")
    chosen, top = np.flatnonzero(prediction.selected), int(prediction.beta.argmax())
    file = "" if names[top] == str(top) else f" ({names[top]})"
    print(
        f"{len(chosen)} key frames of {len(names)}, counted from 0, top {top}{file}: {', '.join(map(str, chosen))}",
        flush=True,
    )


if __name__ == "__main__":
    run_command(main)
