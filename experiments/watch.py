"""Expressions in a video of your own, or before your camera: where they are, and which they are.

    python -m experiments.watch my_video.mp4 --spotter=runs/spot-cas_me2 --run_dir=runs/my_video
    python -m experiments.watch my_video.mp4 --spotter=s1.hdf5 --type=micro --recogniser=runs/smic-paper --flow=dis
    python -m experiments.watch 0 --spotter=runs/spot-cas_me2 --seconds=20

Face and landmarks are found once and again where the face is lost; intervals come from SOFTNet's scores, their class
from a run of any method. Writes result.json, intervals.csv, annotated.mp4 and report.html.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from akm_jax.files import read_json
from akm_jax.observe import Observer
from akm_jax.progress import track
from experiments.command import command_line, console, parse, refuse_unused, require_writable, run_command
from experiments.compiled_programs import keep_compiled_programs
from experiments.options import DRAWN, DRAWN_LONG

if TYPE_CHECKING:
    from akm_jax.data.recording import Recording
    from akm_jax.prepare.given_landmarks import GivenLandmarks
    from akm_jax.prepare.landmarks import LandmarkSource
    from akm_jax.spotting.spotters import Spotter


@dataclasses.dataclass(frozen=True)
class WatchCommand:
    """What to watch, and with which networks."""

    video: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO")]
    """Video file, or the number of a camera (0 is the first)."""
    spotter: Path
    """Run directory of experiments.spot, or a Keras file of SOFTNet (.hdf5)."""
    recogniser: Path | None = None
    """Run directory of experiments.loso, of any method, or a PyTorch state dict (.pt, .pth) that
    experiments.predict takes; without it intervals have no class."""
    method: str | None = None
    """Method of a state dict whose names do not tell it."""
    run_dir: Path = Path("watched")
    """Where results go."""
    type: Literal["micro", "macro"] | None = None
    """Which expressions; all that the run was trained for if not given, micro for a Keras file."""
    flow: Literal["tvl1", "farneback", "rlof", "dis"] | None = None
    """Optical flow; that of the spotter's training if not given. dis is the fastest, tvl1 the published one."""
    half_length_s: float | None = None
    """Half length of an expression in seconds; that of the spotter's training if not given, of a Keras file 0.2 for
    micro and 0.6 for macro."""
    threshold: float | None = None
    """From which height peaks count: 0 is the mean of the curve, 1 its maximum; that of the run if not given."""
    landmarks: Path | None = None
    """CSV with box and landmarks of the video, in place of finding them: video, box_x, box_y, box_width, box_height,
    x0, y0 .. x67, y67."""
    fps: float | None = None
    """Frames per second, in place of what the file says."""
    fold: str | None = None
    """Subject whose fold's networks are used; the first fold if not given."""
    classes: str | None = None
    """Class names of a state dict, comma-separated."""
    annotate: bool = True
    """Whether to write the annotated video."""
    seconds: float = 60.0
    """How long a camera is recorded at most; closing the window, q or Escape end it earlier."""


@command_line(writes=("--run_dir",))
def main(arguments: Sequence[str]) -> None:
    """Parse, open, watch, print."""
    command = parse(WatchCommand, arguments, program="python -m experiments.watch", description=__doc__)
    refuse_unused(arguments, _unused(command))
    from akm_jax.classifier import load_classifier
    from akm_jax.report.annotated_video import find_encoder
    from akm_jax.watch import describe_result, watch_video

    require_writable("--run_dir", command.run_dir)
    keep_compiled_programs(console)
    spotters = _spotters(command)
    recogniser = None
    if command.recogniser is not None:
        names = command.classes.split(",") if command.classes else None
        recogniser = load_classifier(command.recogniser, subject=command.fold, class_names=names, method=command.method)
    if command.annotate:
        find_encoder()  # before a camera records
    recording = _recording(command)
    for one in spotters:
        k = one.half_length(recording.fps)
        _tell(
            f"{one.type}: half length {one.half_length_s:g} s, {k} frames at {recording.fps:.4g} frames/s; {one.source}"
        )
    result = watch_video(
        recording,
        command.run_dir,
        spotters,
        recogniser=recogniser,
        source=_source(command, recording),
        flow=command.flow,
        annotate=command.annotate,
        notes=_drawn(command),
        observer=_Display(),
    )
    for note in result["notes"]:
        console.print(f"note: {note}", style="yellow", soft_wrap=True)
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in result["seconds"].items())
    _tell(f"{result['frames_per_second']:.1f} frames/s; seconds: {parts}")
    for line in describe_result(result) or ["no interval: no peak reaches the threshold"]:
        print(line)
    _tell(f"page: {command.run_dir / result['files']['page']}")


