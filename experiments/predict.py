"""Emotion class of one clip, a folder of frames or a video file, by a run of any method; of AKMNet its key frames too.

    python -m experiments.predict my_clip/ --checkpoint=runs/smic-paper
    python -m experiments.predict my_clip/ --checkpoint=runs/casme2-ststnet-paper --apex=67
    python -m experiments.predict my_clip.avi --checkpoint=akmnet.pt --classes=positive,negative,surprise,others --json

The clip should run from onset to offset (--onset, --offset). Its face is looked for, and cropped and aligned as in the
pictures that the run was trained on. Warnings say why a result may mean nothing; with --strict they end in exit code 3.
Networks give probabilities, support vector machines votes.
"""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro

from akm_jax.classifier import Classifier, Prediction, load_classifier, predict, require_memory
from akm_jax.data.frame_names import FrameOrderError
from akm_jax.data.own_clip import OwnClip, open_clip
from akm_jax.data.video import ADVICE
from akm_jax.progress import busy
from akm_jax.report.fonts import shown
from akm_jax.report.picture import key_frame_picture
from akm_jax.views.view import Clip
from datasets_tfds.as_trained import Crop, SeenClip, see_clip, training_pictures
from datasets_tfds.known_clips import KnownClip, Timing, time_clip
from experiments.command import command_line, console, parse, refuse_unused, require_writable, run_command
from experiments.compiled_programs import keep_compiled_programs

if TYPE_CHECKING:
    from akm_jax.prepare import Box, Eyes

PICTURES = (".png", ".svg", ".pdf")
DEFAULT_PICTURE = Path("key_frames.png")


@dataclasses.dataclass(frozen=True)
class PredictCommand:
    """What to read, and with which model."""

    clip: Annotated[Path, tyro.conf.Positional]
    """Folder of frames (jpg, bmp, png, tif, webp) or video file."""
    checkpoint: Path
    """Run directory of experiments.loso, of any method, or a PyTorch state dict (.pt, .pth) of AKMNet or of a compared
    network, by the names of its released program."""
    method: str | None = None
    """Method that a state dict is of, where its names do not tell."""
    fold: str | None = None
    """Subject whose fold's model is used: for a clip of the data set, its own. The first fold if not given."""
    seed: int | None = None
    """Repetition of the run; the first one if not given."""
    classes: str | None = None
    """Class names of a state dict, comma-separated."""
    frames: str | None = None
    """Which pictures of the folder are frames: a file name with # for the frame's number and * for anything."""
    onset: int | None = None
    """First frame, as numbered in the file names, in a video from 0; the first there is if not given."""
    offset: int | None = None
    """Last frame; the last there is if not given."""
    apex: int | None = None
    """Frame of the apex, numbered alike, for methods that see it. If not given: of a clip of the run's set as
    annotated, of others by the run's rule for clips without (--view.apex)."""
    fps: float | None = None
    """Frames per second, for lbp_top, lbp_sip and stclqp, unless their radius in time was set; if not given those that
    the run knows of a clip of its set, of the video, or of all its training clips."""
    crop: Crop = "auto"
    """Whether the face is cropped and aligned: as the run's pictures were, always, or never."""
    eyes: tuple[float, float, float, float] | None = None
    """Left and right eye in pixels of the frames, x y x y, where they are not to be looked for; left in the picture."""
    face_box: tuple[float, float, float, float] | None = None
    """The same for a face box: x y width height."""
    allow_missing: bool = False
    """Take what can be read of a damaged video."""
    allow_single: bool = False
    """Take a single frame for a clip."""
    strict: bool = False
    """End with exit code 3 if there are warnings."""
    picture: Path | None = None
    """Where the key-frame picture goes (png, svg or pdf), for AKMNet; key_frames.png if not given and the folder can be
    written."""
    json: bool = False
    """Print one JSON object and nothing else on standard output."""


@command_line(writes=("--picture",), json=True)
def main(arguments: Sequence[str]) -> None:
    """Parse, read, classify, draw, print."""
    command = parse(PredictCommand, arguments, program="python -m experiments.predict", description=__doc__)
    refuse_unused(arguments, _unused(command))
    if command.picture is not None:
        require_writable("--picture", command.picture, PICTURES)
    keep_compiled_programs(console)
    clip = open_own_clip(command)
    class_names = command.classes.split(",") if command.classes else None
    classifier = load_classifier(
        command.checkpoint,
        subject=command.fold,
        seed=command.seed,
        class_names=class_names,
        method=command.method,
    )
    picture = _place_of_picture(command.picture, classifier)
    require_memory(classifier.method, len(clip), *clip[0].shape)
    trained = training_pictures(command.checkpoint)
    timing = time_own_clip(command, clip, classifier, trained.known)
    seen = see_clip(clip, trained, classifier.method.frame_size, crop=command.crop, given=_given_face(command))
    seen = dataclasses.replace(seen, notes=seen.notes + timing.notes, warnings=seen.warnings + timing.warnings)
    compiles = classifier.method.name == "akmnet"
    with busy(console, "classifying" + ": the first clip of about its length is compiled" * compiles):
        prediction = predict(classifier, seen.frames, fps=timing.fps, apex=timing.apex)
    apex = find_apex(classifier, seen.frames, timing)
    if not command.json:  # before the picture: what was found shall not be lost with it
        print_prediction(classifier, prediction, clip.names, apex)
        print_seen(seen)
    no_picture = None if picture is None else _draw(picture, command.clip, classifier, prediction, seen, clip.names)
    is_refused = command.strict and bool(seen.warnings)
    errors = [no_picture] if no_picture else []
    errors += ["--strict: " + "; ".join(seen.warnings)] if is_refused else []
    if command.json:
        told = {"picture": None if picture is None or no_picture else str(picture)}
        told |= {"error": "; ".join(errors)} if errors else {}
        print(json.dumps(as_json(classifier, prediction, clip.names, apex) | describe_seen(clip, seen) | told))
    elif picture is not None and not no_picture:
        console.print(f"picture: {picture}", soft_wrap=True)
    if no_picture and not command.json:
        console.print(f"error: {no_picture}", style="red", soft_wrap=True)
    if errors:
        sys.exit(3 if is_refused else 1)


def _unused(command: PredictCommand) -> dict[str, str]:
    """Options that decide nothing for this clip and this network, and why."""
    unused: dict[str, str] = {}
    if command.checkpoint.is_dir():
        unused["classes"] = f"the run {command.checkpoint} names its classes"
        unused["method"] = f"the run {command.checkpoint} says its method"
    elif command.checkpoint.is_file():
        unused |= dict.fromkeys(("fold", "seed"), f"{command.checkpoint} is one network, not a run")
    if command.clip.is_dir():
        unused["allow_missing"] = f"{command.clip} is a folder, and no video that may be damaged"
    if command.crop == "no":
        unused |= dict.fromkeys(("eyes", "face_box"), "--crop=no leaves the pictures as they are, wherever the face is")
    return unused


def _place_of_picture(wanted: Path | None, classifier: Classifier) -> Path | None:
    """Where the picture goes; None where nobody asked for one and it can't be written, or there is none to draw.

    Raises:
        ValueError: one is asked for of a method that mines no key frames.
    """
    if wanted is not None and not classifier.mines_key_frames:
        raise ValueError(
            f"--picture={wanted}: {classifier.source} is of method {classifier.method.name!r} and mines no key frames "
            "that could be drawn; leave it out"
        )
    if wanted is not None or not classifier.mines_key_frames:
        return wanted
    try:
        require_writable("--picture", DEFAULT_PICTURE, PICTURES)
    except (OSError, ValueError) as e:
        console.print(f"no picture is drawn: {e}; --picture=FILE says where", style="yellow", soft_wrap=True)
        return None
    return DEFAULT_PICTURE


def _draw(
    picture: Path, clip: Path, classifier: Classifier, prediction: Prediction, seen: SeenClip, names: Sequence[str]
) -> str | None:
    """Draw the picture; why it can't be, if it can't."""
    best = prediction.label
    named = shown(classifier.class_names[best], f"class {best}")
    title = f"{shown(clip.name, 'clip')}: {named} ({prediction.probabilities[best]:.0%})"
    try:
        key_frame_picture(
            picture, seen.shown, prediction.beta, prediction.selected, prediction.threshold, names=names, title=title
        )
    except (OSError, ValueError) as e:
        return f"the picture can't be written: {e}; --picture=FILE says where"
    return None


def open_own_clip(command: PredictCommand) -> OwnClip:
    """The frames that the command asks for.

    Raises:
        FileNotFoundError, ValueError: as `open_clip` and `OwnClip.cut`; a damaged video, or one frame, not allowed.
    """
    try:
        clip = open_clip(command.clip, pattern=command.frames or "").cut(command.onset, command.offset)
    except FrameOrderError as e:
        way = f", or say which are with --frames='{e.pattern}'" if e.pattern else ""
        raise ValueError(f"clip {command.clip}: {e} -> rename the frames{way}") from e
    if clip.missing and not command.allow_missing:
        raise ValueError(f"{command.clip}: {clip.missing}; {ADVICE}, or take what is there with --allow_missing")
    if len(clip) == 1 and not command.allow_single:
        raise ValueError(
            f"{command.clip}: a single picture is no clip, its motion is not known; give a folder of frames or a "
            "video, or --allow_single"
        )
    return clip