def _unused(command: WatchCommand) -> dict[str, str]:
    """Options that decide nothing for this video and these networks, and why."""
    is_camera = command.video.isdecimal()
    networks = [place for place in (command.spotter, command.recogniser) if place is not None]
    unused = {"fps": "a camera is recorded as it comes"} if is_camera else {"seconds": f"{command.video} is no camera"}
    if all(place.is_file() for place in networks):  # a folder that is mistyped is no file
        unused["fold"] = "no network is of a run that left subjects out"
    if command.recogniser is None:
        unused |= dict.fromkeys(("classes", "method"), "without --recogniser nothing is named")
    elif command.recogniser.is_dir():
        unused["classes"] = f"the run {command.recogniser} names its classes"
        unused["method"] = f"the run {command.recogniser} says its method"
    return unused


def _drawn(command: WatchCommand) -> list[str]:
    """Which of the networks know drawn faces only."""
    found = []
    for what, place in (("spotter", command.spotter), ("recogniser", command.recogniser)):
        file = None if place is None else place / "run.json"
        if file is not None and file.is_file() and read_json(file)["config"].get("dataset") in (DRAWN, DRAWN_LONG):
            found.append(f"the {what} was trained on drawn faces")
    return found


def _spotters(command: WatchCommand) -> "tuple[Spotter, ...]":
    from akm_jax.spotting.spotters import load_spotters

    given = {"half_length_s": command.half_length_s, "threshold": command.threshold}
    changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if command.half_length_s is not None and not command.half_length_s > 0:
        raise ValueError(f"--half_length_s={command.half_length_s:g}: expected seconds above 0")
    if command.threshold is not None and not 0 <= command.threshold <= 1:
        raise ValueError(f"--threshold={command.threshold:g}: expected a number from 0 to 1")
    found = load_spotters(command.spotter, wanted=command.type, subject=command.fold)
    if command.half_length_s is not None and len(found) > 1:
        raise ValueError("--half_length_s is of one type of expression, and the run has two: give --type too")
    return tuple(dataclasses.replace(one, **changed) for one in found)


def _recording(command: WatchCommand) -> "Recording":
    from akm_jax.data.recording import open_recording

    if command.video.isdecimal():
        return _record(command)
    return open_recording(command.video, fps=command.fps)


def _record(command: WatchCommand) -> "Recording":
    """Record from a camera, with a window where there is a screen."""
    from akm_jax.data.camera import record_camera
    from experiments.window import Window

    window = None
    try:
        window = Window(f"camera {command.video}")
    except (ImportError, RuntimeError) as e:
        _tell(f"no window ({e}); recording for {command.seconds:g} s")
    try:
        return record_camera(
            int(command.video),
            command.run_dir.expanduser(),
            seconds=command.seconds,
            show=lambda frame, _: window is None or window.show(frame),
        )
    finally:
        if window is not None:
            window.close()


def _source(command: WatchCommand, recording: "Recording") -> "LandmarkSource | GivenLandmarks":
    from akm_jax.prepare import LandmarkTable, MeshLandmarks

    if command.landmarks is None:
        return MeshLandmarks()
    return LandmarkTable.read(command.landmarks).video(recording.path.stem)


def _tell(text: str) -> None:
    console.print(text, soft_wrap=True)


class _Display(Observer):
    """A bar a stage on a terminal, elsewhere a line a minute."""

    def track(self, items: Iterable, what: str, total: int) -> Iterable:
        """Show it."""
        return track(items, what, total, console)


if __name__ == "__main__":
    run_command(main)