def time_own_clip(command: PredictCommand, clip: OwnClip, classifier: Classifier, known: Sequence[KnownClip]) -> Timing:
    """Rate and apex of the clip.

    Raises:
        ValueError: an apex or a rate for a method that asks for none, or as `time_clip`.
    """
    method, rule = classifier.method, classifier.method.apex_rule
    if command.apex is not None and (rule is None or not rule.annotated):
        why = "does not ask which frame is the apex" if rule is None else "finds it by rule (--view.annotated=False)"
        raise ValueError(f"--apex={command.apex}: {classifier.source}, of method {method.name!r}, {why}; leave it out")
    if command.fps is not None and not method.asks_rate:
        raise ValueError(
            f"--fps={command.fps:g}: {classifier.source}, of method {method.name!r}, does not ask for the rate; leave "
            "it out"
        )
    asks: Any = "rate" if method.asks_rate else "apex" if rule is not None and rule.annotated else ""
    return time_clip(clip, known, fps=command.fps, apex=command.apex, asks=asks)


def find_apex(classifier: Classifier, frames: np.ndarray, timing: Timing) -> dict[str, Any] | None:
    """Which frame was taken for the apex, and what says so; None of a method that does not ask."""
    rule = classifier.method.apex_rule
    if rule is None:
        return None
    by = rule.apex if timing.apex < 0 or not rule.annotated else "given" if timing.is_told else "annotated"
    return {"frame": rule.find_apex(Clip(frames, timing.fps, timing.apex)), "by": by}


def _given_face(command: PredictCommand) -> "Eyes | Box | None":
    from akm_jax.prepare import Box, Eyes

    if command.eyes and command.face_box:
        raise ValueError("--eyes and --face_box both say where the face is; give one of them")
    if command.face_box:
        return Box(*command.face_box)
    return Eyes(command.eyes[:2], command.eyes[2:]) if command.eyes else None


def describe_seen(clip: OwnClip, seen: SeenClip) -> dict:
    """What was made of the clip, as JSON types."""
    return {
        "face": seen.face and seen.face.describe(),
        "warnings": list(seen.warnings),
        "notes": list(seen.notes),
        "times_s": None if clip.times is None else clip.times.tolist(),
    }


def print_seen(seen: SeenClip) -> None:
    """Print what was made of the clip."""
    for note in seen.notes:
        console.print(f"note: {note}", soft_wrap=True)
    for warning in seen.warnings:
        console.print(f"warning: {warning}", style="yellow", soft_wrap=True)


def as_json(
    classifier: Classifier, prediction: Prediction, names: Sequence[str], apex: dict[str, Any] | None
) -> dict[str, Any]:
    """The prediction as JSON types; what the method has none of is left out."""
    found: dict[str, Any] = {"method": classifier.method.name, "classes": list(classifier.class_names)}
    found["prediction"] = classifier.class_names[prediction.label]
    if classifier.method.scores == "votes":
        found["votes"] = prediction.logits.tolist()
    else:
        found |= {"probabilities": prediction.probabilities.tolist(), "logits": prediction.logits.tolist()}
    if classifier.mines_key_frames:
        found |= {
            "beta": prediction.beta.tolist(),
            "selected": prediction.selected.tolist(),
            "threshold": prediction.threshold,
            "top": int(prediction.beta.argmax()),
        }
    if apex is not None:
        found["apex"] = apex
    return found | {"frames_counted_from": 0, "frames": list(names), "checkpoint": classifier.source}


def print_prediction(
    classifier: Classifier, prediction: Prediction, names: Sequence[str], apex: dict[str, Any] | None
) -> None:
    """Print the prediction as a person wants to read it."""
    console.print(f"{classifier.method.title or classifier.method.name}: {classifier.source}", soft_wrap=True)
    is_votes = classifier.method.scores == "votes"
    for i in np.argsort(-prediction.logits, kind="stable"):
        said = _votes(prediction.logits[i]) if is_votes else f"{prediction.probabilities[i]:6.1%}"
        print(f"{classifier.class_names[i]:>12}  {said}")
    if apex is not None:
        how = {"given": "--apex", "annotated": "as annotated", "middle": "the middle", "xia": "by Xia's rule"}
        print(f"apex: frame {_named(apex['frame'], names)} of {len(names)}, counted from 0: {how[apex['by']]}")
    if classifier.mines_key_frames:
        chosen, top = np.flatnonzero(prediction.selected), _named(int(prediction.beta.argmax()), names)
        print(f"{len(chosen)} key frames of {len(names)}, counted from 0, top {top}: {', '.join(map(str, chosen))}")
    sys.stdout.flush()


def _votes(count: float) -> str:
    return f"{count:.0f} vote{'' if count == 1 else 's'}"


def _named(frame: int, names: Sequence[str]) -> str:
    """A frame by its index and its file."""
    return str(frame) if names[frame] == str(frame) else f"{frame} ({names[frame]})"


if __name__ == "__main__":
    run_command(main)
